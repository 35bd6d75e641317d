"""Choices of questions, with the settings from outside: MCC_ variables, a file, MCP servers."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ..models import hub
from ..servers import compatibility
from . import answer_formats, defaults, questions


def choices(question: str, framework: str = "", model_format: str = "", kept: str = "") -> dict[str, str]:
    """Return label -> value of what a question offers, a setting from outside included."""
    outside = defaults.of_run().outside
    kept = kept or str(outside.values.get(question, ""))
    offered = questions.choices(question, framework, model_format, kept if question in questions.KEPT else "")
    return suggested_first(offered, outside.choices.get(question, []))


def image_choices(deployment_config: str, model_facts: Mapping[str, Any], kept: str = "") -> dict[str, str]:
    """Return label -> image of what a language model can be served with, the default first.

    `kept`, an earlier or given answer, is offered even if it cannot load the model; it is refused later.
    """
    kept = kept or str(defaults.of_run().outside.values.get("base_image", ""))
    offered = choices("base_image", deployment_config, kept=kept)
    if not model_facts:
        return offered
    model = compatibility.of_answer(model_facts)
    loading = {
        label: image
        for label, image in offered.items()
        if image == kept or compatibility.judge_image(model, deployment_config, image).outcome != "refuse"
    }
    best = compatibility.best_image(model, deployment_config)
    return (
        loading
        if best in loading.values()
        else {questions.labeled(best, "loads this model"): best, **loading}
    )


def suggested_first(offered: Mapping[str, Any], suggested: Sequence[Any]) -> dict[str, Any]:
    """Return label -> value with the values that an MCP server suggests in front, in its order."""
    places = {value: place for place, value in enumerate(suggested)}

    def place(label: str) -> int:
        value = offered[label]
        return places.get(value, len(places)) if isinstance(value, str) else len(places)

    return {label: offered[label] for label in sorted(offered, key=place)}


def setting(fallback: Any, name: str) -> Any:
    """Return the default of a question: a setting from outside, else `fallback`."""
    return defaults.of_run().value(name, fallback)


def origins(conf: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, str]:
    """Return where each stored answer comes from that is not the template's own."""
    return defaults.of_run().origins(conf["data"], stored)


def wants_token() -> bool:
    """Return whether a token is worth asking for: the Hub will be asked, and none is known yet."""
    return not (
        hub.offline() or os.environ.get("HF_TOKEN") or defaults.of_run().outside.values.get("hf_token")
    )


def region_problem(region: str) -> str:
    """Return the problem with a Region, or ''. Regions that an MCP server suggests are listed first."""
    suggested = defaults.of_run().outside.choices.get("region", [])
    return answer_formats.region_problem(region, [name for name in suggested if isinstance(name, str)])
