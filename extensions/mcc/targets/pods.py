"""Settings of a pod on a HyperPod node: its share of the node, time to start, and a model from a volume."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..catalog import catalog
from ..catalog.entries.instances import Instance
from ..errors.errors import InvalidAnswer
from ..interview import language_model
from ..interview.questions import HYPERPOD
from ..interview.requirements import (
    LanguageModelRequirements,
    PredictiveRequirements,
    ServingRequirements,
)
from ..servers import triton
from ..sizing import cpu_sizer, weights

MB, GIB = 10**6, 1024**3
LONGEST_S = 3600  # as long as SageMaker would wait
LARGEST_SHARE_OF_SHARED_MEMORY = 0.25
PROBE_SECONDS = 10
ENGINE_SETTINGS = (
    "tensor_parallel_size",
    "max_model_len",
    "max_num_seqs",
    "max_num_batched_tokens",
    "gpu_memory_utilization",
    "kv_cache_dtype",
)


def nodes(requirements: ServingRequirements) -> Sequence[Instance] | None:
    """Return the types of HyperPod nodes with room for a model, None for a project of another target."""
    if requirements.target != HYPERPOD:
        return None
    if isinstance(requirements, LanguageModelRequirements):
        return catalog.hyperpod_nodes()
    size = requirements.model_bytes()
    judged = cpu_sizer.cpu_choices(
        requirements.framework, size, requirements.profile, catalog.hyperpod_nodes()
    )
    return [choice.instance for choice in judged if choice.need_gib <= _memory_gib(choice.instance)]


def resources(
    requirements: ServingRequirements, instance_type: str, engine_settings: Mapping[str, Any], source: str
) -> dict[str, Any]:
    """Return the resource requests of a pod on a type of node, with their inputs, to store.

    `cpu` in cores, `memory` and `shared_memory` in Mi or Gi, `gpus` a number. A start may take
    `start_seconds`, which are `start_probes` probes, and a rollout `progress_seconds`. `source` is where the
    model lies, '' for the image or the Hub. Raises InvalidAnswer when a pod cannot be large enough.
    """
    instance = catalog.instances().get(instance_type)
    if instance is None:
        raise InvalidAnswer(f"instance_type: {instance_type} is not in the catalog. Example: ml.c6i.large")
    facts, gpus = catalog.hyperpod(), _gpus(requirements, instance, engine_settings)
    share = gpus / instance.accelerator.count if gpus and instance.accelerator else 1.0
    cpu = share * (facts.room.node_share * instance.vcpu - facts.room.daemons_cpu)
    memory = share * _memory_gib(instance)
    if isinstance(requirements, PredictiveRequirements):
        _check_memory(requirements, instance, memory)
    seconds = _start_seconds(requirements, instance_type, source)
    return {
        "sized_for": sized_for(requirements, instance_type, engine_settings, source),
        "cpu": _cores(cpu, whole=gpus == 0),
        "memory": _bytes(memory),
        "gpus": gpus,
        "shared_memory": _shared_memory(requirements, gpus, memory),
        "gpu_nodes": instance.kind == "gpu",
        "metrics_path": _metrics_path(requirements),
        "start_seconds": seconds,
        "progress_seconds": seconds + facts.start.image_pull_s,
        "start_probes": seconds // PROBE_SECONDS,
        "probe_seconds": PROBE_SECONDS,
    }


def temporary_size(requirements: ServingRequirements, source: str) -> str:
    """Return the limit of /tmp of a pod as a Kubernetes quantity; `source` as for resources()."""
    facts = catalog.hyperpod().temporary
    if isinstance(requirements, PredictiveRequirements):
        return _bytes(facts.gib)
    stored = 0.0 if source else weights.download_bytes(language_model.sized(requirements).facts)
    return _bytes(facts.caches_gib + facts.downloads * stored / GIB)


def environment(deployment_config: str, engine_settings: Mapping[str, Any], region: str) -> dict[str, str]:
    """Return the settings of a server that are worth changing without another image, as its environment."""
    if deployment_config in catalog.servers():
        known = catalog.servers()[deployment_config].settings
        named = [name for name in ENGINE_SETTINGS if name in known and name in engine_settings]
        return {
            "AWS_REGION": region,
            **{f"SERVE_{name.upper()}": str(engine_settings[name]) for name in named},
        }
    if deployment_config in triton.CONFIGS:
        loud = {"SAGEMAKER_TRITON_LOG_VERBOSE": "0"}
        return loud if deployment_config in triton.MODEL_CONFIGS else {"AWS_REGION": region, **loud}
    return {"SERVING_LOG_LEVEL": "warning", "SERVING_THREADS": "16"}


def model_volume(source: str, project: str, namespace: str, region: str) -> dict[str, Any]:
    """Return how a model at an address comes to /opt/ml/model of a pod; empty texts when no volume does.

    Every kind has a `claim` and a `path` in it; `s3` and `fsx` have the volume's own fields, too.
    """
    if not source:
        return {"kind": "", "claim": "", "path": ""}
    kind, _, rest = source.partition("://")
    place, _, path = rest.strip("/").partition("/")
    if kind == "pvc":
        return {"kind": kind, "claim": place, "path": path}
    claim = f"{project}-model"
    found: dict[str, Any] = {"kind": kind, "claim": claim, "volume": f"{namespace}-{claim}"}
    if kind == "s3":
        options = ["read-only", "allow-other", f"region {region}"]
        return {
            **found,
            "path": "",
            "bucket": place,
            "prefix": path,
            "access": "ReadOnlyMany",
            "driver": "s3.csi.aws.com",
            "handle": found["volume"],
            "options": [*options, f"prefix {path}/"] if path else options,
            "attributes": {"bucketName": place},
        }
    mount, _, path = path.partition("/")
    known = catalog.regions().get(region)
    china = known.partition == "aws-cn" if known else region.startswith("cn-")
    domain = "amazonaws.com.cn" if china else "amazonaws.com"
    return {
        **found,
        "path": path,
        "access": "ReadWriteMany",
        "driver": "fsx.csi.aws.com",
        "handle": place,
        "options": ["flock"],
        "attributes": {"dnsname": f"{place}.fsx.{region}.{domain}", "mountname": mount},
    }


def sized_for(
    requirements: ServingRequirements, instance_type: str, engine_settings: Mapping[str, Any], source: str
) -> dict[str, Any]:
    """Return the inputs of the resources of a pod."""
    return {
        "server": requirements.served_by,
        "instance_type": instance_type,
        "tensor_parallel_size": int(engine_settings.get("tensor_parallel_size", 0)),
        "source": source,
    }


def stale(
    kept: Mapping[str, Any],
    requirements: ServingRequirements,
    instance_type: str,
    engine_settings: Mapping[str, Any],
    source: str,
) -> str:
    """Return why stored resources are not for this pod, or ''."""
    if kept.get("sized_for") == sized_for(requirements, instance_type, engine_settings, source):
        return ""
    return "the resources are for another pod"


def _metrics_path(requirements: ServingRequirements) -> str:
    """Return the route with the metrics of a server of language models, '' where there is none."""
    if isinstance(requirements, PredictiveRequirements):
        return ""
    server = catalog.servers().get(requirements.server)
    return server.metrics.path if server and server.metrics else ""


def _gpus(requirements: ServingRequirements, instance: Instance, engine_settings: Mapping[str, Any]) -> int:
    """Return the GPUs of a pod: those that share a language model, or all that Triton computes on."""
    if requirements.served_by in triton.MODEL_CONFIGS and instance.accelerator:
        return instance.accelerator.count if triton.uses_gpu(requirements.served_by, instance.name) else 0
    return int(engine_settings.get("tensor_parallel_size", 0))


def _shared_memory(requirements: ServingRequirements, gpus: int, memory_gib: float) -> str:
    """Return the size of /dev/shm, '' where the few MiB that every container has are enough."""
    facts = catalog.hyperpod().shared_memory
    gib = gpus * facts.gib_per_gpu
    if requirements.served_by in triton.MODEL_CONFIGS:
        gib = max(gib, facts.triton_gib)
    return _bytes(min(gib, LARGEST_SHARE_OF_SHARED_MEMORY * memory_gib)) if gib else ""


def _memory_gib(instance: Instance) -> float:
    """Return the memory that pods may have of a node."""
    room = catalog.hyperpod().room
    return room.node_share * instance.memory_gib - room.daemons_gib


def _check_memory(requirements: PredictiveRequirements, instance: Instance, memory_gib: float) -> None:
    """Raise InvalidAnswer when a predictive model does not fit a pod on this type."""
    size = requirements.model_bytes()
    choice = cpu_sizer.cpu_choices(requirements.framework, size, requirements.profile, [instance])[0]
    if choice.need_gib > memory_gib:
        raise InvalidAnswer(
            f"instance_type: a pod on {instance.name} can have {max(memory_gib, 0):.1f} GiB, this server "
            f"needs {choice.need_gib:.1f}. Choose a type with more memory."
        )


def _start_seconds(requirements: ServingRequirements, instance_type: str, source: str) -> int:
    """Return the seconds that a start may take, a multiple of the time between probes."""
    facts, place = catalog.hosting(), source.partition("://")[0]
    speeds = {"s3": facts.s3_mb_s, "pvc": facts.s3_mb_s, "fsx": catalog.hyperpod().start.fsx_mb_s}
    if isinstance(requirements, PredictiveRequirements):
        size = float(requirements.model_bytes() or 0)
    else:
        choice = language_model.sized(requirements).choice(instance_type)
        assert choice is not None and choice.estimate is not None
        size = choice.estimate.fixed.weights * choice.tensor_parallel * GIB
        speeds[""] = facts.hub_mb_s
    seconds = facts.startup_s + facts.slack * size / MB / facts.load_mb_s
    if place in speeds:
        seconds += facts.slack * size / MB / speeds[place]
    return math.ceil(min(seconds, LONGEST_S) / PROBE_SECONDS) * PROBE_SECONDS


def _cores(cpu: float, whole: bool) -> str:
    """Return CPUs rounded down: whole ones for a server that starts a process for each, else tenths."""
    if whole:
        return str(max(1, math.floor(cpu)))
    tenths = math.floor(cpu * 10)
    return str(tenths // 10) if tenths % 10 == 0 else f"{tenths * 100}m"


def _bytes(gib: float) -> str:
    """Return GiB rounded down to a Kubernetes quantity."""
    return f"{math.floor(gib)}Gi" if gib >= 8 else f"{math.floor(gib * 1024)}Mi"
