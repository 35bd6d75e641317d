# Part of the library: `copier update` replaces this file.
"""The checks of a serverless endpoint before its deployment, for do/doctor and do/plan."""

from collections.abc import Callable, Iterator

from lifecycle.aws import Aws
from lifecycle.project import ERROR, OK, Finding, finding
from lifecycle.registry import Image
from lifecycle.sagemaker.target_checks import CHECKS as SAGEMAKER
from lifecycle.sagemaker.target_checks import no_role, role
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


# id -> (title, the check)
CHECKS: dict[str, tuple[str, Callable[[Target, Aws], Finding]]] = {
    name: SAGEMAKER[name] for name in ("role", "model-source")
}


def checks_of(settings: Target) -> dict[str, tuple[str, Callable[[Target, Aws], Finding]]]:
    """Return the checks of these settings: id -> (title, the check)."""
    return CHECKS
