# Part of the library: `copier update` replaces this file.
"""The checks of a serverless endpoint before its deployment, for do/doctor and do/plan."""

from collections.abc import Iterator

from lifecycle.project import ERROR, OK, Finding, finding
from lifecycle.registry import Image
from lifecycle.sagemaker.container_checks import Check, model_source, no_role, role
from lifecycle.serverless.target import Target

MOST_BYTES = 10 * 1024**3
__all__ = ["CHECKS", "checks_of", "no_role", "of_image", "of_settings", "role"]


def of_settings(settings: Target) -> Iterator[Finding]:
    """Yield the checks that need no calls: none."""
    yield from ()


def of_image(settings: Target, image: Image) -> Iterator[Finding]:
    """Yield whether the image is too large, from the compressed size of its layers."""
    seen = f"{image.size / 1024**3:.1f} GiB compressed; SageMaker accepts 10 GiB uncompressed"
    if image.size > MOST_BYTES:
        next_step = "remove packages from requirements.in, or set deployment_target=managed-inference"
        yield finding("image-size", ERROR, "the image is too large for serverless inference", seen, next_step)
    else:
        yield finding("image-size", OK, "image size", seen)


CHECKS: dict[str, Check] = {"role": ("role", role), "model-source": ("model", model_source)}


def checks_of(settings: Target) -> dict[str, Check]:
    """Return the checks of these settings: id -> (title, the check)."""
    return CHECKS
