"""The layers of a model by its config.json: kinds of attention, experts and dense MLPs."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ..errors import redaction
from ..errors.errors import UnsizableModel
from .config_fields import LARGEST, MOST_LAYERS, Fields

SLIDING_EVERY_OTHER = {"gemma2": 2, "gemma3": 6, "gemma3_text": 6, "cohere2": 4, "gpt_oss": 2}
SLIDING_TYPES = ("sliding_attention", "chunked_attention")
FULL_TYPES = ("full_attention", "attention", "deepseek_sparse_attention")
OTHER_TYPES = ("no_attention", "moe", "mlp")
LINEAR_TYPES = ("linear_attention", "mamba", "mamba2", "conv", "recurrent")


def layer_types(fields: Fields, model_type: str, layers: int) -> Counter[str]:
    """Return how many layers there are of each type, in any of the forms of a config."""
    raw = fields.raw
    if isinstance(pattern := raw.get("hybrid_override_pattern"), str):
        signs = Counter(pattern)
        return Counter(full_attention=signs["*"], mamba=signs["M"], moe=signs["E"], mlp=signs["-"])
    if isinstance(listed := raw.get("layer_types"), list):
        return Counter(map(str, listed))
    if isinstance(counted := raw.get("layer_types_count"), Mapping):
        counts = Fields(counted)
        return Counter({name: counts.size(name, least=0, most=MOST_LAYERS) for name in counted})
    if raw.get("linear_num_value_heads") is not None:
        full = layers // fields.size("full_attention_interval", default=4)
        return Counter(full_attention=full, linear_attention=layers - full)
    window = raw.get("sliding_window")
    if window is None or raw.get("use_sliding_window") is False:
        return Counter(full_attention=layers)
    every = fields.size("sliding_window_pattern", default=SLIDING_EVERY_OTHER.get(model_type, layers + 1))
    return Counter(full_attention=layers // every, sliding_attention=layers - layers // every)


def attention_layers(fields: Fields, types: Counter[str], layers: int) -> dict[str, Any]:
    """Return how many layers have full, sliding-window and linear attention, and the window."""
    sliding = sum(types[name] for name in SLIDING_TYPES)
    linear = sum(types[name] for name in LINEAR_TYPES)
    full = sum(types[name] for name in FULL_TYPES)
    other = sum(types[name] for name in OTHER_TYPES)
    if not sliding + linear + full > 0 or sum(types.values()) != layers:
        raise UnsizableModel(f"the layer types {redaction.shown(dict(types))} do not make {layers} layers")
    unknown = layers - (sliding + linear + full + other)
    full += unknown
    counts = {"full_layers": full, "linear_layers": linear, "unknown_layers": unknown}
    window = fields.size("sliding_window", "attention_chunk_size", default=0, least=0) if sliding else 0
    longest = fields.size("max_position_embeddings", default=LARGEST)
    if not sliding or not window or window >= longest:
        return {**counts, "full_layers": full + sliding}
    return {**counts, "sliding_layers": sliding, "sliding_window": window}


def linear_layers(fields: Fields) -> dict[str, Any]:
    """Return the sizes of gated-delta or state-space layers; `linear_state` is elements a sequence."""
    if fields.raw.get("linear_num_value_heads") is not None:
        heads, key_heads = fields.size("linear_num_value_heads"), fields.size("linear_num_key_heads")
        key_dim, value_dim = fields.size("linear_key_head_dim"), fields.size("linear_value_head_dim")
        keys, values, kernel = (
            key_heads * key_dim,
            heads * value_dim,
            fields.size("linear_conv_kernel_dim", default=4),
        )
        state = heads * key_dim * value_dim + (kernel - 1) * (2 * keys + values)
    elif fields.raw.get("mamba_num_heads") is not None:
        heads, size = fields.size("mamba_num_heads"), fields.size("ssm_state_size", default=128)
        values = heads * fields.size("mamba_head_dim", default=64)
        keys = size * fields.size("n_groups", default=8)
        state = values * size + 3 * (2 * keys + values)
    else:
        return {}
    return {
        "linear_heads": heads,
        "linear_key_size": keys,
        "linear_value_size": values,
        "linear_state": state,
        "state_bytes": 4 if "32" in _state_dtype(fields.raw) else 2,
    }


def _state_dtype(raw: Mapping[str, Any]) -> str:
    """Return the number format of the recurrent state; that of the model where the config names none."""
    return str(raw.get("mamba_ssm_dtype") or raw.get("mamba_ssm_cache_dtype") or "")


def experts(fields: Fields) -> dict[str, Any]:
    """Return the sizes of a mixture of experts, {} for a model that is none."""
    count = fields.size("num_local_experts", "num_experts", "n_routed_experts", default=0, least=0)
    if count < 2:
        return {}
    inner = fields.size("moe_intermediate_size", "expert_ffn_hidden_size", "intermediate_size")
    shared = fields.size("n_shared_experts", "num_shared_experts", default=0, least=0) * inner
    return {
        "num_experts": count,
        "num_experts_per_tok": min(
            count,
            fields.size("num_experts_per_tok", "experts_per_token", "top_k_experts", "moe_topk", default=2),
        ),
        "moe_intermediate_size": inner,
        "shared_expert_intermediate_size": fields.size(
            "moe_shared_expert_intermediate_size",
            "shared_expert_intermediate_size",
            "shared_intermediate_size",
            default=shared,
            least=0,
        ),
    }


def mlp_layers(fields: Fields, types: Counter[str], layers: int, has_experts: bool) -> dict[str, Any]:
    """Return how many layers have a dense MLP and how many have experts."""
    if types["moe"] or types["mlp"]:  # layers of their own, in addition to those of attention
        return {"expert_layers": types["moe"], "dense_layers": types["mlp"]}
    if not has_experts:
        return {"dense_layers": layers}
    if str(fields.raw.get("model_type", "")).startswith("gemma4"):
        return {"expert_layers": layers, "dense_layers": layers}  # every layer has both, side by side
    dense = min(layers, fields.size("first_k_dense_replace", default=0, least=0))
    step = fields.size("decoder_sparse_step", "interleave_moe_layer_step", default=1, least=0) or 1
    expert = (layers - dense) // step
    return {"expert_layers": expert, "dense_layers": layers - expert}
