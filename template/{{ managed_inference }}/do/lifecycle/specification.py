"""What is asked of AWS for this project: the requests, made of the settings alone."""

import hashlib
import json
from datetime import datetime, timedelta, timezone
from typing import Any

from lifecycle.target import Target

VARIANT = "main"
NEVER = "never"
LOAD = "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution"
Request = dict[str, Any]


def wanted(settings: Target, image: str) -> dict[str, Any]:
    """Return every request that makes the endpoint serve an image, by what it makes; without tags."""
    component, model = inference_component(settings, image), None
    if settings.model_data.endswith("/"):
        model = model_of(settings, component["Specification"].pop("Container"))
        component["Specification"]["ModelName"] = model["ModelName"]
    config = endpoint_config(settings)
    endpoint = {"EndpointName": settings.project_name, "EndpointConfigName": config["EndpointConfigName"]}
    made = {"endpoint config": config, "endpoint": endpoint, "model": model, "inference component": component}
    return {**made, "scaling": scaling(settings)}


def endpoint_config(settings: Target) -> Request:
    """Return the request for the instances. Its name tells its content, for it cannot be changed."""
    least = 0 if settings.scale_to_zero else settings.instance_count
    limits = {"MinInstanceCount": least, "MaxInstanceCount": settings.max_instance_count}
    variant: Request = {
        "VariantName": VARIANT,
        "InstanceType": settings.instance_type,
        "InitialInstanceCount": settings.instance_count,
        "ManagedInstanceScaling": {"Status": "ENABLED", **limits},
        "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
    }
    if settings.ami:
        variant["InferenceAmiVersion"] = settings.ami
    content = {"ExecutionRoleArn": settings.role_arn, "ProductionVariants": [variant]}
    return {"EndpointConfigName": _numbered(settings, content), **content}


def inference_component(settings: Target, image: str) -> Request:
    """Return the request for the container and what is kept for each copy of it."""
    container: Request = {"Image": image, "Environment": dict(settings.environment)}
    if settings.model_data.endswith(".tar.gz"):
        container["ArtifactUrl"] = settings.model_data
    resources: Request = {"MinMemoryRequiredInMb": settings.memory_mib}
    if settings.accelerators:
        resources["NumberOfAcceleratorDevicesRequired"] = settings.accelerators
    limits = {
        "ModelDataDownloadTimeoutInSeconds": settings.download_seconds,
        "ContainerStartupHealthCheckTimeoutInSeconds": settings.startup_seconds,
    }
    names = {"InferenceComponentName": settings.project_name, "EndpointName": settings.project_name}
    specification = {
        "Container": container,
        "StartupParameters": limits,
        "ComputeResourceRequirements": resources,
    }
    copies = {"CopyCount": settings.copies}
    return {**names, "VariantName": VARIANT, "Specification": specification, "RuntimeConfig": copies}


def model_of(settings: Target, container: Request) -> Request:
    """Return the request for a model of many files: a component takes one archive, or such a model."""
    files = {"S3Uri": settings.model_data, "S3DataType": "S3Prefix", "CompressionType": "None"}
    primary = {**container, "ModelDataSource": {"S3DataSource": files}}
    content = {"ExecutionRoleArn": settings.role_arn, "PrimaryContainer": primary}
    return {"ModelName": _numbered(settings, content), **content}


def component_update(component: Request, copies: int) -> Request:
    """Return the request that brings a component up to date, at most half of its copies at a time."""
    size = {"Type": "COPY_COUNT", "Value": max(1, copies // 2)}
    policy = {"MaximumBatchSize": size, "WaitIntervalInSeconds": 0}
    changed = {name: component[name] for name in ("InferenceComponentName", "Specification")}
    return {**changed, "DeploymentConfig": {"RollingUpdatePolicy": policy}}


def scaling(settings: Target) -> list[tuple[str, Request]]:
    """Return the requests that make the copies follow the load, each with its kind; [] for a fixed number."""
    if not settings.scales:
        return []
    name, target = settings.project_name, scalable_target(settings.project_name)
    limits = {
        "MinCapacity": 0 if settings.scale_to_zero else settings.copies,
        "MaxCapacity": settings.max_copies,
    }
    metric = {"PredefinedMetricSpecification": {"PredefinedMetricType": LOAD}}
    tracking = {**metric, "TargetValue": float(settings.requests_per_copy)}
    load = {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": tracking}
    requests: list[tuple[str, Request]] = [
        ("scalable target", {**target, **limits}),
        ("scaling policy", {**target, "PolicyName": f"{name}-load", **load}),
    ]
    if settings.scale_to_zero:
        first_copy = {
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Maximum",
            "Cooldown": 60,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
        }
        step = {"PolicyType": "StepScaling", "StepScalingPolicyConfiguration": first_copy}
        refused_calls = {
            "AlarmName": f"{name}-from-zero",
            "Namespace": "AWS/SageMaker",
            "MetricName": "NoCapacityInvocationFailures",
            "Dimensions": [{"Name": "InferenceComponentName", "Value": name}],
            "Statistic": "Maximum",
            "Period": 30,
            "EvaluationPeriods": 1,
            "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "missing",
        }
        requests.append(("scaling policy", {**target, "PolicyName": f"{name}-from-zero", **step}))
        requests.append(("alarm", refused_calls))
    return requests


def scalable_target(component: str) -> dict[str, str]:
    """Return how Application Auto Scaling names the copies of a component."""
    dimension = "sagemaker:inference-component:DesiredCopyCount"
    about = {"ServiceNamespace": "sagemaker", "ScalableDimension": dimension}
    return {**about, "ResourceId": f"inference-component/{component}"}


def name_of(request: Request) -> str:
    """Return the name of what a request for scaling makes."""
    named = request.get("PolicyName") or request.get("AlarmName")
    return str(named or request["ResourceId"].partition("/")[2])


def tags(settings: Target, created_by: str) -> dict[str, str]:
    """Return the tags of what is made now."""
    expires, hours = NEVER, settings.expires_after_hours
    if hours:
        expires = (datetime.now(timezone.utc) + timedelta(hours=hours)).isoformat(timespec="seconds")
    return {**settings.tags, "mcc-created-by": created_by[:256], "mcc-expires-at": expires}


def _numbered(settings: Target, content: Request) -> str:
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return f"{settings.name_prefix}{digest[:8]}"
