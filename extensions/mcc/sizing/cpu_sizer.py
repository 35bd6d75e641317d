"""From a model's size to the instance types that hold it, cheapest first."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

from ..catalog import catalog
from ..catalog.entries.instances import Instance
from ..catalog.entries.predictive import Memory
from ..errors.errors import InvalidAnswer
from ..models import s3_files

GIB = 1024**3
USABLE_SHARE = 0.7  # the rest is for the system, request bodies and page cache
COPIES_OF_ARTEFACT = 3  # a loaded model is 2 to 4 times its file
OFFERED = 12
OFFERED_OTHERS = 4  # of them arm64, burstable or with a GPU
UNKNOWN_ARTEFACT_BYTES = 100 * 1024**2  # room for this much is kept until the model is known


@dataclass(frozen=True)
class Choice:
    """An instance type as a home for one model. Memory is in GiB; headroom is negative where some lacks."""

    instance: Instance
    workers: int
    need_gib: float
    headroom_gib: float
    reason: str | None

    @property
    def usd_h(self) -> float:
        """US dollars an hour of its instance type."""
        return self.instance.usd_h


def cpu_choices(
    framework: str, artefact_bytes: int | None, profile: str, instances: Iterable[Instance] | None = None
) -> list[Choice]:
    """Rank instance types for a predictive server: those that hold the model come first, cheapest first.

    `artefact_bytes` is the size of the model's files, None when it is not known yet. `profile` is
    "throughput" (a worker process a vCPU) or "latency" (one). After price counts headroom, then the newer
    generation. Types for other accelerators than GPUs are left out: their containers are of another kind.
    """
    memory = catalog.server_memory(framework)
    offered = catalog.instances().values() if instances is None else instances
    artefact = UNKNOWN_ARTEFACT_BYTES if artefact_bytes is None else artefact_bytes
    choices = [_choice(memory, artefact, profile, item) for item in offered if item.kind in ("cpu", "gpu")]
    return sorted(choices, key=_rank)


def default_instance(
    framework: str, artefact_bytes: int | None, profile: str, instances: Iterable[Instance] | None = None
) -> Instance:
    """Return the cheapest type that holds the model, among x86_64 ones with steady CPUs and no GPU.

    Raises InvalidAnswer when there is none.
    """
    plain = list(filter(_plain, catalog.instances().values() if instances is None else instances))
    choices = cpu_choices(framework, artefact_bytes, profile, plain)
    if choices[0].reason is None:
        return choices[0].instance
    nearest = max(choices, key=lambda choice: choice.headroom_gib)
    advice = "Use a smaller model"
    if profile == "throughput" and cpu_choices(framework, artefact_bytes, "latency", plain)[0].reason is None:
        advice = "Set serving_profile=latency, which runs one worker"
    raise InvalidAnswer(
        f"model_path: no instance type holds this model with serving_profile {profile}; the nearest is "
        f"{nearest.instance.name}: {nearest.reason}. {advice}."
    )


def labels(
    framework: str,
    artefact_bytes: int | None,
    profile: str,
    kept: str = "",
    instances: Iterable[Instance] | None = None,
) -> dict[str, str]:
    """Return label -> instance type of the cheapest that hold the model, in ranked order.

    A list without a filter is only usable when it is short. Most are of the kind of the default, so that
    it is on the list. `kept`, an earlier answer or one from -d, is always on it.
    """
    choices = cpu_choices(framework, artefact_bytes, profile, instances)
    fitting = [choice for choice in choices if choice.reason is None]
    plain = [choice for choice in fitting if _plain(choice.instance)][: OFFERED - OFFERED_OTHERS]
    others = [choice for choice in fitting if not _plain(choice.instance)][:OFFERED_OTHERS]
    shown = sorted([*plain, *others], key=_rank)
    offered = {_label(choice): choice.instance.name for choice in shown}
    if kept and kept not in offered.values():
        known = {choice.instance.name: choice for choice in choices}.get(kept)
        if known is None:
            offered[f"{kept}: no longer in the catalog"] = kept
        else:
            offered[f"{kept}: {known.reason}" if known.reason else _label(known)] = kept
    return offered


def model_bytes(model_path: str) -> int | None:
    """Return the size of a model file or folder in bytes, or None if it does not exist."""
    path = s3_files.local(model_path)
    if not model_path or not os.path.exists(path):
        return None
    return sum(
        file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()
    )


def _choice(memory: Memory, artefact_bytes: int, profile: str, instance: Instance) -> Choice:
    workers = 1 if profile == "latency" else instance.vcpu
    models = workers if memory.model_per_worker else 1
    server_mib = memory.base_mib + workers * memory.worker_mib
    need = server_mib / 1024 + models * COPIES_OF_ARTEFACT * artefact_bytes / GIB
    usable = USABLE_SHARE * instance.memory_gib
    reason = None
    if need > usable:
        reason = f"needs {need:.1f} GiB for {_count(workers, 'worker')}, {usable:.1f} GiB are usable"
    return Choice(instance, workers, need, usable - need, reason)


def _plain(instance: Instance) -> bool:
    """Return whether a type is x86_64 with steady CPUs and no GPU, like the default."""
    return instance.kind == "cpu" and instance.arch == "x86_64" and not instance.burstable


def _rank(choice: Choice) -> tuple[bool, float, float, int, str]:
    instance = choice.instance
    return choice.reason is not None, choice.usd_h, -choice.headroom_gib, -instance.generation, instance.name


def _label(choice: Choice) -> str:
    instance = choice.instance
    price = "price unknown"
    if instance.price:
        price = f"{'about ' if instance.price.estimated else ''}${instance.price.usd_h:.3f}/h"
    parts = [price, f"{instance.vcpu} vCPU", f"{instance.memory_gib:g} GiB"]
    if instance.arch == "arm64":
        parts.append("arm64")
    if instance.burstable:
        parts.append("burstable")
    if instance.kind == "gpu":
        parts.append("its GPU is not used")
    return f"{instance.name}: {', '.join(parts)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
