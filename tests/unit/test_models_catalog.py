"""Every model in catalog/models.yml has the facts that sizing needs, and they agree with one another."""

import time
from typing import Any

import pytest
import yaml

from extensions.mcc.catalog.catalog import CATALOG

GIB = 1024**3
PATH = CATALOG / "models.yml"
DOCUMENT: dict[str, Any] = yaml.load(PATH.read_text(), yaml.CSafeLoader)
MODELS: dict[str, dict[str, Any]] = DOCUMENT["models"]

NEEDED = {"num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads", "vocab_size"}
NEEDED |= {"params_from_shape", "tie_word_embeddings"}
MLA = {"kv_lora_rank", "qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim"}
EXPERTS = ("n_routed_experts", "num_experts", "num_local_experts")
TEXTS = {"architectures", "model_type", "torch_dtype", "expert_dtype", "weight_quant", "source", "verified"}
TEXTS |= {"mamba_ssm_dtype", "kind"}
FLAGS = {"tie_word_embeddings", "multimodal", "attention_k_eq_v"}
LAYERS = {"full_attention", "sliding_attention", "chunked_attention", "linear_attention", "no_attention"}
LAYERS |= {"deepseek_sparse_attention", "mamba", "moe", "mlp"}
# Bytes a parameter takes in a checkpoint, at least and at most. The upper ends leave room for vision parts
# and for what stays 16 bit: embeddings always, in small models a good part of all.
BYTES = {
    "none": (1.98, 2.4),
    "fp8": (1.0, 1.2),
    "w8a8": (1.0, 1.2),
    "w4a16": (0.5, 0.8),
    "awq": (0.5, 1.0),
    "mxfp4": (0.53, 0.7),
    "nvfp4": (0.55, 0.8),
    "bnb4": (0.5, 0.8),
}


def seconds_to_load() -> float:
    started = time.process_time()
    yaml.load(PATH.read_text(), yaml.CSafeLoader)
    return time.process_time() - started


def method(model: dict[str, Any]) -> str:
    found = model.get("weight_quant") or model.get("quantization_config", {}).get("quant_method", "none")
    return str(found)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_has_what_sizing_needs(name: str) -> None:
    model = MODELS[name]
    assert name.count("/") == 1 and not set(" ()") & set(name)
    assert not NEEDED - set(model)
    assert set(model) >= MLA or "head_dim" in model
    assert "intermediate_size" in model or "moe_intermediate_size" in model
    assert model["num_attention_heads"] % model["num_key_value_heads"] == 0
    experts = [model[key] for key in EXPERTS if key in model]
    assert len(experts) <= 1
    if experts:
        assert 0 < model["num_experts_per_tok"] < experts[0]
    assert model["source"] in DOCUMENT["sources"] or "/" in model["source"] or "shape of" in model["source"]
    assert model["verified"] in ("vendored", "base", "partial", "quoted")


@pytest.mark.parametrize("name", MODELS)
def test_the_facts_of_a_model_are_of_their_kind(name: str) -> None:
    model = MODELS[name]
    nested = {"layer_types_count", "quantization_config", "checkpoint_gib", "vision_config"}
    for key in set(model) - TEXTS - FLAGS - nested:
        assert type(model[key]) is int and model[key] > 0, f"{key}: {model[key]}"
    assert all(type(model[key]) is bool for key in FLAGS & set(model))
    counts = model.get("layer_types_count", {"full_attention": model["num_hidden_layers"]})
    assert set(counts) <= LAYERS
    assert sum(counts.values()) == model["num_hidden_layers"]
    assert "sliding_attention" not in counts or "sliding_window" in model
    assert ("linear_attention" in counts) == ("linear_num_value_heads" in model)
    assert ("mamba" in counts) == ("mamba_num_heads" in model)


@pytest.mark.parametrize("name", [name for name in MODELS if "checkpoint_gib" in MODELS[name]])
def test_the_size_of_a_checkpoint_agrees_with_its_parameters(name: str) -> None:
    model = MODELS[name]
    least, most = BYTES[method(model)]
    assert least < model["checkpoint_gib"] * GIB / model["params_from_shape"] < most


# In thousand millions. These architectures break the rules that most counts follow.
STATED = {
    "meta-llama/Llama-2-70b-chat-hf": 69.0,
    "meta-llama/Llama-4-Scout-17B-16E-Instruct": 109,
    "meta-llama/Llama-4-Maverick-17B-128E-Instruct": 400,
    "deepseek-ai/DeepSeek-R1": 671,
    "nvidia/Llama-3_3-Nemotron-Super-49B-v1": 49.9,
    "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16": 31.6,
    "nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B-BF16": 550,
    "nvidia/Nemotron-H-56B-Base-8K": 56,
    "XiaomiMiMo/MiMo-V2-Flash": 309,
    "openai/gpt-oss-120b": 116.8,
    "openai-community/gpt2": 0.124,
    "microsoft/phi-2": 2.78,
    "EleutherAI/gpt-neox-20b": 20.6,
    "EleutherAI/gpt-j-6b": 6.05,
    "Qwen/Qwen-14B-Chat": 14.2,
}


@pytest.mark.parametrize("name", STATED)
def test_the_parameters_counted_are_those_the_makers_state(name: str) -> None:
    assert MODELS[name]["params_from_shape"] / 1e9 == pytest.approx(STATED[name], rel=0.02)


def test_sources_are_all_used_and_the_file_loads_fast() -> None:
    assert set(DOCUMENT["sources"]) == {model["source"] for model in MODELS.values()} & set(
        DOCUMENT["sources"]
    )
    assert min(seconds_to_load() for _ in range(3)) < 0.5, "it takes 0.03 s on an idle machine"
