"""Which instance types SageMaker hosting has in a Region, as far as AWS's price list names them."""

from collections.abc import Mapping
from typing import Any

from ..catalog import catalog
from ..catalog.entries.instances import Instance
from ..catalog.offers import offers, offers_date
from ..sizing import cpu_sizer
from . import language_model
from .requirements import LanguageModelRequirements, PredictiveRequirements, ServingRequirements

HOSTED = "managed-inference"
NEAREST = 3  # Regions that a message lists


def has(region: str, instance_type: str) -> bool:
    """Return whether a Region has a type. True for an unknown Region, and for a type that is in no list."""
    listed = offers()
    return region not in listed or instance_type in listed[region] or not _regions(instance_type)


def available(region: str, instances: Mapping[str, Instance]) -> list[Instance]:
    """Return the types that a Region has; all of them if it has none."""
    return [each for name, each in instances.items() if has(region, name)] or list(instances.values())


def fitting(requirements: LanguageModelRequirements, region: str, float16: bool = False) -> str:
    """Return the cheapest type in a Region that serves a language model, '' if none does.

    `float16` includes the types on which the model is computed in float16.
    """
    choices = (each for each in language_model.sized(requirements).fitting if float16 or not each.float16)
    return next((each.instance.name for each in choices if has(region, each.instance.name)), "")


def warnings(answers: Mapping[str, Any], requirements: ServingRequirements) -> list[str]:
    """Return that the Region lacks the instance type, with another type and Regions that have this one."""
    region, instance_type = str(answers["region"]), str(answers.get("instance_type", ""))
    if answers["deployment_target"] != HOSTED or has(region, instance_type):
        return []
    other = _other(requirements, region)
    near = sorted(_regions(instance_type), key=lambda name: (name[:2] != region[:2], name))[:NEAREST]
    ways = [f"-d instance_type={other}"] if other else []
    ways.append(f"a Region that has it ({', '.join(near)})")
    day = offers_date()
    return [
        f"AWS's price list of {day} has no endpoint on {instance_type} in {region}. Use {', or '.join(ways)}"
    ]


def _regions(instance_type: str) -> list[str]:
    return [name for name, types in offers().items() if instance_type in types]


def _other(requirements: ServingRequirements, region: str) -> str:
    """Return the cheapest type in a Region that meets the requirements, '' if there is none."""
    if isinstance(requirements, PredictiveRequirements):
        known = available(region, catalog.instances())
        return cpu_sizer.default_instance(
            requirements.framework, requirements.model_bytes(), requirements.profile, known
        ).name
    return fitting(requirements, region, float16=True)
