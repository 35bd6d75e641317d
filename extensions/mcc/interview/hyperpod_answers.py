"""Answers about HyperPod that must go together: replicas, and where a model comes from."""

from collections.abc import Mapping
from typing import Any

from . import answer_formats, questions


def problems(given: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    """Return the problems of answers for a HyperPod cluster that contradict each other."""
    mode = str(known.get("hyperpod_mode", "deployment"))
    source = str(known.get("hyperpod_model_source", ""))
    language_model = questions.serves_language_model(
        str(known.get("deployment_config", questions.PREDICTIVE[0]))
    )
    model_name = str(known.get("model_name", questions.DEFAULT_MODEL)) if language_model else ""
    problems = []
    if given.keys() & {"deployment_target", "hyperpod_mode", "hyperpod_model_source", "model_name"}:
        source = source or (model_name if model_name.startswith("s3://") else "")
        problems.append(source_problem(source, model_name, mode, language_model))
    if "hyperpod_max_replicas" in given:
        replicas = int(known.get("hyperpod_replicas", 1))
        problems.append(
            replicas_problem(replicas, answer_formats.number(given["hyperpod_max_replicas"]), mode)
        )
    return [problem for problem in problems if problem]


def replicas_problem(replicas: int, largest: object, mode: str = "deployment") -> str:
    """Return the problem with the maximum number of replicas, or ''."""
    if wrong := answer_formats.whole_number("hyperpod_max_replicas", largest):
        return wrong
    if mode == "operator" and largest != replicas:
        return "hyperpod_max_replicas: needs hyperpod_mode=deployment. Set it, or remove this answer."
    if isinstance(largest, int) and largest < replicas:
        return f"hyperpod_max_replicas: {largest} is less than hyperpod_replicas. Example: {2 * replicas}"
    return ""


def source_problem(value: str, model_name: str, mode: str, language_model: bool) -> str:
    """Return why a pod cannot load its model from an address, or ''."""
    if wrong := answer_formats.problem("hyperpod_model_source", value):
        return wrong
    if model_name.startswith("s3://") and not value:
        return f"hyperpod_model_source: the model is not on the Hub. Example: {model_name}"
    if mode == "operator" and not value:
        if not language_model:
            return (
                "hyperpod_model_source: the inference operator mounts the model from an address. "
                "Enter one, or set hyperpod_mode=deployment. Example: s3://bucket/models/mine/"
            )
        if "/" not in model_name:
            return (
                f"hyperpod_model_source: the inference operator needs a Hub id with an organization, not "
                f"{model_name}. Enter an address. Example: s3://bucket/models/mine/"
            )
    return ""
