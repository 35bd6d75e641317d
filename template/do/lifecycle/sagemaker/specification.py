# Part of the library: `copier update` replaces this file.
"""The desired state in AWS: the requests that create it, from the settings alone."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from lifecycle.sagemaker import alarms
from lifecycle.sagemaker.target import Target

VARIANT = "main"
CPU_CORES = 1  # reserved for a copy without GPUs; a copy can use all cores of its instance
IDLE_MINUTES = 5  # the minimum
NEVER = "never"
MOST_BATCHES = 3  # of an update in batches of half of the copies, rounded down
EXPIRES_AT = "mcc-expires-at"
LOAD = "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution"
DEFAULT_METRICS_PATH = "/metrics"
REGIONS = Path(__file__).with_name("regions.toml")  # those without some features of components
COMPONENT = "inference component"
Request = dict[str, Any]
DesiredState = list[tuple[str, str, Request]]  # kind, name, and the request that creates it


def desired(settings: Target, image: str) -> DesiredState:
    """Return the requests that create an endpoint for an image, in order and without tags."""
    name, config, container = settings.project_name, endpoint_config(settings), container_of(settings, image)
    endpoint = {"EndpointName": name, "EndpointConfigName": config["EndpointConfigName"]}
    hosts: DesiredState = [
        ("endpoint config", config["EndpointConfigName"], config),
        ("endpoint", name, endpoint),
        *(("alarm", request["AlarmName"], request) for request in alarms.requests(settings)),
    ]
    if not settings.model_data.endswith("/"):
        component = component_of(settings, {"Container": container})
        return [*hosts, (COMPONENT, name, component), *scaling(settings)]
    model = model_of(settings, image)
    component = component_of(settings, {"ModelName": model["ModelName"]})
    model_and_component = [("model", model["ModelName"], model), (COMPONENT, name, component)]
    return [*hosts, *model_and_component, *scaling(settings)]


def endpoint_config(settings: Target) -> Request:
    """Return the request for the instances. The name contains a hash, because a config is immutable."""
    least = 0 if settings.scale_to_zero else settings.instance_count
    limits: Request = {"MinInstanceCount": least, "MaxInstanceCount": settings.max_instance_count}
    if settings.scale_to_zero:  # by default, an idle instance is billed for up to half an hour
        limits["ScaleInPolicy"] = {"Strategy": "IDLE_RELEASE", "CooldownInMinutes": IDLE_MINUTES}
    variant: Request = {
        "VariantName": VARIANT,
        "InstanceType": settings.instance_type,
        "InitialInstanceCount": settings.instance_count,
        "ManagedInstanceScaling": {"Status": "ENABLED", **limits},
        "RoutingConfig": routing(settings),
        "VariantInstanceProvisionTimeoutInSeconds": settings.provision_seconds,
        **({"InferenceAmiVersion": settings.ami} if settings.ami else {}),
    }
    # Without a value, SageMaker requests /metrics of the container, whether it has that route or not.
    metrics = {"EnableDetailedObservability": settings.detailed_metrics}
    content = {
        "ExecutionRoleArn": settings.role_arn,
        "ProductionVariants": [variant],
        "MetricsConfig": metrics,
        **network_of(settings),
        **({"KmsKeyId": settings.kms_key} if settings.kms_key else {}),
    }
    return {"EndpointConfigName": numbered(settings, content), **content}


def routing(settings: Target) -> Request:
    """Return how the instance of a request is chosen. With a common prefix, its cache has the prefix."""
    if settings.routing != "prefix-aware":
        return {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}
    lengths = {
        "PrefixLength": settings.routing_prefix_bytes,
        "ConcurrencyThreshold": settings.routing_concurrency,
    }
    return {"RoutingStrategy": "PREFIX_AWARE", "PrefixAwareRoutingConfig": lengths}


def network_of(settings: Target) -> Request:
    """Return the private network of the containers, {} for the network of SageMaker.

    An endpoint config and a model that it hosts must have the same.
    """
    groups = {"SecurityGroupIds": settings.security_groups, "Subnets": settings.subnets}
    return {
        **({"VpcConfig": groups} if settings.subnets else {}),
        **({"EnableNetworkIsolation": True} if settings.network_isolation else {}),
    }


def container_of(settings: Target, image: str) -> Request:
    """Return the container of a component or a model."""
    archive = settings.model_data.endswith(".tar.gz")
    artifact = {"ArtifactUrl": settings.model_data} if archive else {}
    scraped = {"MetricsEndpoints": [{"MetricsEndpointPath": settings.metrics_path}]}
    explicit = settings.detailed_metrics and settings.metrics_path != DEFAULT_METRICS_PATH
    metrics = {"ContainerMetricsConfig": scraped} if explicit else {}
    return {"Image": image, "Environment": dict(settings.environment), **artifact, **metrics}


def component_of(settings: Target, source: Request) -> Request:
    """Return the request for a component with its reserved resources; `source` is a container or model."""
    resources: Request = {"MinMemoryRequiredInMb": settings.memory_mib}
    if settings.accelerators:
        resources["NumberOfAcceleratorDevicesRequired"] = settings.accelerators
    else:
        resources["NumberOfCpuCoresRequired"] = CPU_CORES
    limits = {
        "ModelDataDownloadTimeoutInSeconds": settings.download_seconds,
        "ContainerStartupHealthCheckTimeoutInSeconds": settings.startup_seconds,
    }
    needs = {"StartupParameters": limits, "ComputeResourceRequirements": resources}
    return {
        "InferenceComponentName": settings.project_name,
        "EndpointName": settings.project_name,
        "VariantName": VARIANT,
        "Specification": {**source, **needs},
        "RuntimeConfig": {"CopyCount": settings.copies},
    }


def model_of(settings: Target, image: str) -> Request:
    """Return the request for a model. A component accepts one archive, or a model of many files."""
    container = container_of(settings, image)
    if "ArtifactUrl" in container:
        container["ModelDataUrl"] = container.pop("ArtifactUrl")
    if not settings.model_data.endswith("/"):
        return _model(settings, container)
    files = {"S3Uri": settings.model_data, "S3DataType": "S3Prefix", "CompressionType": "None"}
    return _model(settings, {**container, "ModelDataSource": {"S3DataSource": files}})


def _model(settings: Target, container: Request) -> Request:
    content = {"ExecutionRoleArn": settings.role_arn, "PrimaryContainer": container, **network_of(settings)}
    return {"ModelName": numbered(settings, content), **content}


def component_update(component: Request, copies: int, watched: Sequence[str] = ()) -> Request:
    """Return the request that updates a component in batches of half of its running copies.

    A batch must be 5 to 50 % of the running copies, so fewer than two copies are updated without batches, and
    without the rollback by the alarms in `watched`.
    """
    changed = {name: component[name] for name in ("InferenceComponentName", "Specification")}
    if copies < 2:
        return changed
    size = {"Type": "COPY_COUNT", "Value": copies // 2}
    wait = alarms.BAKE_SECONDS if watched else 0
    policy = {"MaximumBatchSize": size, "WaitIntervalInSeconds": wait}
    return {**changed, "DeploymentConfig": {"RollingUpdatePolicy": policy, **alarms.rollback(watched)}}


class Rollout(NamedTuple):
    """The maximum number of batches of a change, and the seconds that AWS waits after each."""

    batches: int = 1
    wait_seconds: int = 0


def rollout(request: Request) -> Rollout:
    """Return the batches of an update."""
    policy = request.get("DeploymentConfig", {}).get("RollingUpdatePolicy")
    return Rollout(MOST_BATCHES, policy["WaitIntervalInSeconds"]) if policy else Rollout()


def reserved(settings: Target) -> str:
    """Return the memory and GPUs that each copy reserves, in a line."""
    mib, gpus = settings.memory_mib, settings.accelerators
    size = f"{mib / 1024:.1f} GiB" if mib >= 1024 else f"{mib} MiB"
    devices = f" and {gpus} GPU{'s' if gpus > 1 else ''}" if gpus else ""
    copies = "1 copy" if settings.copies == 1 else f"{settings.copies} copies"
    return f"{size} of memory{devices} reserved for each copy ({copies})"


def scaling(settings: Target) -> DesiredState:
    """Return the requests that scale the copies with the load; [] for a fixed number."""
    if not settings.scales:
        return []
    name, target = settings.project_name, scalable_target(settings.project_name)
    least = 0 if settings.scale_to_zero else settings.copies
    metric = {"PredefinedMetricSpecification": {"PredefinedMetricType": LOAD}}
    tracking = {**metric, "TargetValue": float(settings.requests_per_copy)}
    load = {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": tracking}
    by_load: DesiredState = [
        ("scalable target", name, {**target, "MinCapacity": least, "MaxCapacity": settings.max_copies}),
        ("scaling policy", f"{name}-load", {**target, "PolicyName": f"{name}-load", **load}),
    ]
    if not settings.scale_to_zero:
        return by_load
    from_zero = f"{name}-from-zero"
    first_copy = {
        "AdjustmentType": "ChangeInCapacity",
        "MetricAggregationType": "Maximum",
        "Cooldown": 60,
        "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}],
    }
    step = {"PolicyType": "StepScaling", "StepScalingPolicyConfiguration": first_copy}
    refused_calls = {
        "AlarmName": from_zero,
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
    policy = {**target, "PolicyName": from_zero, **step}
    return [*by_load, ("scaling policy", from_zero, policy), ("alarm", from_zero, refused_calls)]


def scalable_target(component: str) -> dict[str, str]:
    """Return the parameters by which Application Auto Scaling identifies the copies of a component."""
    dimension = "sagemaker:inference-component:DesiredCopyCount"
    about = {"ServiceNamespace": "sagemaker", "ScalableDimension": dimension}
    return {**about, "ResourceId": f"inference-component/{component}"}


def expiry(hours: float) -> dict[str, str]:
    """Return the tag with the time when a resource that is created or changed now expires; 0: never."""
    expires = NEVER
    if hours:
        expires = (datetime.now(UTC) + timedelta(hours=hours)).isoformat(timespec="seconds")
    return {EXPIRES_AT: expires}


def numbered(settings: Target, content: Request) -> str:
    """Return the name of an immutable resource, which ends in a hash of its content."""
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return f"{settings.name_prefix}{digest[:8]}"
