"""Models that need code from their repository, and whether a project allows it."""

from collections.abc import Mapping
from typing import Any

from ..catalog import catalog
from . import compatibility, extra_arguments
from .compatibility import REMOTE_CODE, Verdict


def settled(verdict: Verdict, deployment_config: str, given: str) -> bool:
    """Return whether extra arguments have what a warning asks for."""
    words = given.split()
    if REMOTE_CODE in verdict.arguments and deployment_config in catalog.servers():
        words += [REMOTE_CODE] if extra_arguments.trusts(given, deployment_config) else []
    return bool(verdict.arguments) and set(verdict.arguments.split()) <= set(words)


def is_needed(model_facts: Mapping[str, Any], deployment_config: str, image: str, given: str) -> bool:
    """Return whether an image loads a model only with code from its repository that is not allowed yet."""
    verdict = compatibility.judge_image(compatibility.of_answer(model_facts), deployment_config, image)
    return verdict.arguments == REMOTE_CODE and not settled(verdict, deployment_config, given)
