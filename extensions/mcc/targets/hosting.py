"""Settings of a SageMaker endpoint: memory and GPUs of a copy, time limits, driver, price.

Worked out once for a model on an instance type and stored, so that an update changes none of it silently.
"""

import math
import secrets
from collections.abc import Mapping
from typing import Any

from ..catalog import catalog
from ..catalog.entries.instances import Instance
from ..errors.errors import InvalidAnswer
from ..interview.questions import BATCH, SERVERLESS
from ..interview.requirements import (
    LanguageModelRequirements,
    PredictiveRequirements,
    ServingRequirements,
)
from ..servers import drivers, triton
from ..sizing import cpu_sizer, weights

MB, GIB = 10**6, 1024**3
LONGEST_S = 3600  # that SageMaker waits
STEP_S = 60
MEMORY_STEP_MIB = 256


def new_project_id() -> str:
    """Return a random id for a new project: it marks the project's resources in AWS.

    A letter comes first, so that it is read as a text everywhere.
    """
    return secrets.choice("abcdef") + secrets.token_hex(4)[1:]


def hosting(
    requirements: ServingRequirements, instance_type: str, settings: Mapping[str, Any], instances: int
) -> dict[str, Any]:
    """Return how an endpoint runs a model, with what that was worked out for, to be stored.

    `settings` are the engine's, {} for a predictive model.
    """
    if isinstance(requirements, PredictiveRequirements) and requirements.target == SERVERLESS:
        return _serverless(requirements)
    if isinstance(requirements, PredictiveRequirements) and requirements.target == BATCH:
        return _batch(requirements, instance_type, instances)
    facts, instance = catalog.hosting(), catalog.instances().get(instance_type)
    size, gpus = _model_bytes(requirements), _gpus(requirements, instance_type, settings)
    name = str(requirements.model["name"]) if isinstance(requirements, LanguageModelRequirements) else ""
    on_s3 = name.startswith("s3://")
    from_hub = bool(name) and not on_s3
    download = facts.download_s + (facts.slack * (size or 0) / facts.s3_mb_s / MB if on_s3 else 0)
    startup = facts.startup_s + facts.slack * (size or 0) / facts.load_mb_s / MB
    startup += facts.slack * (size or 0) / facts.hub_mb_s / MB if from_hub else 0
    if size is None and isinstance(requirements, LanguageModelRequirements):
        startup = LONGEST_S
    price = instance.price if instance else None
    usd = price.usd_h if price else 0.0
    card = instance.accelerator if instance else None
    capability = card.compute_capability if card else None
    ami = drivers.of_image(requirements.served_by, requirements.image, capability).ami if gpus else ""
    fitting = (instance.accelerator.count // gpus) if gpus and instance and instance.accelerator else 1
    return {
        "sized_for": sized_for(requirements, instance_type, instances),
        "memory_mib": _memory_mib(requirements, instance, gpus, size),
        "accelerators": gpus,
        "max_instance_count": instances + 1,
        "copies": instances * max(1, fitting),
        "requests_per_copy": _requests(requirements, instance),
        "ami": ami,
        "ami_cuda": catalog.driver_amis()[ami].cuda if ami else "",
        "usd_per_hour": usd,
        "price_estimated": bool(price and price.estimated),
        "max_usd_per_hour": math.ceil(usd * (instances + 1) * 100) / 100,
        "model_data": _address(name) if on_s3 else "",
        "size_note": f" of {size / GIB:.1f} GiB" if size else ", which is not known",
        "download_seconds": _rounded(download),
        "startup_seconds": _rounded(startup),
    }


def _serverless(requirements: PredictiveRequirements) -> dict[str, Any]:
    """Return how a serverless endpoint runs a model: with one worker, for each copy serves one request."""
    facts, any_instance = catalog.hosting().serverless, [next(iter(catalog.instances().values()))]
    need = cpu_sizer.cpu_choices(requirements.framework, requirements.model_bytes(), "latency", any_instance)[
        0
    ].need_gib
    gib = max(facts.least_gib, math.ceil(need))
    if gib > facts.most_gib:
        raise InvalidAnswer(
            f"deployment_target: the model needs {need:.1f} GiB of memory, a serverless endpoint has at most "
            f"{facts.most_gib} GiB. Use deployment_target=managed-inference."
        )
    return {
        "sized_for": sized_for(requirements, "", 0),
        "memory_mib": gib * 1024,
        "max_concurrency": facts.max_concurrency,
        "model_data": "",
    }


def _batch(requirements: PredictiveRequirements, instance_type: str, instances: int) -> dict[str, Any]:
    """Return how batch transform jobs run a model: with a request at a time for each worker."""
    facts, instance = catalog.hosting().batch, catalog.instances().get(instance_type)
    workers = 1 if requirements.profile == "latency" or instance is None else instance.vcpu
    price = instance.price if instance else None
    usd = price.usd_h if price else 0.0
    return {
        "sized_for": sized_for(requirements, instance_type, instances),
        "max_payload_mb": facts.payload_mb,
        "max_concurrent_transforms": min(workers, facts.most_mb_at_once // facts.payload_mb),
        "usd_per_hour": usd,
        "price_estimated": bool(price and price.estimated),
        "max_usd_per_hour": math.ceil(usd * instances * 100) / 100,
        "model_data": "",
    }


def sized_for(requirements: ServingRequirements, instance_type: str, instances: int) -> dict[str, Any]:
    """Return the inputs of the hosting settings."""
    if isinstance(requirements, PredictiveRequirements):
        named = {
            "framework": requirements.framework,
            "model": requirements.model_path,
            "profile": requirements.profile,
        }
        if requirements.target == SERVERLESS:
            return {**named, "target": SERVERLESS}
        if requirements.target == BATCH:
            on_instances = {"instance_type": instance_type, "instance_count": instances}
            return {**named, "target": BATCH, **on_instances}
        named |= {"image": requirements.image} if _gpus(requirements, instance_type, {}) else {}
    else:
        named = {"model": requirements.model["name"], "image": requirements.image}
    return {**named, "instance_type": instance_type, "instance_count": instances}


def stale_hosting(
    kept: Mapping[str, Any], requirements: ServingRequirements, instance_type: str, count: int
) -> str:
    """Return why what was stored is not for this model on these instances, or cannot run there, or ''."""
    if kept.get("sized_for") != sized_for(requirements, instance_type, count):
        return "this is for other requirements"
    if requirements.target in (SERVERLESS, BATCH):
        return ""
    most, gpus = catalog.hosting().placeable_mib, kept["accelerators"]
    return "SageMaker rejects this" if kept["memory_mib"] > most or (gpus and not kept["ami"]) else ""


def _requests(requirements: ServingRequirements, instance: Instance | None) -> int:
    """Return the requests that a copy serves at the same time."""
    if isinstance(requirements, LanguageModelRequirements):
        return requirements.max_concurrency
    workers = 1 if requirements.profile == "latency" or instance is None else instance.vcpu
    return workers * catalog.hosting().requests_per_worker


def _model_bytes(requirements: ServingRequirements) -> int | None:
    """Return the bytes of a model or of a language model's checkpoint, None when they are unknown."""
    if isinstance(requirements, PredictiveRequirements):
        return requirements.model_bytes()
    shape = requirements.known_model().shape
    return (shape.checkpoint_bytes or int(weights.on_gpu(shape) * GIB)) if shape else None


def _memory_mib(
    requirements: ServingRequirements, instance: Instance | None, gpus: int, model_bytes: int | None
) -> int:
    """Return the memory to reserve for a copy: what it needs, and no more than SageMaker is known to place.

    It is no limit: a copy may use all the memory of its instance.
    """
    most = catalog.hosting().placeable_mib
    if gpus or isinstance(requirements, LanguageModelRequirements):
        return most
    chosen = [instance] if instance else None
    gib = cpu_sizer.cpu_choices(requirements.framework, model_bytes, requirements.profile, chosen)[0].need_gib
    if instance:
        most = min(most, int(catalog.hosting().placeable_share * instance.memory_gib * 1024))
    return max(1, min(round(gib * 1024), most) // MEMORY_STEP_MIB) * MEMORY_STEP_MIB


def _gpus(requirements: ServingRequirements, instance_type: str, settings: Mapping[str, Any]) -> int:
    """Return the GPUs of a copy: those that the engine spreads the model over, or one of a Triton backend."""
    if requirements.served_by in triton.MODEL_CONFIGS:
        return int(triton.uses_gpu(requirements.served_by, instance_type))
    return int(settings.get("tensor_parallel_size", 0))


def _address(name: str) -> str:
    """Return an s3:// address as that of an archive or, with a slash at its end, of a prefix."""
    return name if name.endswith((".tar.gz", "/")) else f"{name}/"


def _rounded(seconds: float) -> int:
    return min(LONGEST_S, math.ceil(seconds / STEP_S) * STEP_S)
