"""From a language model and its load to the instance types that serve it, cheapest first, with reasons.

Pure: the same model, load and catalog give the same answer, in whatever order the catalog lists its types.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from ..catalog import catalog
from ..catalog.entries.instances import Accelerator, Instance
from ..catalog.entries.memory import Engine
from ..errors.errors import UnsizableModel
from ..models.facts import ModelFacts
from ..servers import gpu_support, releases
from ..servers.releases import Release
from . import memory, parameters, weights
from .memory import Estimate, Gpu, Serving
from .weights import GIB

DRIVER_SHARE = 0.985  # of a card's memory that its driver shows, where that was not measured
REACHED_BANDWIDTH = 0.6  # of the printed figure, by decoding at best
LARGEST_VOLUME_GB = 512  # of an instance without local storage (CreateEndpointConfig, VolumeSizeInGB)
IMAGE_GB = 40  # of an inference server and of what it compiles, an assumption on the careful side
HOST_GIB = 12  # an assumption: the server's processes, and a shard of 5 GB that is read
LARGEST_LOAD = 10_000_000  # tokens of context, or requests at once


@dataclass(frozen=True)
class Load:
    """The load of a model: maximum tokens per request, concurrent requests and the inference server.

    `max_num_batched_tokens` are those computed in a step; 0 leaves them to the engine. `image` is the
    server's, '' for the usual one of its version.
    """

    max_model_len: int
    max_concurrency: int
    engine: str = "vllm"
    version: str = ""
    kv_cache_dtype: Literal["auto", "fp8"] = "auto"
    max_num_batched_tokens: int = 0
    image: str = ""


@dataclass(frozen=True)
class Choice:
    """An instance type for a model; `reason` states why it cannot serve it, or is empty.

    `headroom_gib` is left on each GPU, negative where memory lacks; None where memory is not the reason.
    `float16` if the GPU has no bfloat16, the model's data type, and computes in float16 instead.
    """

    instance: Instance
    reason: str
    tensor_parallel: int = 0
    estimate: Estimate | None = None
    headroom_gib: float | None = None
    float16: bool = False

    @property
    def fits(self) -> bool:
        """Whether the model can be served here."""
        return not self.reason

    @property
    def usd_h(self) -> float:
        """US dollars an hour of its instance type."""
        return self.instance.usd_h

    @property
    def replicas(self) -> int:
        """How many copies of the model the instance's GPUs hold."""
        return _card(self.instance).count // self.tensor_parallel if self.tensor_parallel else 0


@dataclass(frozen=True)
class Ceiling:
    """The upper limit of decoding speed on all GPUs of an instance."""

    tokens_s: float
    usd_per_million: float


def choices(facts: ModelFacts, load: Load, instances: Iterable[Instance] | None = None) -> list[Choice]:
    """Judge every instance type with an accelerator: those that fit come first, cheapest first.

    After price count fewer GPUs, then headroom, then the name. Types that compute a bfloat16 model in float16
    come after all that do not, because its answers can differ. Raises UnsizableModel for a load that no
    model could have, or a context beyond the model's.
    """
    _check(facts, load)
    offered = catalog.instances().values() if instances is None else instances
    judge = _Judge(facts, load)
    return sorted((judge.choice(item) for item in offered if item.kind != "cpu"), key=_rank)


def cheaper_that_fail(ranked: list[Choice]) -> list[Choice]:
    """Return the types below the best one's price, nearest first, with the reasons why they do not fit."""
    best = ranked[0].usd_h if ranked and ranked[0].fits else math.inf
    gpus = (choice for choice in ranked if _card(choice.instance).kind == "gpu")
    cheaper = [choice for choice in gpus if not choice.fits and choice.usd_h < best]
    return sorted(cheaper, key=lambda choice: (-choice.usd_h, choice.instance.name))


def ceiling(facts: ModelFacts, load: Load, choice: Choice) -> Ceiling | None:
    """Return the decode roofline: every step reads the weights once, and each request's cache.

    Tokens/s = requests x bandwidth x GPUs x 0.6 / bytes read; None when the bandwidth is not known. Of
    experts, a step reads those that its requests chose, as if they chose at random.
    """
    card = _card(choice.instance)
    if not card.mem_bw_gbs or choice.estimate is None:
        return None
    read = choice.estimate.fixed.weights * GIB
    if facts.num_experts:
        count = parameters.count(facts)
        idle = (1 - facts.num_experts_per_tok / facts.num_experts) ** load.max_concurrency
        read *= 1 - idle * count.experts / count.total
    cache = choice.estimate.load(load.max_concurrency) * GIB
    steps_s = REACHED_BANDWIDTH * card.mem_bw_gbs * 1e9 / (read + cache)
    tokens_s = steps_s * load.max_concurrency * choice.replicas
    return Ceiling(tokens_s, choice.usd_h / 3600 / tokens_s * 1e6)


def tensor_parallel_degrees(facts: ModelFacts, gpus: int) -> Iterator[int]:
    """Yield the numbers of GPUs that can share the model, smallest first: they divide its heads.

    The heads of a guessed architecture are not those of the model: any power of two is possible.
    """
    kv_heads = facts.num_key_value_heads
    for degree in range(1, gpus + 1):
        if facts.guessed:
            if gpus % degree == 0 and degree & (degree - 1) == 0:
                yield degree
            continue
        shares_heads = facts.kv_lora_rank or kv_heads % degree == 0 or degree % kv_heads == 0
        if gpus % degree == 0 and facts.num_attention_heads % degree == 0 and shares_heads:
            yield degree


def gpu_of(instance: Instance) -> Gpu:
    """Return one of an instance's GPUs, as an engine sees it."""
    card = _card(instance)
    link = card.interconnect or ""
    return Gpu(
        card.driver_visible_gib or DRIVER_SHARE * card.memory_gib,
        nvlink="NVLink" in link or "NVSwitch" in link,
        big_batches=card.memory_gib >= memory.BIG_GPU_GIB and "A100" not in card.name,
    )


class _Judge:
    """Judges instance types for one model and load. Types with the same GPUs share their estimates."""

    def __init__(self, facts: ModelFacts, load: Load) -> None:
        self.facts, self.load = facts, load
        self.release = releases.of_version(load.engine, load.version, load.image)
        self.download_gb = weights.download_bytes(facts) / 1e9
        self.estimates: dict[tuple[Gpu, int], Estimate] = {}
        self.degrees: dict[int, list[int]] = {}
        self.impossible: dict[tuple[str, str], str] = {}

    def choice(self, instance: Instance) -> Choice:
        """Return the judgement of one type: the smallest number of GPUs that fits, or the nearest."""
        if reason := self._impossible(instance) or _too_small(self.download_gb, instance):
            return Choice(instance, reason)
        gpu, nearest, count = gpu_of(instance), None, _card(instance).count
        float16 = lacks_bfloat16(self.facts, _card(instance))
        if count not in self.degrees:
            self.degrees[count] = list(tensor_parallel_degrees(self.facts, count))
        for degree in self.degrees[count]:
            found = self._estimate(gpu, degree)
            lacking = found.lacking(self.load.max_concurrency)
            spare = found.spare(self.load.max_concurrency) if lacking <= 0 else -lacking
            if nearest is None or spare > (nearest.headroom_gib or 0):
                short = _shortfall(found, lacking, self.load)
                nearest = Choice(instance, short, degree, found, spare, float16)
            if lacking <= 0:
                break
        assert nearest is not None  # every model can be on one GPU
        return nearest

    def _impossible(self, instance: Instance) -> str:
        kind = (_card(instance).name, instance.arch)
        if kind not in self.impossible:
            self.impossible[kind] = _impossible(self.facts, self.load, self.release, instance)
        return self.impossible[kind]

    def _estimate(self, gpu: Gpu, degree: int) -> Estimate:
        if (gpu, degree) not in self.estimates:
            self.estimates[gpu, degree] = memory.estimate(self.facts, gpu, _serving(self.load, degree))
        return self.estimates[gpu, degree]


def _impossible(facts: ModelFacts, load: Load, release: Release, instance: Instance) -> str:
    """Return why a kind of instance cannot serve a model at all, or ''."""
    card, engine = _card(instance), catalog.memory().engines[load.engine]
    if card.kind != "gpu" or card.compute_capability is None:
        return f"{engine.title} does not run on {card.name}"
    if instance.arch == "arm64":
        return f"{engine.title} has an x86_64 image, this type is arm64"
    if load.kv_cache_dtype == "fp8" and not engine.fp8_kv_cache:
        return f"{engine.title} does not support an FP8 KV cache"
    if reason := gpu_support.problem(facts, release, card, load.kv_cache_dtype):
        return reason
    return _not_in_float16(facts, engine, card) if lacks_bfloat16(facts, card) else ""


def lacks_bfloat16(facts: ModelFacts, card: Accelerator) -> bool:
    """Return whether a GPU cannot compute in bfloat16, and the model is of this data type."""
    return facts.dtype == "bfloat16" and not card.bf16


def _not_in_float16(facts: ModelFacts, engine: Engine, card: Accelerator) -> str:
    """Return why float16 does not help on a GPU without bfloat16, or ''."""
    lacking = f"{card.name} does not support bfloat16, the model's data type"
    if not engine.float16:
        return lacking
    if facts.family in catalog.memory().formats["bfloat16"].not_in_float16:
        return f"{lacking}, and the model is unstable in float16"
    return ""


def _too_small(download_gb: float, instance: Instance) -> str:
    """Return why an instance can neither store nor load a model, whatever its GPUs hold, or ''."""
    disk_gb = instance.disk_gb or LARGEST_VOLUME_GB
    if download_gb + IMAGE_GB > disk_gb:
        return f"its disk of {disk_gb:,} GB does not hold the download of {download_gb:,.0f} GB"
    if instance.memory_gib < HOST_GIB:
        return f"its memory of {instance.memory_gib:g} GiB is less than the {HOST_GIB} GiB that loading needs"
    return ""


def _shortfall(found: Estimate, lacking: float, load: Load) -> str:
    if lacking <= 0:
        return ""
    short = f"lacks {lacking:.1f} GiB per GPU"
    if found.pool.cache <= 0:
        return f"{short} even without KV cache"
    if lacking == -found.pool.beside:
        return f"{short} for CUDA graphs"
    return f"{short}; fits {found.served():,} of {load.max_concurrency:,} requests"


def _serving(load: Load, degree: int) -> Serving:
    return Serving(
        engine=load.engine,
        version=load.version,
        max_model_len=load.max_model_len,
        max_num_seqs=load.max_concurrency,
        max_num_batched_tokens=load.max_num_batched_tokens,
        tensor_parallel=degree,
        kv_cache_dtype=load.kv_cache_dtype,
    )


def _rank(choice: Choice) -> tuple[bool, bool, float, int, float, str]:
    headroom = -math.inf if choice.headroom_gib is None else choice.headroom_gib
    preferred = not choice.fits, choice.fits and choice.float16, choice.usd_h
    return *preferred, _card(choice.instance).count, -headroom, choice.instance.name


def _check(facts: ModelFacts, load: Load) -> None:
    for name, value in (("max_model_len", load.max_model_len), ("max_concurrency", load.max_concurrency)):
        if not 1 <= value <= LARGEST_LOAD:
            raise UnsizableModel(
                f"{name}: {value} is not a whole number from 1 to {LARGEST_LOAD:,}. Example: 8192"
            )
    if load.max_model_len > facts.max_position_embeddings:
        raise UnsizableModel(
            f"max_model_len: {load.max_model_len} is more than the {facts.max_position_embeddings} tokens "
            f"the model supports. Example: {facts.max_position_embeddings}"
        )


def _card(instance: Instance) -> Accelerator:
    assert instance.accelerator is not None
    return instance.accelerator
