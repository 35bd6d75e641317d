"""The base image of a project: one that contains the chosen server."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from ..catalog import catalog
from ..servers import compatibility, triton
from . import answer_formats, locks, questions

TAG_AND_DIGEST = re.compile(r"(:[^/:@]+)?(@sha256:[0-9a-f]{64})?$")
AMAZON_LINUX = re.compile(r"/(vllm|sglang):(?:omni-|server-)[a-z0-9.-]+$")
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
    if wrong := _amazon_linux(image, deployment_config):
        return wrong
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
    model_facts: Mapping[str, Any] | None = None,
    lock: Mapping[str, Any] | None = None,
) -> str:
    """Return the image a project's own is built from.

    Of a predictive project, it has a Python for the framework's version; of a language model, the usual
    release of the server, or else the newest that loads the model.
    """
    if deployment_config in questions.PREDICTIVE and framework:
        return locks.image(framework, version, lock)
    if model_facts:
        return compatibility.best_image(compatibility.of_answer(model_facts), deployment_config)
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


def _amazon_linux(image: str, deployment_config: str) -> str:
    """Return why an image of AWS that is based on Amazon Linux cannot be built from, or ''."""
    found = AMAZON_LINUX.search(image)
    server = catalog.servers().get(deployment_config)
    if found is None or server is None:
        return ""
    kernels = (
        ", and has kernels for compute capability 9.0, 10.0 and 10.3 only" if found[1] == "sglang" else ""
    )
    ours = next((item.image for item in server.images if item.of_aws), server.default_image.image)
    reason = f"{image} is based on Amazon Linux, which has no apt-get{kernels}"
    return f"base_image: {reason}. Example: {ours}"


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
