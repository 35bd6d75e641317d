"""What is asked of AWS for this project: the requests, made of the settings alone."""

import hashlib
import json
from datetime import datetime, timedelta, timezone
from typing import Any

from lifecycle.target import Target

VARIANT = "main"
Request = dict[str, Any]


def wanted(settings: Target, image: str) -> dict[str, Any]:
    """Return every request that makes the endpoint serve an image, by what it makes; without tags."""
    component, model = inference_component(settings, image), None
    if settings.model_data.endswith("/"):
        model = model_of(settings, component["Specification"].pop("Container"))
        component["Specification"]["ModelName"] = model["ModelName"]
    config = endpoint_config(settings)
    endpoint = {"EndpointName": settings.project_name, "EndpointConfigName": config["EndpointConfigName"]}
    return {
        "endpoint config": config,
        "endpoint": endpoint,
        "model": model,
        "inference component": component,
        "scaling": scaling(settings),
    }


def endpoint_config(settings: Target) -> Request:
    """Return the request for the instances. Its name tells its content, for it cannot be changed."""
    variant: Request = {
        "VariantName": VARIANT,
        "InstanceType": settings.instance_type,
        "InitialInstanceCount": settings.instance_count,
        "ManagedInstanceScaling": {
            "Status": "ENABLED",
            "MinInstanceCount": 0 if settings.scale_to_zero else settings.instance_count,
            "MaxInstanceCount": settings.max_instance_count,
        },
        "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
    }
    if settings.ami:
        variant["InferenceAmiVersion"] = settings.ami
    content = {"ExecutionRoleArn": settings.role_arn, "ProductionVariants": [variant]}
    return {"EndpointConfigName": _name_of(settings, content), **content}


def inference_component(settings: Target, image: str) -> Request:
    """Return the request for the container and what is kept for each copy of it."""
    container: Request = {"Image": image, "Environment": dict(settings.environment)}
    if settings.model_data.endswith(".tar.gz"):
        container["ArtifactUrl"] = settings.model_data
    resources: Request = {"MinMemoryRequiredInMb": settings.memory_mib}
    if settings.accelerators:
        resources["NumberOfAcceleratorDevicesRequired"] = settings.accelerators
    return {
        "InferenceComponentName": settings.project_name,
        "EndpointName": settings.project_name,
        "VariantName": VARIANT,
        "Specification": {
            "Container": container,
            "StartupParameters": {
                "ModelDataDownloadTimeoutInSeconds": settings.download_seconds,
                "ContainerStartupHealthCheckTimeoutInSeconds": settings.startup_seconds,
            },
            "ComputeResourceRequirements": resources,
        },
        "RuntimeConfig": {"CopyCount": settings.copies},
    }


def model_of(settings: Target, container: Request) -> Request:
    """Return the request for a model of many files: a component takes one archive, or such a model."""
    files = {"S3Uri": settings.model_data, "S3DataType": "S3Prefix", "CompressionType": "None"}
    primary = {**container, "ModelDataSource": {"S3DataSource": files}}
    content = {"ExecutionRoleArn": settings.role_arn, "PrimaryContainer": primary}
    return {"ModelName": _name_of(settings, content), **content}


def component_update(component: Request, copies: int) -> Request:
    """Return the request that brings a component up to date, at most half of its copies at a time."""
    size = {"Type": "COPY_COUNT", "Value": max(1, copies // 2)}
    policy = {"MaximumBatchSize": size, "WaitIntervalInSeconds": 0}
    changed = {name: component[name] for name in ("InferenceComponentName", "Specification")}
    return {**changed, "DeploymentConfig": {"RollingUpdatePolicy": policy}}


def scaling(settings: Target) -> dict[str, Request]:
    """Return the requests that make the copies follow the load, {} when their number is fixed."""
    if not settings.scales:
        return {}
    name, target = settings.project_name, scalable_target(settings.project_name)
    least = 0 if settings.scale_to_zero else settings.copies
    load = {
        "PredefinedMetricSpecification": {
            "PredefinedMetricType": "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution"
        },
        "TargetValue": float(settings.requests_per_copy),
    }
    requests: dict[str, Request] = {
        "scalable target": {**target, "MinCapacity": least, "MaxCapacity": settings.max_copies},
        "policy for load": {
            **target,
            "PolicyName": f"{name}-load",
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": load,
        },
    }
    if settings.scale_to_zero:
        first_copy = {
            "AdjustmentType": "ChangeInCapacity",
            "MetricAggregationType": "Maximum",
            "Cooldown": 60,
            "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
        }
        requests["policy from zero"] = {
            **target,
            "PolicyName": f"{name}-from-zero",
            "PolicyType": "StepScaling",
            "StepScalingPolicyConfiguration": first_copy,
        }
        requests["alarm"] = {
            "AlarmName": f"{name}-from-zero",
            "Namespace": "AWS/SageMaker",
            "MetricName": "NoCapacityInvocationFailures",
            "Dimensions": [{"Name": "InferenceComponentName", "Value": name}],
            "Statistic": "Maximum",
            "Period": 30,
            "EvaluationPeriods": 1,
            "DatapointsToAlarm": 1,
            "Threshold": 1.0,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
            "TreatMissingData": "missing",
        }
    return requests


def scalable_target(component: str) -> dict[str, str]:
    """Return how Application Auto Scaling names the copies of a component."""
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"inference-component/{component}",
        "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
    }


def tags(settings: Target, created_by: str) -> dict[str, str]:
    """Return the tags of what is made now."""
    named = {**settings.tags, "mcc-created-by": created_by[:256]}
    if settings.expires_after_hours:
        moment = datetime.now(timezone.utc) + timedelta(hours=settings.expires_after_hours)
        named["mcc-expires-at"] = moment.isoformat(timespec="seconds")
    return named


def _name_of(settings: Target, content: Request) -> str:
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return f"{settings.name_prefix}{digest[:8]}"
