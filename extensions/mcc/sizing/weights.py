"""The memory of a language model's weights on each of the GPUs that share it."""

from ..catalog import catalog
from ..models.config_quantization import MODULES
from ..models.facts import ModelFacts
from . import parameters
from .kv_cache import SIXTEEN_BIT

GIB = 1024**3
ALLOCATOR_GIB = 0.01


def download_bytes(facts: ModelFacts) -> float:
    """Return the size of a model's files: as the Hub states it, or that of its weights on GPUs."""
    return facts.checkpoint_bytes or on_gpu(facts) * GIB


def on_gpu(facts: ModelFacts, tensor_parallel: int = 1, pipeline_parallel: int = 1) -> float:
    """Return the GiB of weights on the fullest of the GPUs that share a model.

    Norms, routers and MLA's down-projections are replicated; the key and value projections are split into
    no more parts than there are KV heads. MLA keeps a 16-bit copy of the matrices it absorbs. A predictor
    of further tokens (MTP) is part of a checkpoint, but not loaded. Rotary tables are held once a GPU.
    """
    count = parameters.count(facts)
    quantization = catalog.memory().quantizations[facts.quantization]
    expert = quantization.linear_bytes(facts.group_size)
    linear = SIXTEEN_BIT if quantization.experts_only else expert
    attention = SIXTEEN_BIT if "self_attn" in facts.unquantized.split() else linear
    ends = (expert if quantization.ends else SIXTEEN_BIT) * (count.embedding + count.head)
    replicated = SIXTEEN_BIT * (count.norms + count.router) + attention * count.latent
    key_value = attention * count.key_value
    if facts.checkpoint_bytes:
        stored = facts.checkpoint_bytes - linear * count.predictor
    else:
        stored = ends + replicated + key_value + _counted(facts, linear, expert)
    padding = (quantization.padding - 1) * expert * count.experts
    body = stored + padding + SIXTEEN_BIT * count.absorbed - ends - replicated - key_value
    share = max(1, tensor_parallel / facts.num_key_value_heads) / tensor_parallel
    stages = body / tensor_parallel + replicated + key_value * share
    end = ends if pipeline_parallel == 1 else SIXTEEN_BIT * count.embedding
    rotary = SIXTEEN_BIT * facts.max_position_embeddings * (facts.qk_rope_head_dim or facts.head_dim)
    return (stages / pipeline_parallel + end / tensor_parallel + rotary) / GIB + ALLOCATOR_GIB


def _counted(facts: ModelFacts, linear: float, expert: float) -> float:
    """Return the bytes of the layers by their counts, some modules of them at 16 bits."""
    count = parameters.count(facts)
    kept = {name: SIXTEEN_BIT if name in facts.unquantized.split() else linear for name in MODULES}
    stored = kept["self_attn"] * count.attention + expert * count.experts + SIXTEEN_BIT * count.vision
    stored += kept["mlp"] * count.mlp + kept["shared_experts"] * count.shared_experts
    stored += kept["linear_attn"] * count.linear_attention
    if facts.unquantized_layers:
        whole = count.mlp * facts.unquantized_layers / max(1, facts.dense_layers)
        stored += (SIXTEEN_BIT - linear) * whole
    return stored
