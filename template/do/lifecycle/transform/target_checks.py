# Part of the library: `copier update` replaces this file.
"""The checks of batch transform jobs before a deployment, for do/doctor and do/plan."""

from collections.abc import Iterator

from lifecycle.aws import Aws
from lifecycle.project import ERROR, OK, Finding, finding
from lifecycle.registry import Image
from lifecycle.sagemaker.container_checks import Check, model_source, no_role, role
from lifecycle.sagemaker.target import Target
from lifecycle.sagemaker.target_checks import OF_KEY, OF_NETWORK, quota_of

__all__ = ["CHECKS", "checks_of", "no_role", "of_image", "of_settings", "role"]


def of_settings(settings: Target) -> Iterator[Finding]:
    """Yield the checks that need no calls: none."""
    yield from ()


def of_image(settings: Target, image: Image) -> Iterator[Finding]:
    """Yield the checks of an image: none, because jobs have no GPUs."""
    yield from ()


def quota(settings: Target, aws: Aws) -> Finding:
    """Return whether the quota allows the number of instances of a job."""
    name = f"{settings.instance_type} for transform job usage"
    return quota_of(settings, aws, name, settings.instance_count)


def instance(settings: Target, aws: Aws) -> Finding:
    """Return whether transform jobs can have the instance type, according to this version of the SDK."""
    known = aws.choices("sagemaker", "TransformInstanceType")
    if settings.instance_type in known:
        return finding("instance-type", OK, "instance type", settings.instance_type)
    seen = f"{settings.instance_type} is not among the {len(known)} types of transform jobs"
    next_step = "copier update --trust -d instance_type=ml.m5.large"
    return finding("instance-type", ERROR, "transform jobs cannot have this instance type", seen, next_step)


# id -> (title, the check)
CHECKS: dict[str, Check] = {
    "role": ("role", role),
    "instance-type": ("instance type", instance),
    "quota": ("quota", quota),
    "model-source": ("model", model_source),
}


def checks_of(settings: Target) -> dict[str, Check]:
    """Return the checks of these settings: id -> (title, the check)."""
    return CHECKS | (OF_NETWORK if settings.subnets else {}) | (OF_KEY if settings.kms_key else {})
