"""Which image a project's own is built from: one that the chosen server is in."""

import re
from functools import lru_cache

from . import catalog, questions, shapes, triton

TAG_AND_DIGEST = re.compile(r"(:[^/:@]+)?(@sha256:[0-9a-f]{64})?$")


def problem(image: str, deployment_config: str, model_format: str = "") -> str:
    """Return why an image cannot serve a deployment config, or ''.

    Judged by its repository, where that is another server's, and by the tag of a Triton image. One that the
    catalog does not know, like a team's copy, is the person's own to know.
    """
    if wrong := shapes.problem("base_image", image):
        return wrong
    owners = _owners().get(_repository(image), ())
    if owners and deployment_config not in owners:
        example = catalog.default_image(deployment_config, model_format)
        return f"base_image: {image} is for {owners[0]}, not {deployment_config}. Example: {example}"
    if deployment_config in triton.CONFIGS:
        return triton.image_problem(deployment_config, model_format, image)
    return ""


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
