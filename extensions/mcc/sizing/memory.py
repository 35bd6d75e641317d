"""How much of a GPU's memory a language model takes, part by part, and how many tokens are left room for.

The formulas follow what vLLM's start-up profiling does (vllm/v1/worker/gpu_worker.py and
v1/core/kv_cache_utils.py); their constants, by engine and version, are in catalog/memory.yml.
"""

from dataclasses import dataclass
from functools import lru_cache

from ..catalog import catalog
from ..catalog.entries.memory import EngineRelease
from ..models.config_quantization import MODULES
from ..models.facts import ModelFacts

GIB = 1024**3
SIXTEEN_BIT = 2  # bytes
PAGE = 16  # tokens in a block of KV cache
BIG_GPU_GIB = 70.0  # from here on, engines batch more by default
ALLOCATOR_GIB = 0.01
GRAPHS_SLACK_GIB = 0.5
EXPERT_CHUNK = 32_768  # tokens that vLLM's fused experts take at a time
LONG = 32_768  # tokens; longer prompts were read in chunks even before that was the default


@dataclass(frozen=True)
class Gpu:
    """A GPU as an engine sees it: the GiB its driver shows, and how it is linked to its neighbours."""

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
    utilisation: float | None = None
    kv_cache_dtype: str = "auto"
    enforce_eager: bool = False


@dataclass(frozen=True)
class Estimate:
    """GiB on each GPU, and what fits. `pool` may be negative: by so much memory lacks.

    `tokens` is the capacity an engine prints at start: all its layers counted alike. `request` is the
    GiB that one request of the full length takes, `margin` what is kept for the estimate's error.
    """

    weights: float
    activation: float
    runtime: float
    graphs: float
    pool: float
    beside: float
    token_bytes: int
    request: float
    margin: float

    @property
    def tokens(self) -> int:
        """Tokens of KV cache, as vLLM prints them at start."""
        return max(0, int(self.pool * GIB / self.token_bytes))

    def spare(self, concurrency: float) -> float:
        """Return the GiB of the pool that this many requests of the full length, and the margin, leave."""
        return self.pool - concurrency * self.request - self.margin

    def lacking(self, concurrency: float) -> float:
        """Return the GiB that lack for this many requests of the full length; not positive when it fits."""
        return max(-self.spare(concurrency), -self.beside)


@dataclass(frozen=True)
class Parameters:
    """Counts of parameters by what becomes of them: split over GPUs, replicated, quantized or not."""

    embedding: int
    head: int
    norms: int
    attention: int
    key_value: int
    latent: int
    absorbed: int
    router: int
    mlp: int
    shared_experts: int
    experts: int
    linear_attention: int
    predictor: int

    @property
    def total(self) -> int:
        """All parameters a server loads."""
        loaded = (self.embedding, self.head, self.norms, self.attention, self.key_value, self.latent)
        return (
            sum(loaded) + self.router + self.mlp + self.shared_experts + self.experts + self.linear_attention
        )


@lru_cache(maxsize=64)
def parameters(facts: ModelFacts) -> Parameters:
    """Count a model's parameters from its shape.

    Source: the weight matrices of the transformers library's classes for each kind of attention.
    """
    hidden, heads = facts.hidden_size, facts.num_attention_heads
    attending = facts.full_layers + facts.sliding_layers
    latent = absorbed = key_value = 0
    if facts.kv_lora_rank:
        absorbed = attending * facts.kv_lora_rank * heads * (facts.qk_nope_head_dim + facts.v_head_dim)
        latent = attending * hidden * (facts.kv_lora_rank + facts.qk_rope_head_dim + facts.q_lora_rank)
        query = (facts.q_lora_rank or hidden) * heads * (facts.qk_nope_head_dim + facts.qk_rope_head_dim)
        attention = absorbed + attending * (query + heads * facts.v_head_dim * hidden)
    else:
        dims = facts.sliding_layers * facts.head_dim
        dims += facts.full_layers * (facts.global_head_dim or facts.head_dim)
        gates = facts.full_layers * facts.head_dim if _has_gated_attention(facts) else 0
        attention = hidden * heads * (2 * dims + gates)
        key_value = 2 * hidden * _key_value_width(facts)
    matrices = 3 if facts.gated else 2
    expert = matrices * (facts.moe_latent_size or hidden) * facts.moe_intermediate_size
    shared = matrices * hidden * facts.shared_expert_intermediate_size
    dense = matrices * hidden * facts.intermediate_size
    embedding = facts.vocab_size * hidden
    projections = 2 * facts.linear_key_size + 3 * facts.linear_value_size + 2 * facts.linear_heads
    predictor = facts.num_nextn_predict_layers * (
        facts.num_experts * expert + (attention + latent) // max(1, attending) + 2 * hidden**2 + 2 * embedding
    )
    return Parameters(
        embedding=embedding,
        head=0 if facts.tie_word_embeddings else embedding,
        norms=(2 * facts.num_hidden_layers + 1) * hidden,
        attention=attention,
        key_value=key_value,
        latent=latent,
        absorbed=absorbed,
        router=facts.expert_layers * hidden * facts.num_experts,
        mlp=facts.dense_layers * dense + facts.expert_layers * 2 * hidden * facts.moe_latent_size,
        shared_experts=facts.expert_layers * shared,
        experts=facts.expert_layers * facts.num_experts * expert,
        linear_attention=facts.linear_layers * hidden * projections,
        predictor=predictor,
    )


def estimate(facts: ModelFacts, gpu: Gpu, serving: Serving) -> Estimate:
    """Estimate the memory of one GPU of those that serve a model.

    Raises CatalogError for an engine or a quantization that memory.yml does not know.
    """
    constants = catalog.memory()
    release = constants.engines[serving.engine].release(serving.version)
    length = serving.max_model_len or facts.max_position_embeddings
    sequences = serving.max_num_seqs or (1024 if gpu.big_batches and release.chunked else 256)
    batched = serving.max_num_batched_tokens or _default_batch(gpu, release, length)
    several = serving.tensor_parallel > 1
    runtime = ((gpu.nvlink and release.nvlink_gib) or release.pcie_gib) if several else release.runtime_gib
    weights_gib = weights(facts, serving.tensor_parallel, serving.pipeline_parallel)
    activation = activation_gib(facts, batched, sequences, serving.tensor_parallel, release.sampler_bytes)
    if facts.family in constants.encoders:
        activation = max(activation, constants.encoders[facts.family].peak_gib)
    graphs = 0.0 if serving.enforce_eager else graphs_gib(facts, sequences)
    utilisation = serving.utilisation or release.utilisation
    pool, beside = _pool(release, gpu, utilisation, weights_gib, activation, runtime, graphs)
    byte = 1 if "8" in _kv_dtype(facts, serving) else SIXTEEN_BIT
    full, sliding = layer_groups(facts, release.windowed)
    token = token_bytes(facts, serving.tensor_parallel, byte)
    window = min(length, facts.sliding_window - 1 + batched) if release.windowed else length
    layers = full * _pages(length) + sliding * _pages(window)
    state = facts.linear_layers * facts.linear_state * SIXTEEN_BIT / serving.tensor_parallel
    return Estimate(
        weights=weights_gib,
        activation=activation,
        runtime=runtime,
        graphs=graphs,
        pool=pool,
        beside=beside,
        token_bytes=token * -(-(full + sliding) // serving.pipeline_parallel),
        request=(token * layers + state) / serving.pipeline_parallel / GIB,
        margin=constants.kinds[facts.kind].margin * gpu.memory_gib,
    )


def weights(facts: ModelFacts, tensor_parallel: int = 1, pipeline_parallel: int = 1) -> float:
    """Return the GiB of weights on the fullest of the GPUs that share a model.

    Norms, routers and MLA's down-projections are replicated; the key and value projections are split into
    no more parts than there are KV heads. MLA keeps a 16-bit copy of the matrices it absorbs. A predictor
    of further tokens (MTP) is part of a checkpoint, but not loaded. Rotary tables are held once a GPU.
    """
    count = parameters(facts)
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


def layer_groups(facts: ModelFacts, windowed: bool) -> tuple[int, int]:
    """Return the layers with full and with sliding attention, as the KV cache counts them.

    A cache of both kinds is cut into groups of equal size, padded up to it (vLLM from 0.10): the smaller
    number of layers, or the larger when they differ by less than a quarter.
    """
    full, sliding = facts.full_layers, facts.sliding_layers
    if not windowed:
        return full + sliding, 0
    if not full or not sliding:
        return full, sliding
    low, high = sorted((full, sliding))
    group = high if high < 1.25 * low else low
    return -(-full // group) * group, -(-sliding // group) * group


def token_bytes(facts: ModelFacts, tensor_parallel: int, value_bytes: int) -> int:
    """Return the bytes of KV cache that a token takes in one layer, on one GPU."""
    if facts.kv_lora_rank:
        return (facts.kv_lora_rank + facts.qk_rope_head_dim) * value_bytes
    heads = -(-facts.num_key_value_heads // tensor_parallel)
    size = heads * facts.head_dim
    if facts.global_head_dim:
        size = max(size, -(-facts.num_global_key_value_heads // tensor_parallel) * facts.global_head_dim)
    return 2 * size * value_bytes


def _pool(
    release: EngineRelease,
    gpu: Gpu,
    utilisation: float,
    weights_gib: float,
    activation: float,
    runtime: float,
    graphs: float,
) -> tuple[float, float]:
    """Return the GiB for KV cache, and what is left of the GPU beside the engine's budget."""
    if release.budget == "static":
        before = gpu.memory_gib - runtime
        return before * utilisation - weights_gib, before * (1 - utilisation) - activation - graphs
    used = weights_gib + activation + runtime
    if release.budget == "free":
        return utilisation * (gpu.memory_gib - used - graphs), 0.0
    outside = 0.0 if release.graphs_in_budget else GRAPHS_SLACK_GIB + graphs
    beside = gpu.memory_gib * (1 - utilisation) - outside
    return utilisation * gpu.memory_gib - used - (graphs if release.graphs_in_budget else 0.0), beside


def _default_batch(gpu: Gpu, release: EngineRelease, length: int) -> int:
    if not release.chunked:
        return min(length, LONG)
    return 8192 if gpu.big_batches else 2048


def _kv_dtype(facts: ModelFacts, serving: Serving) -> str:
    return facts.kv_cache_dtype if serving.kv_cache_dtype == "auto" else serving.kv_cache_dtype


def _pages(tokens: int) -> int:
    return -(-tokens // PAGE) * PAGE


def _has_gated_attention(facts: ModelFacts) -> bool:
    return facts.linear_layers > 0 and facts.gated  # Qwen3-Next and later double the query projection


def _key_value_width(facts: ModelFacts) -> int:
    width = facts.sliding_layers * facts.num_key_value_heads * facts.head_dim
    if facts.global_head_dim:  # keys serve as values in these layers: one projection instead of two
        return width + facts.full_layers * facts.num_global_key_value_heads * facts.global_head_dim // 2
    return width + facts.full_layers * facts.num_key_value_heads * facts.head_dim
