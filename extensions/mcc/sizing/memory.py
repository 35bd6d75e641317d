"""How much of a GPU's memory a language model takes, part by part, and how many tokens are left room for.

The formulas follow what vLLM's start-up profiling does (vllm/v1/worker/gpu_worker.py and
v1/core/kv_cache_utils.py); their constants, by engine and version, are in catalog/memory.yml.
"""

from dataclasses import dataclass

from ..catalog import catalog
from ..catalog.entries.memory import EngineRelease
from ..models.config_quantization import MODULES
from ..models.facts import ModelFacts
from . import kv_cache, parameters
from .kv_cache import SIXTEEN_BIT, KvCache

GIB = 1024**3
BIG_GPU_GIB = 70.0  # from here on, engines batch more by default
ALLOCATOR_GIB = 0.01
GRAPHS_SLACK_GIB = 0.5
EXPERT_CHUNK = 32_768  # tokens that vLLM's fused experts take at a time
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

    `margin` is kept for the error of the estimate.
    """

    fixed: FixedMemory
    pool: Pool
    cache: KvCache
    margin: float

    @property
    def tokens(self) -> int:
        """Tokens of KV cache, as vLLM prints them at start."""
        return max(0, int(self.pool.cache * GIB / self.cache.token_bytes))

    @property
    def request(self) -> float:
        """The GiB that one request of the full length takes."""
        return self.cache.request_bytes / GIB

    def spare(self, concurrency: float) -> float:
        """Return the GiB of the pool that this many requests of the full length, and the margin, leave."""
        return self.pool.cache - concurrency * self.request - self.margin

    def lacking(self, concurrency: float) -> float:
        """Return the GiB that lack for this many requests of the full length; not positive when it fits."""
        return max(-self.spare(concurrency), -self.pool.beside)


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
    batch = _batch(facts, gpu, serving, release)
    fixed = _fixed(facts, gpu, serving, release, batch)
    return Estimate(
        fixed=fixed,
        pool=_pool(release, gpu, serving.utilization or release.utilization, fixed),
        cache=_cache(facts, serving, release, batch),
        margin=catalog.memory().kinds[facts.kind].margin * gpu.memory_gib,
    )


def weights(facts: ModelFacts, tensor_parallel: int = 1, pipeline_parallel: int = 1) -> float:
    """Return the GiB of weights on the fullest of the GPUs that share a model.

    Norms, routers and MLA's down-projections are replicated; the key and value projections are split into
    no more parts than there are KV heads. MLA keeps a 16-bit copy of the matrices it absorbs. A predictor
    of further tokens (MTP) is part of a checkpoint, but not loaded. Rotary tables are held once a GPU.
    """
    count = parameters.count(facts)
    quantization = catalog.memory().quantizations[facts.quantization]
    linear = SIXTEEN_BIT if quantization.experts_only else quantization.linear_bytes
    kept = {name: SIXTEEN_BIT if name in facts.unquantized.split() else linear for name in MODULES}
    expert = quantization.linear_bytes
    ends = SIXTEEN_BIT * (count.embedding + count.head)
    replicated = SIXTEEN_BIT * (count.norms + count.router) + kept["self_attn"] * count.latent
    key_value = kept["self_attn"] * count.key_value
    if facts.checkpoint_bytes:
        stored = facts.checkpoint_bytes - linear * count.predictor
    else:
        stored = ends + replicated + key_value + kept["self_attn"] * count.attention + expert * count.experts
        stored += kept["mlp"] * count.mlp + kept["shared_experts"] * count.shared_experts
        stored += kept["linear_attn"] * count.linear_attention
        if facts.unquantized_layers:
            stored += (
                (SIXTEEN_BIT - linear) * count.mlp * facts.unquantized_layers / max(1, facts.dense_layers)
            )
    padding = (quantization.padding - 1) * expert * count.experts
    body = stored + padding + SIXTEEN_BIT * count.absorbed - ends - replicated - key_value
    share = max(1, tensor_parallel / facts.num_key_value_heads) / tensor_parallel
    stages = body / tensor_parallel + replicated + key_value * share
    end = ends if pipeline_parallel == 1 else SIXTEEN_BIT * count.embedding
    rotary = SIXTEEN_BIT * facts.max_position_embeddings * (facts.qk_rope_head_dim or facts.head_dim)
    return (stages / pipeline_parallel + end / tensor_parallel + rotary) / GIB + ALLOCATOR_GIB


def activation_gib(
    facts: ModelFacts, batched_tokens: int, sequences: int, tensor_parallel: int, sampler_bytes: float
) -> float:
    """Return the GiB that profiling peaks at: the largest layer's forward pass, or the sampler."""
    hidden, chosen = facts.hidden_size, facts.num_experts_per_tok
    if facts.num_experts:
        width = 4 * hidden + 3 * chosen * facts.moe_intermediate_size / tensor_parallel + chosen * hidden
    else:
        width = 4 * hidden + 3 * facts.intermediate_size / tensor_parallel
    forward = SIXTEEN_BIT * min(batched_tokens, EXPERT_CHUNK if facts.num_experts else batched_tokens) * width
    return max(forward, sequences * facts.vocab_size * sampler_bytes) / GIB


def graphs_gib(facts: ModelFacts, sequences: int) -> float:
    """Return the GiB of CUDA graphs, captured for batches up to `sequences`."""
    experts = 0.4 if facts.num_experts else 0.0
    return (0.4 + 0.014 * facts.num_hidden_layers + experts) * min(1.0, sequences / 256)


def _batch(facts: ModelFacts, gpu: Gpu, serving: Serving, release: EngineRelease) -> Batch:
    length = serving.max_model_len or facts.max_position_embeddings
    sequences = serving.max_num_seqs or (1024 if gpu.big_batches and release.chunked else 256)
    return Batch(length, sequences, serving.max_num_batched_tokens or _default_step(gpu, release, length))


def _fixed(
    facts: ModelFacts, gpu: Gpu, serving: Serving, release: EngineRelease, batch: Batch
) -> FixedMemory:
    degree, encoders = serving.tensor_parallel, catalog.memory().encoders
    activation = activation_gib(facts, batch.tokens, batch.sequences, degree, release.sampler_bytes)
    if facts.family in encoders:
        activation = max(activation, encoders[facts.family].peak_gib)
    return FixedMemory(
        weights=weights(facts, degree, serving.pipeline_parallel),
        activation=activation,
        runtime=_runtime(gpu, release, degree),
        graphs=0.0 if serving.enforce_eager else graphs_gib(facts, batch.sequences),
    )


def _runtime(gpu: Gpu, release: EngineRelease, tensor_parallel: int) -> float:
    if tensor_parallel == 1:
        return release.runtime_gib
    return (gpu.nvlink and release.nvlink_gib) or release.pcie_gib


def _cache(facts: ModelFacts, serving: Serving, release: EngineRelease, batch: Batch) -> KvCache:
    dtype = facts.kv_cache_dtype if serving.kv_cache_dtype == "auto" else serving.kv_cache_dtype
    return kv_cache.sized(
        facts,
        value_bytes=1 if "8" in dtype else SIXTEEN_BIT,
        length=batch.length,
        window=facts.sliding_window - 1 + batch.tokens if release.windowed else None,
        tensor_parallel=serving.tensor_parallel,
        pipeline_parallel=serving.pipeline_parallel,
    )


def _pool(release: EngineRelease, gpu: Gpu, utilization: float, fixed: FixedMemory) -> Pool:
    if release.budget == "static":
        before = gpu.memory_gib - fixed.runtime
        beside = before * (1 - utilization) - fixed.activation - fixed.graphs
        return Pool(before * utilization - fixed.weights, beside)
    used = fixed.weights + fixed.activation + fixed.runtime
    if release.budget == "free":
        return Pool(utilization * (gpu.memory_gib - used - fixed.graphs), 0.0)
    outside = 0.0 if release.graphs_in_budget else GRAPHS_SLACK_GIB + fixed.graphs
    beside = gpu.memory_gib * (1 - utilization) - outside
    inside = fixed.graphs if release.graphs_in_budget else 0.0
    return Pool(utilization * gpu.memory_gib - used - inside, beside)


def _default_step(gpu: Gpu, release: EngineRelease, length: int) -> int:
    if not release.chunked:
        return min(length, LONG)
    return 8192 if gpu.big_batches else 2048
