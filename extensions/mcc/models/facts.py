"""What a language model is made of, as far as its memory goes, read from its config.json."""

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, get_type_hints

from ..errors import redaction
from ..errors.errors import UnsizableModel

LARGEST = 10**8  # no size in the config.json of a model that exists is larger
MOST_LAYERS = 10_000
PARAMETERS = (0.05, 5000)  # billions, of the models there are
GUESSED_KV_HEADS = 8
GUESSED_EXPERTS = 128
ACTIVE = re.compile(r"-A([0-9]{1,3}(?:\.[0-9]+)?)B(?![A-Za-z0-9])")  # in a name: billions active for a token
GIB = 1024**3
IN_OUR_WORDS = {"w8a8": "int8", "w4a16": "gptq"}
NESTED = ("text_config", "language_config", "llm_config", "thinker_config", "llm")
# Families, as their class is called, whose MLP is two matrices, up and down; others have a gate beside them.
UNGATED = {"bloom", "falcon", "gpt2", "gptbigcode", "gptj", "gptneox", "mpt", "nemotronh", "opt", "phi", "rw"}
UNGATED |= {"starcoder2"}
SLIDING_EVERY_OTHER = {"gemma2": 2, "gemma3": 6, "gemma3_text": 6, "cohere2": 4, "gpt_oss": 2}
SLIDING_TYPES = ("sliding_attention", "chunked_attention")
FULL_TYPES = ("full_attention", "attention", "deepseek_sparse_attention")
OTHER_TYPES = ("no_attention", "moe", "mlp")
MODULES = {  # that a quantization may leave at 16 bits, and how their names end or go on
    "self_attn": r"self_attn",
    "shared_experts": r"shared_expert",
    "linear_attn": r"linear_attn",
    "mlp": r"(?<!shared_experts\.)mlp(\*|\.(gate|up|down)_proj)?$",
}
LINEAR_TYPES = ("linear_attention", "mamba", "mamba2", "conv", "recurrent")


@dataclasses.dataclass(frozen=True)
class ModelFacts:
    """The shape of a model, in the names of config.json where it has one.

    Layers are counted by what they hold: full, sliding-window or linear attention, and a dense or an
    expert MLP. A size of 0 means that the model has no such part. `checkpoint_bytes` is the size of its
    tensors as stored, 0 when that is not known. `unquantized` names the modules that a quantized checkpoint
    keeps at 16 bits in all layers, `unquantized_layers` counts those whose MLP it keeps. `unknown_layers` are
    of a type that is unknown here; they are among `full_layers`, the type with the largest KV cache.
    """

    num_hidden_layers: int
    hidden_size: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    vocab_size: int
    full_layers: int
    dense_layers: int
    max_position_embeddings: int
    dtype: str = "bfloat16"
    quantization: str = "none"
    kv_cache_dtype: str = "auto"
    checkpoint_bytes: int = 0
    tie_word_embeddings: bool = False
    gated: bool = True
    multimodal: bool = False
    family: str = ""
    guessed: bool = False
    intermediate_size: int = 0
    sliding_layers: int = 0
    sliding_window: int = 0
    global_head_dim: int = 0
    num_global_key_value_heads: int = 0
    q_lora_rank: int = 0
    kv_lora_rank: int = 0
    qk_nope_head_dim: int = 0
    qk_rope_head_dim: int = 0
    v_head_dim: int = 0
    linear_layers: int = 0
    linear_heads: int = 0
    linear_key_size: int = 0
    linear_value_size: int = 0
    linear_state: int = 0
    expert_layers: int = 0
    num_experts: int = 0
    num_experts_per_tok: int = 0
    moe_intermediate_size: int = 0
    shared_expert_intermediate_size: int = 0
    num_nextn_predict_layers: int = 0
    moe_latent_size: int = 0
    unquantized: str = ""
    unquantized_layers: int = 0
    unknown_layers: int = 0

    @property
    def kind(self) -> str:
        """The kind of model, for which the estimate's error was measured: one of memory.yml's kinds."""
        if self.guessed:
            return "guessed"
        if self.unknown_layers:
            return "unknown_layers"
        if self.multimodal:
            return "multimodal"
        if self.linear_layers:
            return "linear_hybrid"
        if self.quantization not in ("none", "fp8", "int8"):
            return "four_bit"
        if self.kv_lora_rank:
            return "mla"
        if self.num_experts:
            return "moe"
        return "sliding" if self.sliding_layers else "dense"

    def answer(self) -> dict[str, Any]:
        """Return the facts as a stored answer: plain values, without those that say nothing."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        }


def from_answer(answer: Mapping[str, Any]) -> ModelFacts:
    """Return the facts of a stored answer. Raises UnsizableModel when somebody has broken it."""
    known = get_type_hints(ModelFacts)
    try:
        for name, value in answer.items():
            if type(value) is not known[name]:
                raise UnsizableModel(
                    f"model_facts: {name}: {redaction.shown(value)} is not of type {known[name].__name__}"
                )
        return ModelFacts(**answer)
    except (KeyError, TypeError) as error:
        raise UnsizableModel(f"model_facts: the stored answer is not complete: {error}") from None


def from_config(
    config: Mapping[str, Any], checkpoint_bytes: int = 0, quantization: str | None = None
) -> ModelFacts:
    """Read a config.json, with the text part of multimodal models merged into it.

    `quantization` overrides what the config says. Raises UnsizableModel, which names the field, when a
    size is missing, is no positive whole number, or contradicts another.
    """
    if not isinstance(config, Mapping):
        raise UnsizableModel("config.json is not an object")
    if config.get("is_encoder_decoder") is True:
        raise UnsizableModel("is_encoder_decoder: only models that decode alone can be sized")
    multimodal = bool(config.get("multimodal")) or any("vision" in key or "audio" in key for key in config)
    fields = _Fields(_merged(config))
    model_type = str(fields.raw.get("model_type", ""))
    family = _family(config) or _family(fields.raw)
    layers = fields.size("num_hidden_layers", "n_layer", "n_layers", "num_layers", most=MOST_LAYERS)
    hidden = fields.size("hidden_size", "n_embd", "d_model", "dim")
    heads = fields.size("num_attention_heads", "n_head", "n_heads", "num_heads")
    kv_heads = _kv_heads(fields, heads)
    head_dim = fields.size("head_dim", "kv_channels", "attention_head_dim", default=hidden // heads)
    if head_dim == 0:
        raise UnsizableModel(f"hidden_size {hidden} is smaller than num_attention_heads {heads}")
    mla: dict[str, Any] = {
        name: fields.size(name, default=0, least=0)
        for name in ("q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")
    }
    if not mla["kv_lora_rank"]:
        mla = {}
    experts = _experts(fields)
    return ModelFacts(
        num_hidden_layers=layers,
        hidden_size=hidden,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        head_dim=head_dim,
        vocab_size=fields.size("vocab_size", "padded_vocab_size"),
        max_position_embeddings=fields.size(
            "max_position_embeddings", "n_positions", "seq_length", "max_seq_len", "n_ctx", default=2048
        ),
        dtype=_dtype(fields.raw),
        quantization=_quantization(fields.raw) if quantization is None else quantization,
        kv_cache_dtype=_kv_cache_dtype(fields.raw),
        checkpoint_bytes=checkpoint_bytes,
        tie_word_embeddings=fields.raw.get("tie_word_embeddings", model_type.startswith("gemma")) is True,
        gated=_family(fields.raw) not in UNGATED,
        family=family,
        multimodal=multimodal,
        intermediate_size=fields.size(
            "intermediate_size_mlp",
            "intermediate_size",
            "ffn_hidden_size",
            "n_inner",
            "d_ff",
            default=0 if experts else 4 * hidden,
            least=0,
        ),
        num_nextn_predict_layers=fields.size(
            "num_nextn_predict_layers", default=0, least=0, most=MOST_LAYERS
        ),
        moe_latent_size=fields.size("moe_latent_size", default=0, least=0),
        **_unquantized(fields.raw, layers),
        global_head_dim=fields.size("global_head_dim", default=0, least=0),
        num_global_key_value_heads=fields.size("num_global_key_value_heads", default=0, least=0),
        **mla,
        **_attention_layers(fields, model_type, layers),
        **_linear(fields),
        **experts,
        **_mlp_layers(fields, _layer_types(fields, model_type, layers), layers, bool(experts)),
    )


def from_catalog(entry: Mapping[str, Any]) -> ModelFacts:
    """Return the facts of an entry of models.yml: a config.json with two fields of ours."""
    quantization = str(entry["weight_quant"]) if "weight_quant" in entry else None
    facts = from_config(
        entry,
        int(entry.get("checkpoint_gib", 0) * GIB),
        quantization and IN_OUR_WORDS.get(quantization, quantization),
    )
    counted = entry.get("params_from_shape", 0) if facts.quantization == "none" else 0
    return facts if facts.checkpoint_bytes else dataclasses.replace(facts, checkpoint_bytes=2 * counted)


def from_parameters(billions: float, quantization: str = "none", name: str = "") -> ModelFacts:
    """Return a plausible shape for a model of which only the number of parameters is known.

    A transformer's: 12 x layers x hidden**2 parameters, hidden / layers = 128 (as in Llama 2 and 3), heads of
    128, eight KV heads as most models with grouped queries have. A `name` such as Qwen3-30B-A3B names the
    billions active for a token, too: such a mixture of experts is as deep as a dense model of the geometric
    mean of both. Raises UnsizableModel for a number that no model has.
    """
    smallest, largest = PARAMETERS
    if not smallest <= billions <= largest:
        raise UnsizableModel(
            f"model_parameters: {billions:g} is not a number of billions from {smallest} to {largest}. "
            "Example: 8"
        )
    named = ACTIVE.search(name)
    active = min(float(named[1]), billions) if named else billions
    hidden = max(512, round((math.sqrt(billions * active) * 1e9 * 128 / 12) ** (1 / 3) / 512) * 512)
    heads = hidden // 128
    dense = {"dense_layers": heads, "intermediate_size": 8 * hidden // 3}
    per_expert = 3 * hidden * heads * GUESSED_EXPERTS
    experts = {
        "dense_layers": 0,
        "expert_layers": heads,
        "num_experts": GUESSED_EXPERTS,
        "num_experts_per_tok": max(1, round(GUESSED_EXPERTS * active / billions / 2)),
        "moe_intermediate_size": int(billions * 1e9 / per_expert) + 1,
    }
    return ModelFacts(
        num_hidden_layers=heads,
        hidden_size=hidden,
        num_attention_heads=heads,
        num_key_value_heads=min(GUESSED_KV_HEADS, heads),
        head_dim=128,
        vocab_size=150_000,
        full_layers=heads,
        max_position_embeddings=131_072,
        quantization=quantization,
        guessed=True,
        checkpoint_bytes=int(
            billions * 1e9 * (2 if quantization == "none" else 1 if "8" in quantization else 0.6)
        ),
        **(experts if active < billions else dense),
    )


class _Fields:
    """A config.json whose sizes are checked as they are read."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw

    def size(self, *names: str, default: int | None = None, least: int = 1, most: int = LARGEST) -> int:
        for name in names:
            value = self.raw.get(name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise UnsizableModel(
                    f"{name}: {redaction.shown(value)} is not a whole number from {least} to {most}"
                )
            return value
        if default is None:
            raise UnsizableModel(f"{names[0]} is missing")
        return default


def _merged(config: Mapping[str, Any], depth: int = 3) -> dict[str, Any]:
    merged = dict(config)
    for name in NESTED if depth else ():
        if isinstance(config.get(name), Mapping):
            inner = _merged(config[name], depth - 1)
            merged.update({key: value for key, value in inner.items() if value is not None})
    return merged


def _kv_heads(fields: _Fields, heads: int) -> int:
    default = 1 if fields.raw.get("multi_query") is True else heads
    if fields.raw.get("multi_query_attention") is True:
        default = fields.size("multi_query_group_num", default=1)
    kv_heads = fields.size("num_key_value_heads", "num_kv_heads", "n_head_kv", default=default)
    if kv_heads > heads or heads % kv_heads:
        raise UnsizableModel(f"num_attention_heads {heads} is no multiple of num_key_value_heads {kv_heads}")
    return kv_heads


def _dtype(raw: Mapping[str, Any]) -> str:
    dtype = str(raw.get("torch_dtype") or raw.get("dtype") or "bfloat16").removeprefix("torch.")
    if dtype not in ("bfloat16", "float16", "float32"):
        raise UnsizableModel(f"torch_dtype: {redaction.shown(dtype)} is not bfloat16, float16 or float32")
    return dtype


def _quantization(raw: Mapping[str, Any]) -> str:
    """Return the class of a checkpoint's weights: none, fp8, int8, awq, gptq, bnb4, mxfp4 or nvfp4."""
    given = raw.get("quantization_config") or raw.get("compression_config")
    if not given:
        return "none"
    if not isinstance(given, Mapping):
        raise UnsizableModel("quantization_config is not an object")
    method = str(given.get("quant_method", "")).lower()
    algorithm = str(given.get("quant_algo", "")).upper()
    if "FP4" in algorithm or (algorithm == "MIXED_PRECISION" and method == "modelopt"):
        return "nvfp4"
    if method == "bitsandbytes":
        return "int8" if given.get("load_in_8bit") else "bnb4"
    if method == "compressed-tensors":
        return _compressed(given)
    if method in ("awq", "gptq", "mxfp4"):
        return "int8" if given.get("bits") == 8 else method
    if method in ("fp8", "fbgemm_fp8") or algorithm.startswith("FP8"):
        return "fp8"
    raise UnsizableModel(f"quantization_config: quant_method {redaction.shown(method)} is not known here")


def _compressed(given: Mapping[str, Any]) -> str:
    groups = given.get("config_groups")
    first = next(iter(groups.values()), None) if isinstance(groups, Mapping) else None
    weights = first.get("weights") if isinstance(first, Mapping) else None
    weights = given if weights is None and "num_bits" in given else weights
    if not isinstance(weights, Mapping):
        raise UnsizableModel("quantization_config: config_groups has no weights")
    bits, kind = weights.get("num_bits"), weights.get("type")
    if bits == 8:
        return "fp8" if kind == "float" else "int8"
    if bits == 4:
        return "nvfp4" if kind == "float" else "gptq"
    raise UnsizableModel(f"quantization_config: num_bits {redaction.shown(bits)} is neither 4 nor 8")


def _unquantized(raw: Mapping[str, Any], layers: int) -> dict[str, Any]:
    """Return what a quantized checkpoint keeps at 16 bits: modules in all layers, or the MLP in some."""
    given = raw.get("quantization_config")
    kept = (
        (given.get("modules_to_not_convert") or given.get("ignore")) if isinstance(given, Mapping) else None
    )
    if not isinstance(kept, list):
        return {}
    everywhere, numbers = [], set()
    for module, pattern in MODULES.items():
        names = [str(name) for name in kept if re.search(pattern, str(name))]
        numbers = {number for name in names for number in re.findall(r"\.([0-9]+)\.", name)}
        if 2 * len(numbers) > layers or any(not re.search(r"\.[0-9]+\.", name) for name in names):
            everywhere.append(module)
    return {
        "unquantized": " ".join(everywhere),
        "unquantized_layers": 0 if "mlp" in everywhere else len(numbers),
    }


def _family(raw: Mapping[str, Any]) -> str:
    """Return the model's family in one spelling: gptneox for GPTNeoXForCausalLM and gpt_neox."""
    classes = raw.get("architectures")
    name = str(classes[0]) if isinstance(classes, list) and classes else str(raw.get("model_type", ""))
    return re.sub(r"for[a-z]+$|lmheadmodel$|model$|_", "", name.lower())


def _kv_cache_dtype(raw: Mapping[str, Any]) -> str:
    given = raw.get("quantization_config")
    if not isinstance(given, Mapping):
        return "auto"
    scheme = given.get("kv_cache_scheme") or given.get("kv_cache_quant_algo")
    eight_bits = isinstance(scheme, Mapping) and scheme.get("num_bits") == 8
    return "fp8" if eight_bits or str(scheme).upper() == "FP8" else "auto"


def _layer_types(fields: _Fields, model_type: str, layers: int) -> Counter[str]:
    """Return how many layers there are of each type, however the config tells it."""
    raw = fields.raw
    if isinstance(pattern := raw.get("hybrid_override_pattern"), str):
        signs = Counter(pattern)
        return Counter(full_attention=signs["*"], mamba=signs["M"], moe=signs["E"], mlp=signs["-"])
    if isinstance(listed := raw.get("layer_types"), list):
        return Counter(map(str, listed))
    if isinstance(counted := raw.get("layer_types_count"), Mapping):
        counts = _Fields(counted)
        return Counter({name: counts.size(name, least=0, most=MOST_LAYERS) for name in counted})
    if raw.get("linear_num_value_heads") is not None:
        full = layers // fields.size("full_attention_interval", default=4)
        return Counter(full_attention=full, linear_attention=layers - full)
    window = raw.get("sliding_window")
    if window is None or raw.get("use_sliding_window") is False:
        return Counter(full_attention=layers)
    every = fields.size("sliding_window_pattern", default=SLIDING_EVERY_OTHER.get(model_type, layers + 1))
    return Counter(full_attention=layers // every, sliding_attention=layers - layers // every)


def _attention_layers(fields: _Fields, model_type: str, layers: int) -> dict[str, Any]:
    types = _layer_types(fields, model_type, layers)
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


def _linear(fields: _Fields) -> dict[str, Any]:
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
    }


def _experts(fields: _Fields) -> dict[str, Any]:
    experts = fields.size("num_local_experts", "num_experts", "n_routed_experts", default=0, least=0)
    if experts < 2:
        return {}
    inner = fields.size("moe_intermediate_size", "expert_ffn_hidden_size", "intermediate_size")
    shared = fields.size("n_shared_experts", "num_shared_experts", default=0, least=0) * inner
    return {
        "num_experts": experts,
        "num_experts_per_tok": min(
            experts,
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


def _mlp_layers(fields: _Fields, types: Counter[str], layers: int, has_experts: bool) -> dict[str, Any]:
    if types["moe"] or types["mlp"]:  # layers of their own, beside those of attention
        return {"expert_layers": types["moe"], "dense_layers": types["mlp"]}
    if not has_experts:
        return {"dense_layers": layers}
    if str(fields.raw.get("model_type", "")).startswith("gemma4"):
        return {"expert_layers": layers, "dense_layers": layers}  # every layer has both, side by side
    dense = min(layers, fields.size("first_k_dense_replace", default=0, least=0))
    step = fields.size("decoder_sparse_step", "interleave_moe_layer_step", default=1, least=0) or 1
    expert = (layers - dense) // step
    return {"expert_layers": expert, "dense_layers": layers - expert}
