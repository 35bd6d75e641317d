"""Which instance types are offered for a model, and which is the default."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..catalog import catalog
from ..catalog.entries.instances import Instance
from ..errors.errors import InvalidAnswer
from ..interview import copier_run, defaults, hosted_types, language_model
from ..interview.offers import suggested_first
from ..interview.questions import BATCH, batch_instances
from ..interview.requirements import PredictiveRequirements, ServingRequirements
from ..sizing import cpu_sizer
from . import pods


def choices(requirements: ServingRequirements, kept: str, conf: Mapping[str, Any]) -> dict[str, Any]:
    """Return label -> instance type, cheapest first, of what meets the requirements.

    Raise InvalidAnswer if the user's choice for a new project cannot serve a language model.
    """
    outside = defaults.of_run().outside
    suggested = outside.choices.get("instance_type", [])
    kept = kept or outside.values.get("instance_type", "")
    if isinstance(requirements, PredictiveRequirements):
        size, nodes = requirements.model_bytes(), _offered(requirements)
        offered = cpu_sizer.labels(requirements.framework, size, requirements.profile, kept, nodes)
        return suggested_first(offered, suggested)
    given = conf["data"].get("instance_type") or outside.values.get("instance_type")
    if (
        given
        and copier_run.is_new_project(conf)
        and (refusal := language_model.sized(requirements).refusal(given))
    ):
        raise InvalidAnswer(refusal)
    return suggested_first(language_model.choices(requirements, kept), suggested)


def _offered(requirements: PredictiveRequirements) -> Sequence[Instance] | None:
    """Return the types of the instances of a target, None for all."""
    return batch_instances() if requirements.target == BATCH else pods.nodes(requirements)


def default(requirements: ServingRequirements, region: str = "") -> str:
    """Return the cheapest instance type that meets the requirements; of predictive models, an x86_64 one.

    Of a SageMaker endpoint, one that the Region has, if any does.
    """
    hosted = region if requirements.target == hosted_types.HOSTED else ""
    if isinstance(requirements, PredictiveRequirements):
        size, nodes = requirements.model_bytes(), _offered(requirements)
        nodes = hosted_types.available(hosted, catalog.instances()) if hosted else nodes
        return cpu_sizer.default_instance(requirements.framework, size, requirements.profile, nodes).name
    return hosted_types.fitting(requirements, hosted) or language_model.default_instance(requirements)


def stale(
    instance_type: str,
    requirements: ServingRequirements,
    settings: Mapping[str, Any],
    conf: Mapping[str, Any],
) -> str:
    """Return why a kept instance type was chosen for another language model, or ''.

    `settings` are the engine settings of before. A type that the user names now is kept.
    """
    before = settings.get("sized_for", {})
    kept = instance_type == before.get("instance_type") and "instance_type" not in conf["data"]
    if isinstance(requirements, PredictiveRequirements) or not kept:
        return ""
    if before["model"] == requirements.model["name"] or instance_type == default(requirements):
        return ""
    return f"{instance_type} was for {before['model']}"
