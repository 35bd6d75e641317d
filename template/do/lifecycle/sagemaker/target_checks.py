# Part of the library: `copier update` replaces this file.
"""The checks of a SageMaker endpoint before its deployment, for do/doctor and do/plan."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lifecycle.aws import Aws, AwsFailure
from lifecycle.project import ERROR, NOT_CHECKED, OK, PROJECT, WARNING, Finding, finding, read_toml
from lifecycle.registry import Image
from lifecycle.sagemaker import network
from lifecycle.sagemaker.target import Target

HOSTING = "sagemaker.amazonaws.com"
LATELY = timedelta(minutes=15)
REGIONS = Path(__file__).with_name("regions.toml")


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


def role(settings: Target, aws: Aws) -> Finding:
    """Return whether SageMaker can assume the role."""
    what, next_step = "the role cannot be used", settings.role_command
    if not settings.role_arn:
        return no_role(settings)
    found = aws.find("iam", "get_role", RoleName=settings.role_arn.rpartition("/")[2])
    if found is None:
        return finding("role", ERROR, what, f"{settings.role_arn} does not exist", next_step)
    trust = found["Role"]["AssumeRolePolicyDocument"]
    if HOSTING not in _trusted(trust):
        seen = f"its trust policy does not name {HOSTING}: {json.dumps(trust)}"
        return finding("role", ERROR, what, seen, next_step)
    return finding("role", OK, "role", settings.role_arn)


def no_role(settings: Target) -> Finding:
    """Return that the settings name no role, and how to create one."""
    return finding("role", ERROR, "the container has no IAM role", "role_arn is empty", settings.role_command)


def quota(settings: Target, aws: Aws) -> Finding:
    """Return whether the quota allows the number of instances, and how many are in use."""
    name, least = f"{settings.instance_type} for endpoint usage", settings.instance_count
    found = _quota(aws, "list_service_quotas", name) or _quota(aws, "list_aws_default_service_quotas", name)
    if found is None:
        return finding("quota", NOT_CHECKED, "quota", f"Service Quotas does not list '{name}'")
    value, used = found["Value"], _used(aws, found.get("UsageMetric", {}))
    seen = f"'{name}' is {value:.0f}" + ("" if used is None else f", {used:.0f} in use")
    next_step = f"request an increase of '{name}' in Service Quotas, or set another instance_type"
    if value < least:
        return finding("quota", ERROR, "instance quota is too low", seen, next_step)
    if value < settings.max_instance_count:
        what = f"instance quota is too low for max_instance_count = {settings.max_instance_count}"
        return finding("quota", WARNING, what, seen, next_step)
    if used is not None and value - used < least:
        what = f"fewer than instance_count = {least} are free, unless this endpoint uses them already"
        return finding("quota", WARNING, what, seen, next_step)
    return finding("quota", OK, "quota", seen)


def _quota(aws: Aws, operation: str, name: str) -> dict[str, Any] | None:
    """Return a quota of SageMaker; the account's list can lack quotas that were never increased."""
    listed = aws.pages("service-quotas", operation, "Quotas", ServiceCode="sagemaker")
    return next((entry for entry in listed if entry["QuotaName"] == name), None)


def model_source(settings: Target, aws: Aws) -> Finding:
    """Return whether the model is where the container loads it from, if that can be checked."""
    file = PROJECT / "serving" / "settings.toml"
    source = settings.model_data or (str(read_toml(file).get("model", "")) if file.exists() else "")
    if source.startswith("s3://"):
        bucket, _, prefix = source.removeprefix("s3://").partition("/")
        if aws.call("s3", "list_objects_v2", Bucket=bucket, Prefix=prefix, MaxKeys=1).get("KeyCount"):
            return finding("model-source", OK, "model", source)
        return finding("model-source", ERROR, "no model found in S3", source, f"aws s3 ls {source}")
    if not source:
        return finding("model-source", OK, "model", "in the image")
    return _of_the_hub(source, settings.call_seconds)


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
Check = tuple[str, Callable[[Target, Aws], Finding]]
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


def _trusted(document: dict[str, Any]) -> set[str]:
    """Return the services that a trust policy allows to assume the role."""
    statements, named = document["Statement"], set[str]()
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        if statement["Effect"] == "Allow":
            named |= {services} if isinstance(services, str) else set(services)
    return named


def _of_the_hub(model: str, seconds: float) -> Finding:
    import urllib.error
    import urllib.request

    url = f"https://huggingface.co/api/models/{model}"
    try:
        with urllib.request.urlopen(url, timeout=seconds) as response:
            details = json.load(response)
    except urllib.error.HTTPError as error:
        what, seen = "the model is not public on the Hugging Face Hub", f"{url}: status {error.code}"
        next_step = "check the name; a private model requires hf_token_secret_arn"
        return finding("model-source", WARNING, what, seen, next_step)
    except (OSError, ValueError) as error:
        return finding("model-source", NOT_CHECKED, "model", f"{url}: {error}", "check the network")
    if details.get("gated"):
        next_step = f"request access at https://huggingface.co/{model}, and set hf_token_secret_arn"
        return finding("model-source", WARNING, "the model is gated", model, next_step)
    return finding("model-source", OK, "model", f"{model} on the Hugging Face Hub")
