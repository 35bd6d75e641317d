# Part of the library: `copier update` replaces this file.
"""The checks of a SageMaker endpoint before its deployment, for do/doctor and do/plan."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from lifecycle.aws import Aws, AwsFailure
from lifecycle.project import ERROR, NOT_CHECKED, OK, WARNING, Finding, finding, read_toml
from lifecycle.registry import Image
from lifecycle.sagemaker import network
from lifecycle.sagemaker.container_checks import Check, model_source, no_role, role
from lifecycle.sagemaker.specification import REGIONS
from lifecycle.sagemaker.target import Target

LATELY = timedelta(minutes=15)
__all__ = ["CHECKS", "checks_of", "no_role", "of_image", "of_settings", "role"]


def of_image(settings: Target, image: Image) -> Iterator[Finding]:
    """Yield whether the driver of the instances supports the CUDA version of an image."""
    if settings.accelerators and not settings.ami:
        seen = "ami is empty, so SageMaker selects an old driver (CUDA 11.4 to 12.2)"
        next_step = "set ami and ami_cuda in do/config.toml, as copier copy does"
        yield finding("driver", WARNING, "no driver is selected for the GPUs", seen, next_step)
    cuda = image.environment.get("CUDA_VERSION", "")
    if not settings.ami_cuda or not cuda:
        return
    seen = f"the image has CUDA {cuda}, {settings.ami} supports up to {settings.ami_cuda}"
    if _numbers(cuda) <= _numbers(settings.ami_cuda):
        yield finding("driver", OK, "driver", seen)
        return
    next_step = (
        "set ami and ami_cuda to a newer version, or add the CUDA compatibility libraries to the image"
    )
    yield finding(
        "driver", WARNING, "the driver does not support the CUDA version of the image", seen, next_step
    )


def quota(settings: Target, aws: Aws) -> Finding:
    """Return whether the quota allows the number of instances, and how many are in use."""
    name = f"{settings.instance_type} for endpoint usage"
    return quota_of(settings, aws, name, settings.max_instance_count)


def quota_of(settings: Target, aws: Aws, name: str, most: int) -> Finding:
    """Return whether a quota of SageMaker allows the instances, of which there are at most `most`."""
    least = settings.instance_count
    found = _quota(aws, "list_service_quotas", name) or _quota(aws, "list_aws_default_service_quotas", name)
    if found is None:
        return finding("quota", NOT_CHECKED, "quota", f"Service Quotas does not list '{name}'")
    value, used = found["Value"], _used(aws, found.get("UsageMetric", {}))
    seen = f"'{name}' is {value:.0f}" + ("" if used is None else f", {used:.0f} in use")
    next_step = f"request an increase of '{name}' in Service Quotas, or set another instance_type"
    if value < least:
        return finding("quota", ERROR, "instance quota is too low", seen, next_step)
    if value < most:
        what = f"instance quota is too low for max_instance_count = {most}"
        return finding("quota", WARNING, what, seen, next_step)
    if used is not None and value - used < least:
        what = f"fewer than instance_count = {least} are free, unless this endpoint uses them already"
        return finding("quota", WARNING, what, seen, next_step)
    return finding("quota", OK, "quota", seen)


def _quota(aws: Aws, operation: str, name: str) -> dict[str, Any] | None:
    """Return a quota of SageMaker; the account's list can lack quotas that were never increased."""
    listed = aws.pages("service-quotas", operation, "Quotas", ServiceCode="sagemaker")
    return next((entry for entry in listed if entry["QuotaName"] == name), None)


def region(settings: Target) -> Finding:
    """Return whether the Region accepts the endpoint, as far as that is known without a call."""
    known = read_toml(REGIONS)
    if settings.scale_to_zero and settings.region in known["without_zero"]:
        seen = f"scale_to_zero = true, and SageMaker requires an instance in {settings.region}"
        next_step = "set scale_to_zero = false, or use another region"
        return finding("components", ERROR, "the Region rejects scaling to zero", seen, next_step)
    if settings.region in known["without_schema"]:
        what = f"inference components can be unavailable in {settings.region}"
        seen = "AWS publishes no CloudFormation schema of them there"
        next_step = "use another region if do/deploy is rejected"
        return finding("components", WARNING, what, seen, next_step)
    return finding("components", OK, "inference components", f"available in {settings.region}")


def of_settings(settings: Target) -> Iterator[Finding]:
    """Yield the checks that need no calls."""
    yield region(settings)


# id -> (title, the check)
CHECKS: dict[str, Check] = {
    "role": ("role", role),
    "components": ("inference components", lambda settings, _aws: region(settings)),
    "quota": ("quota", quota),
    "model-source": ("model", model_source),
}
OF_NETWORK: dict[str, Check] = {
    "network": ("network", network.of_vpc),
    "vpc-endpoints": ("VPC endpoints", network.of_vpc_endpoints),
}
OF_KEY: dict[str, Check] = {"kms-key": ("KMS key", network.of_key)}


def checks_of(settings: Target) -> dict[str, Check]:
    """Return the checks of these settings: id -> (title, the check)."""
    return CHECKS | (OF_NETWORK if settings.subnets else {}) | (OF_KEY if settings.kms_key else {})


def _numbers(version: str) -> list[int]:
    """Return the first two numbers of a version, to compare."""
    return [int(part) for part in version.split(".")[:2] if part.isdigit()]


def _used(aws: Aws, metric: dict[str, Any]) -> float | None:
    """Return the recent usage of a quota, None if CloudWatch has no data."""
    if not metric:
        return None
    now, statistic = datetime.now(UTC), metric.get("MetricStatisticRecommendation", "Maximum")
    dimensions = [{"Name": key, "Value": value} for key, value in metric["MetricDimensions"].items()]
    named = {"Namespace": metric["MetricNamespace"], "MetricName": metric["MetricName"]}
    request = {**named, "Dimensions": dimensions, "Statistics": [statistic], "Period": 60}
    try:
        found = aws.call(
            "cloudwatch", "get_metric_statistics", StartTime=now - LATELY, EndTime=now, **request
        )
    except AwsFailure:
        return None
    points = sorted(found["Datapoints"], key=lambda point: str(point["Timestamp"]))
    return float(points[-1][statistic]) if points else None
