"""What an endpoint of SageMaker is told: memory and GPUs of a copy, time limits, driver, price.

Worked out once for a model on an instance type and stored, so that an update changes none of it silently.
"""

import math
import secrets
from collections.abc import Mapping
from typing import Any

from ..catalog import catalog
from ..catalog.entries.instances import Instance
from ..models import lookup
from ..servers import engines, triton
from ..sizing import cpu_sizer, memory

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
    need: Mapping[str, Any], instance_type: str, settings: Mapping[str, Any], instances: int
) -> dict[str, Any]:
    """Return how an endpoint runs a model, with what that was worked out for, to be stored.

    `settings` are the engine's, {} for a predictive model.
    """
    facts, instance = catalog.hosting(), catalog.instances().get(instance_type)
    model = need.get("model", {})
    size = cpu_sizer.model_bytes(need["model_path"]) if "framework" in need else _weights_bytes(need)
    gpus = _gpus(need, instance_type, settings)
    on_s3 = str(model.get("name", "")).startswith("s3://")
    from_hub = bool(model) and not on_s3
    download = facts.download_s + (facts.slack * (size or 0) / facts.s3_mb_s / MB if on_s3 else 0)
    startup = facts.startup_s + facts.slack * (size or 0) / facts.load_mb_s / MB
    startup += facts.slack * (size or 0) / facts.hub_mb_s / MB if from_hub else 0
    if size is None and "framework" not in need:
        startup = LONGEST_S
    price = instance.price if instance else None
    usd = price.usd_h if price else 0.0
    needed_mib, requests = _memory_mib(need, instance, gpus, size), int(need.get("max_concurrency", 0))
    if "framework" in need:
        workers = 1 if need["profile"] == "latency" or instance is None else instance.vcpu
        requests = workers * facts.requests_per_worker
    server = need["framework"] if "framework" in need else need["server"]
    ami = engines.driver_ami(need["image"], server) if gpus else ""
    fitting = (instance.accelerator.count // gpus) if gpus and instance and instance.accelerator else 1
    return {
        "sized_for": sized_for(need, instance_type, instances),
        "memory_mib": needed_mib,
        "accelerators": gpus,
        "max_instance_count": instances + 1,
        "copies": instances * max(1, fitting),
        "requests_per_copy": requests,
        "ami": ami,
        "ami_cuda": catalog.driver_amis()[ami].cuda if ami else "",
        "usd_per_hour": usd,
        "price_estimated": bool(price and price.estimated),
        "max_usd_per_hour": math.ceil(usd * (instances + 1) * 100) / 100,
        "model_data": _address(model["name"]) if on_s3 else "",
        "size_note": f" of {size / GIB:.1f} GiB" if size else ", which is not known",
        "download_seconds": _rounded(download),
        "startup_seconds": _rounded(startup),
    }


def sized_for(need: Mapping[str, Any], instance_type: str, instances: int) -> dict[str, Any]:
    """Return what hosting is worked out for."""
    if "framework" in need:
        named = {"framework": need["framework"], "model": need["model_path"], "profile": need["profile"]}
        named |= {"image": need["image"]} if _gpus(need, instance_type, {}) else {}
    else:
        named = {"model": need["model"]["name"], "image": need["image"]}
    return {**named, "instance_type": instance_type, "instance_count": instances}


def stale_hosting(kept: Mapping[str, Any], need: Mapping[str, Any], instance_type: str, count: int) -> str:
    """Return why what was stored is not for this model on these instances, or cannot run there, or ''."""
    if kept.get("sized_for") != sized_for(need, instance_type, count):
        return "this is for another need"
    most, gpus = catalog.hosting().placeable_mib, kept["accelerators"]
    return "SageMaker rejects this" if kept["memory_mib"] > most or (gpus and not kept["ami"]) else ""


def _weights_bytes(need: Mapping[str, Any]) -> int | None:
    """Return the bytes of a language model's checkpoint, None when nobody told its shape."""
    shape = lookup.from_answer(need["model"]).shape
    return (shape.checkpoint_bytes or int(memory.weights(shape) * GIB)) if shape else None


def _memory_mib(
    need: Mapping[str, Any], instance: Instance | None, gpus: int, model_bytes: int | None
) -> int:
    """Return the memory to reserve for a copy: what it needs, and no more than SageMaker is known to place.

    It is no limit: a copy may use all the memory of its instance.
    """
    most = catalog.hosting().placeable_mib
    if gpus or "framework" not in need:
        return most
    chosen = [instance] if instance else None
    gib = cpu_sizer.cpu_choices(need["framework"], model_bytes, need["profile"], chosen)[0].need_gib
    if instance:
        most = min(most, int(catalog.hosting().placeable_share * instance.memory_gib * 1024))
    return max(1, min(round(gib * 1024), most) // MEMORY_STEP_MIB) * MEMORY_STEP_MIB


def _gpus(need: Mapping[str, Any], instance_type: str, settings: Mapping[str, Any]) -> int:
    """Return the GPUs of a copy: those that the engine spreads the model over, or one of a Triton backend."""
    if need.get("framework") in triton.MODEL_CONFIGS:
        return int(triton.uses_gpu(need["framework"], instance_type))
    return int(settings.get("tensor_parallel_size", 0))


def _address(name: str) -> str:
    """Return an s3:// address as that of an archive or, with a slash at its end, of a prefix."""
    return name if name.endswith((".tar.gz", "/")) else f"{name}/"


def _rounded(seconds: float) -> int:
    return min(LONGEST_S, math.ceil(seconds / STEP_S) * STEP_S)
