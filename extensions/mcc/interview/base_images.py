"""The base image of a project: one that contains the chosen server."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from ..catalog import catalog
from ..servers import triton
from . import answer_formats, locks, questions

TAG_AND_DIGEST = re.compile(r"(:[^/:@]+)?(@sha256:[0-9a-f]{64})?$")
PYTHON_TAG = re.compile(r"(?:^|/)python:(3\.[0-9]+)")


def problem(image: str, deployment_config: str, model_format: str = "", pythons: Sequence[str] = ()) -> str:
    """Return why an image cannot serve a deployment config, or ''.

    `pythons` are the versions of Python that the requirements of a predictive project have wheels for.

    Checks the repository, and the tag of a Triton image. An image that is not in the catalog is accepted.
    """
    if wrong := answer_formats.problem("base_image", image):
        return wrong
    owners = _owners().get(_repository(image), ())
    if owners and deployment_config not in owners:
        example = catalog.default_image(deployment_config, model_format)
        return f"base_image: {image} is for {owners[0]}, not {deployment_config}. Example: {example}"
    if deployment_config in triton.CONFIGS:
        return triton.image_problem(deployment_config, model_format, image)
    tag = PYTHON_TAG.search(image)
    if tag and pythons and tag[1] not in pythons:
        listed = ", ".join(pythons)
        reason = f"{image} has Python {tag[1]}, and the libraries need one of {listed}"
        return f"base_image: {reason}. Example: python:{pythons[-1]}-slim"
    return ""


def default(
    deployment_config: str,
    model_format: str = "",
    framework: str = "",
    version: str = "",
    lock: Mapping[str, Any] | None = None,
) -> str:
    """Return the image a project's own is built from: of a predictive one, with a Python for its version."""
    if deployment_config in questions.PREDICTIVE and framework:
        return locks.image(framework, version, lock)
    return catalog.default_image(deployment_config, model_format)


def problem_for_version(
    image: str,
    deployment_config: str,
    model_format: str = "",
    framework: str = "",
    version: str = "",
    lock: Mapping[str, Any] | None = None,
) -> str:
    """Return why an image cannot serve a deployment config and version of a framework, or ''."""
    predictive = deployment_config in questions.PREDICTIVE and framework
    pythons = locks.pythons(framework, version, lock) if predictive else ()
    return problem(image, deployment_config, model_format, pythons)


@lru_cache
def _owners() -> dict[str, tuple[str, ...]]:
    """Return repository -> the servers of language models, or backends of Triton, whose images are in it."""
    known: dict[str, tuple[str, ...]] = {}
    for config in (*catalog.servers(), *catalog.triton()):
        for repository in {_repository(image) for image in questions.choices("base_image", config).values()}:
            known[repository] = (*known.get(repository, ()), config)
    return known


def _repository(image: str) -> str:
    return TAG_AND_DIGEST.sub("", image)
