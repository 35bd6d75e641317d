"""The facts of a model as its config.json, or an entry of the catalog like one, states them."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from ..errors import redaction
from ..errors.errors import UnsizableModel
from . import config_layers, config_quantization, config_vision
from .config_fields import MOST_LAYERS, Fields, merged
from .facts import ModelFacts

GIB = 1024**3
IN_OUR_WORDS = {"w8a8": "int8", "w4a16": "gptq"}
METHODS = {"w8a8": "compressed-tensors-int8", "w4a16": "compressed-tensors-int4"}
UNEVEN = {"nemotron-nas"}  # model types whose layers differ in size: the catalog's count stands for them
# Families, as their class is called, whose MLP is two matrices, up and down; others also have a gate.
UNGATED = {"bloom", "falcon", "gpt2", "gptbigcode", "gptj", "gptneox", "mpt", "nemotronh", "opt", "phi", "rw"}
UNGATED |= {"starcoder2", "bert", "roberta", "xlmroberta", "camembert", "distilbert", "electra", "mpnet"}
# Model types that read the whole input at once, with attention in both directions, and keep no KV cache.
ENCODERS = {
    "albert",
    "bert",
    "camembert",
    "deberta",
    "deberta-v2",
    "distilbert",
    "electra",
    "eurobert",
    "gte",
}
ENCODERS |= {"modernbert", "mpnet", "new", "nomic_bert", "roberta", "xlm-roberta", "xlm_roberta"}


def from_config(
    config: Mapping[str, Any], checkpoint_bytes: int = 0, quantization: str | None = None
) -> ModelFacts:
    """Read a config.json, with the text part of multimodal models merged into it.

    `quantization` overrides the config. Raises UnsizableModel, which names the field, when a
    size is missing, is no positive whole number, or contradicts another.
    """
    if not isinstance(config, Mapping):
        raise UnsizableModel("config.json is not an object")
    if config.get("is_encoder_decoder") is True:
        raise UnsizableModel("is_encoder_decoder: only models that decode alone can be sized")
    multimodal = bool(config.get("multimodal")) or any("vision" in key or "audio" in key for key in config)
    fields = Fields(merged(config))
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
    mixture = config_layers.experts(fields)
    types = config_layers.layer_types(fields, model_type, layers)
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
        quantization=config_quantization.weights(fields.raw) if quantization is None else quantization,
        quantization_method=config_quantization.method(fields.raw) if quantization is None else "",
        kv_cache_dtype=config_quantization.kv_cache(fields.raw),
        checkpoint_bytes=_loaded_bytes(checkpoint_bytes, fields.raw),
        tie_word_embeddings=_without_head(fields.raw, model_type),
        gated=_family(fields.raw) not in UNGATED,
        family=family,
        multimodal=multimodal,
        intermediate_size=fields.size(
            "intermediate_size_mlp",
            "intermediate_size",
            "ffn_hidden_size",
            "n_inner",
            "d_ff",
            default=0 if mixture else 4 * hidden,
            least=0,
        ),
        num_nextn_predict_layers=fields.size(
            "num_nextn_predict_layers", default=0, least=0, most=MOST_LAYERS
        ),
        moe_latent_size=fields.size("moe_latent_size", default=0, least=0),
        group_size=config_quantization.group_size(fields.raw),
        encoder=model_type in ENCODERS,
        **config_quantization.unquantized(fields.raw, layers),
        **config_vision.vision(config),
        global_head_dim=fields.size("global_head_dim", default=0, least=0),
        num_global_key_value_heads=fields.size("num_global_key_value_heads", default=0, least=0),
        **mla,
        **config_layers.attention_layers(fields, types, layers),
        **config_layers.linear_layers(fields),
        **mixture,
        **config_layers.mlp_layers(fields, types, layers, bool(mixture)),
    )


def from_catalog(entry: Mapping[str, Any]) -> ModelFacts:
    """Return the facts of an entry of models.yml: a config.json with two fields of ours."""
    quantization = str(entry["weight_quant"]) if "weight_quant" in entry else None
    facts = from_config(
        entry,
        int(entry.get("checkpoint_gib", 0) * GIB),
        quantization and IN_OUR_WORDS.get(quantization, quantization),
    )
    if method := METHODS.get(quantization or ""):
        facts = dataclasses.replace(facts, quantization_method=method)
    if facts.checkpoint_bytes or entry.get("model_type") not in UNEVEN:
        return facts
    return dataclasses.replace(facts, checkpoint_bytes=2 * entry["params_from_shape"])


def _kv_heads(fields: Fields, heads: int) -> int:
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


def _without_head(raw: Mapping[str, Any], model_type: str) -> bool:
    """Return whether the embeddings serve as the output layer, too, or there is none, as in encoders."""
    return model_type in ENCODERS or raw.get("tie_word_embeddings", model_type.startswith("gemma")) is True


def _loaded_bytes(checkpoint_bytes: int, raw: Mapping[str, Any]) -> int:
    """Return the bytes in memory: inference servers load weights of 32 bits as 16 bits."""
    full = _dtype(raw) == "float32" and not raw.get("quantization_config")
    return checkpoint_bytes // 2 if full else checkpoint_bytes


def _family(raw: Mapping[str, Any]) -> str:
    """Return the model's family in one spelling: gptneox for GPTNeoXForCausalLM and gpt_neox."""
    classes = raw.get("architectures")
    name = str(classes[0]) if isinstance(classes, list) and classes else str(raw.get("model_type", ""))
    return re.sub(r"for[a-z]+$|lmheadmodel$|model$|_", "", name.lower())
