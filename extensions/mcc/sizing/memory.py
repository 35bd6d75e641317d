"""The use of a GPU's memory by a language model, part by part, and the KV cache that is left.

The formulas follow what vLLM's start-up profiling does (vllm/v1/worker/gpu_worker.py and
v1/core/kv_cache_utils.py); their constants, by engine and version, are in catalog/memory.yml.
"""

import dataclasses
from dataclasses import dataclass

from ..catalog import catalog
from ..catalog.entries.memory import EngineRelease
from ..models.facts import ModelFacts
from . import kv_cache, weights, working_memory
from .kv_cache import SIXTEEN_BIT, KvCache, Layout
from .weights import GIB

BIG_GPU_GIB = 70.0  # from here on, engines batch more by default
GRAPHS_SLACK_GIB = 0.5
CONTEXT_GIB = 0.3  # CUDA's, in use when vLLM checks at start that its share of the GPU is free
NCCL_GIB = 0.4  # in addition with several GPUs: 0.96 GiB are in use at start (g135), 0.56 with one
SECOND_SAMPLER_BYTES = 7  # of vLLM's second runner when it profiles, for each sequence and word (g134)
WARM_SAMPLER_BYTES = 14  # and when it warms up, after the KV cache is reserved (vllm#57926)
LONG = 32_768  # tokens; longer prompts were read in chunks even before that was the default


@dataclass(frozen=True)
class Gpu:
    """A GPU as an engine sees it: the GiB its driver shows, and how it is linked to the others."""

    memory_gib: float
    nvlink: bool = False
    big_batches: bool = False  # vLLM's defaults: 8,192 tokens and 1,024 sequences a batch, else 2,048 and 256


@dataclass(frozen=True)
class Serving:
    """How a model is served. Sizes of 0, and None, mean the engine's default."""

    engine: str = "vllm"
    version: str = ""
    max_model_len: int = 0
    max_num_seqs: int = 0
    max_num_batched_tokens: int = 0
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    utilization: float | None = None
    kv_cache_dtype: str = "auto"
    enforce_eager: bool = False


@dataclass(frozen=True)
class FixedMemory:
    """GiB on each GPU that are in use whatever the number of requests."""

    weights: float
    activation: float
    runtime: float
    graphs: float


@dataclass(frozen=True)
class Pool:
    """GiB for KV cache on each GPU, negative where memory lacks, and the memory outside the budget."""

    cache: float
    beside: float


@dataclass(frozen=True)
class Estimate:
    """The memory of one GPU of those that serve a model; sizes are in GiB.

    `margin` is kept for the error of all parts but the KV cache, `cache_margin` for that of the cache, a
    share of the load's. `tokens` of KV cache are those that the engine reports at start. It stops at start
    without `state_floor`: a block with the state of linear-attention layers for each sequence of a batch.
    """

    fixed: FixedMemory
    pool: Pool
    cache: KvCache
    margin: float
    cache_margin: float
    tokens: int
    whole_request: bool
    state_floor: float

    @property
    def request(self) -> float:
        """The GiB that one running request of the full length takes."""
        return self.cache.request_bytes / GIB

    def load(self, concurrency: float) -> float:
        """Return the GiB of KV cache that so many requests of the full length take."""
        return self.cache.load_bytes(concurrency) / GIB

    def spare(self, concurrency: float) -> float:
        """Return the GiB of the pool that this many requests of the full length, and the margin, leave."""
        return self.pool.cache - self.load(concurrency) * (1 + self.cache_margin) - self.margin

    def lacking(self, concurrency: float) -> float:
        """Return the GiB that lack for this many requests of the full length; not positive when it fits."""
        return max(-self.spare(concurrency), -self.pool.beside)

    def served(self) -> int:
        """Return how many requests of the full length the pool holds besides the margin."""
        room = (self.pool.cache - self.margin) / (1 + self.cache_margin) * GIB
        low, high = 0, int(max(0.0, room) / self.cache.request_bytes) if self.request else 0
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.cache.load_bytes(middle) <= room else (low, middle - 1)
        return low

    def starts(self) -> bool:
        """Return whether the engine starts. Some do not check that a request of the full length fits."""
        if self.pool.cache - self.margin < self.state_floor:
            return False
        if self.whole_request:
            started = self.pool.cache - self.cache.start_bytes / GIB * (1 + self.cache_margin) - self.margin
            return min(started, self.pool.beside) >= 0
        return min(self.pool.cache - self.margin, self.pool.beside) > 0


@dataclass(frozen=True)
class Batch:
    """Limits of an inference server: tokens per request, sequences, and tokens per step."""

    length: int
    sequences: int
    tokens: int


def estimate(facts: ModelFacts, gpu: Gpu, serving: Serving) -> Estimate:
    """Estimate the memory of one GPU of those that serve a model.

    Raises CatalogError for an engine or a quantization that is not in memory.yml.
    """
    release = catalog.memory().engines[serving.engine].release(serving.version)
    second = _has_second_runner(facts, release)
    if second:
        release = dataclasses.replace(
            release, sampler_bytes=SECOND_SAMPLER_BYTES, graphs_in_budget=release.second_graphs
        )
    kind = catalog.memory().kinds[facts.kind]
    batch = _batch(facts, gpu, serving, release)
    fixed = _fixed(facts, gpu, serving, release, batch)
    uncertain = fixed.activation + fixed.runtime + (fixed.graphs if release.graphs_in_budget else 0.0)
    utilization = serving.utilization or release.utilization
    pool = _pool(release, gpu, utilization, fixed, _outside(facts, serving, batch, fixed, second))
    cache = _cache(facts, serving, release, batch)
    return Estimate(
        fixed=fixed,
        pool=pool,
        cache=cache,
        margin=(0.0 if facts.checkpoint_bytes else kind.weights * fixed.weights) + kind.rest * uncertain,
        cache_margin=kind.cache,
        tokens=_tokens(facts, release, pool, cache, batch),
        whole_request=release.whole_request,
        state_floor=_state_floor(facts, serving, release, batch),
    )


def _has_second_runner(facts: ModelFacts, release: EngineRelease) -> bool:
    """Return whether vLLM's second model runner serves a model: by its family, or by a word for many."""
    served = release.second_runner
    if facts.quantization != "none" and not release.second_quantized:
        return False
    dense = not facts.num_experts and not facts.linear_layers
    return "all" in served or facts.family in served or ("dense" in served and dense)


def _outside(facts: ModelFacts, serving: Serving, batch: Batch, fixed: FixedMemory, second: bool) -> float:
    """Return the GiB in use outside the budget, next to CUDA: NCCL, and what warming up a sampler adds."""
    nccl = NCCL_GIB if serving.tensor_parallel > 1 else 0.0
    warm = WARM_SAMPLER_BYTES * batch.sequences * facts.vocab_size / GIB if second else 0.0
    return nccl + max(0.0, warm - fixed.activation)


def _state_floor(facts: ModelFacts, serving: Serving, release: EngineRelease, batch: Batch) -> float:
    """Return the GiB of one block for each sequence; a block has as many layers as attend fully."""
    if not facts.linear_layers or release.capacity != "request" or serving.enforce_eager:
        return 0.0
    group = min(facts.full_layers or facts.linear_layers, facts.linear_layers)
    block = group * facts.linear_state * facts.state_bytes / serving.tensor_parallel
    return batch.sequences * block / serving.pipeline_parallel / GIB


def _tokens(facts: ModelFacts, release: EngineRelease, pool: Pool, cache: KvCache, batch: Batch) -> int:
    """Return the tokens of KV cache that the engine reports: of all layers alike, or of whole requests."""
    one = cache.start_bytes
    if one and (facts.linear_layers or (facts.sliding_layers and release.capacity == "request")):
        return max(0, int(pool.cache * GIB / one * batch.length))
    return max(0, int(pool.cache * GIB / cache.token_bytes)) if cache.token_bytes else 0


def _batch(facts: ModelFacts, gpu: Gpu, serving: Serving, release: EngineRelease) -> Batch:
    length = serving.max_model_len or facts.max_position_embeddings
    sequences = serving.max_num_seqs or (1024 if gpu.big_batches and release.chunked else 256)
    return Batch(length, sequences, serving.max_num_batched_tokens or _default_step(gpu, release, length))


def _fixed(
    facts: ModelFacts, gpu: Gpu, serving: Serving, release: EngineRelease, batch: Batch
) -> FixedMemory:
    degree = serving.tensor_parallel
    activation = working_memory.activation_gib(
        facts, batch.tokens, batch.sequences, degree, release.sampler_bytes
    )
    if release.compiled_embedding and not serving.enforce_eager and not facts.multimodal:
        activation = max(activation, working_memory.embedding_gib(facts, degree))
    largest = gpu.memory_gib >= release.largest_class_gib
    graphs = 0.0 if serving.enforce_eager else working_memory.graphs_gib(facts, batch.sequences, largest)
    return FixedMemory(
        weights=weights.on_gpu(facts, degree, serving.pipeline_parallel),
        activation=max(activation, _encoder_gib(facts, release, batch, degree)),
        runtime=_runtime(gpu, release, degree),
        graphs=graphs,
    )


def _encoder_gib(facts: ModelFacts, release: EngineRelease, batch: Batch, tensor_parallel: int) -> float:
    """Return the peak of the encoders of images or sound: by vision_config, or as measured for a family."""
    encoders = catalog.memory().encoders
    if facts.family in encoders:
        return encoders[facts.family].peak_gib
    longest = batch.length if release.vision_capped else None
    found = working_memory.vision_gib(facts, batch.tokens, batch.sequences, tensor_parallel, longest)
    kept = working_memory.experts_gib(facts, batch.tokens, tensor_parallel) if found else 0.0
    return found * release.vision_factor + kept


def _runtime(gpu: Gpu, release: EngineRelease, tensor_parallel: int) -> float:
    if tensor_parallel == 1:
        return release.runtime_gib
    return (gpu.nvlink and release.nvlink_gib) or release.pcie_gib


def _cache(facts: ModelFacts, serving: Serving, release: EngineRelease, batch: Batch) -> KvCache:
    dtype = facts.kv_cache_dtype if serving.kv_cache_dtype == "auto" else serving.kv_cache_dtype
    layout = Layout(
        windowed=release.windowed,
        batched=batch.tokens,
        steps=release.steps_in_flight,
        state_copies=release.state_copies,
        tensor_parallel=serving.tensor_parallel,
        pipeline_parallel=serving.pipeline_parallel,
        parts=serving.pipeline_parallel if release.cache_by_stage else 1,
    )
    return kv_cache.sized(facts, 1 if "8" in dtype else SIXTEEN_BIT, batch.length, layout)


def _pool(release: EngineRelease, gpu: Gpu, utilization: float, fixed: FixedMemory, others: float) -> Pool:
    if release.budget == "static":
        before = gpu.memory_gib - fixed.runtime
        beside = before * (1 - utilization) - fixed.activation - fixed.graphs
        return Pool(before * utilization - fixed.weights, beside)
    used = fixed.weights + fixed.activation + fixed.runtime
    if release.budget == "free":
        return Pool(utilization * (gpu.memory_gib - used - fixed.graphs), 0.0)
    outside = CONTEXT_GIB if release.graphs_in_budget else GRAPHS_SLACK_GIB + fixed.graphs
    beside = gpu.memory_gib * (1 - utilization) - outside - others
    inside = fixed.graphs if release.graphs_in_budget else 0.0
    return Pool(utilization * gpu.memory_gib - used - inside, beside)


def _default_step(gpu: Gpu, release: EngineRelease, length: int) -> int:
    if not release.chunked:
        return min(length, LONG)
    if gpu.memory_gib >= release.largest_class_gib:
        return 16_384
    return 8192 if gpu.big_batches else 2048
