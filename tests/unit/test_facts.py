"""Configs of models, as they are and as they should not be."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extensions.mcc.catalog import catalog
from extensions.mcc.errors.errors import UnsizableModel
from extensions.mcc.models import facts, model_config
from extensions.mcc.models.facts import ModelFacts
from extensions.mcc.sizing import memory, parameters, weights

LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "torch_dtype": "bfloat16",
    "tie_word_embeddings": False,
}


def test_a_dense_model() -> None:
    model = model_config.from_config(LLAMA)
    assert (model.head_dim, model.full_layers, model.dense_layers, model.kind) == (128, 32, 32, "dense")
    assert parameters.count(model).total == 8_030_261_248


@pytest.mark.parametrize("name", sorted(catalog.models()))
def test_every_model_of_the_catalog_is_understood(name: str) -> None:
    entry = catalog.models()[name]
    model = model_config.from_catalog(entry)
    assert facts.from_answer(model.answer()) == model
    if entry["model_type" if "model_type" in entry else "source"] == "nemotron-nas":
        return  # its layers differ in size: the catalog's count stands for them
    total = parameters.count(model).total
    assert total == pytest.approx(entry["params_from_shape"], rel=0.03)


def test_a_config_nested_without_end_is_read_no_deeper_than_models_are() -> None:
    config: dict[str, Any] = {}
    for _ in range(5000):
        config = {"text_config": config}
    with pytest.raises(UnsizableModel, match="num_hidden_layers is missing"):
        model_config.from_config(config)


def test_the_text_part_of_a_multimodal_model_counts() -> None:
    model = model_config.from_config(
        {"text_config": LLAMA, "vision_config": {"hidden_size": 1152}, "model_type": "llava"}
    )
    assert model == dataclasses.replace(model_config.from_config(LLAMA), multimodal=True, family="llava")
    assert model.kind == "multimodal"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"sliding_window": 4096}, (0, 32)),
        ({"sliding_window": 4096, "use_sliding_window": False}, (32, 0)),
        ({"sliding_window": 131072}, (32, 0)),
        ({"sliding_window": 1024, "sliding_window_pattern": 6}, (5, 27)),
        ({"sliding_window": 1024, "layer_types": ["sliding_attention", "full_attention"] * 16}, (16, 16)),
        (
            {"attention_chunk_size": 8192, "layer_types": ["chunked_attention", "full_attention"] * 16},
            (16, 16),
        ),
    ],
)
def test_layers_with_sliding_attention(config: dict[str, Any], expected: tuple[int, int]) -> None:
    model = model_config.from_config({**LLAMA, **config})
    assert (model.full_layers, model.sliding_layers) == expected


@pytest.mark.parametrize(
    ("quantization", "expected"),
    [
        (None, "none"),
        ({"quant_method": "fp8"}, "fp8"),
        ({"quant_method": "awq", "bits": 4}, "awq"),
        ({"quant_method": "gptq", "bits": 8}, "int8"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bnb4"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "int8"),
        ({"quant_method": "mxfp4"}, "mxfp4"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4"),
        ({"quant_method": "modelopt", "quant_algo": "FP8"}, "fp8"),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 8, "type": "float"}}},
            },
            "fp8",
        ),
        (
            {
                "quant_method": "compressed-tensors",
                "config_groups": {"group_0": {"weights": {"num_bits": 4, "type": "int"}}},
            },
            "gptq",
        ),
    ],
)
def test_quantizations(quantization: dict[str, Any] | None, expected: str) -> None:
    assert model_config.from_config({**LLAMA, "quantization_config": quantization}).quantization == expected


def test_modules_that_stay_at_16_bits() -> None:
    kept = [f"model.layers.{layer}.self_attn.{name}_proj" for layer in range(32) for name in "qkvo"]
    kept += [
        "lm_head",
        "model.layers.0.mlp.up_proj",
        "model.layers.31.mlp.up_proj",
        "model.layers.3.mlp.gate",
    ]
    quantized = {"quant_method": "fp8", "ignore": kept}
    model = model_config.from_config({**LLAMA, "quantization_config": quantized})
    assert (model.unquantized, model.unquantized_layers) == ("self_attn", 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"num_hidden_layers": 0}, "num_hidden_layers: 0 is not a whole number from 1"),
        ({"num_hidden_layers": 10**6}, "num_hidden_layers"),
        ({"hidden_size": "4096"}, "hidden_size: '4096' is not a whole number"),
        ({"hidden_size": -1}, "hidden_size"),
        ({"hidden_size": 10**12}, "hidden_size"),
        ({"hidden_size": 16}, "hidden_size 16 is smaller than num_attention_heads 32"),
        ({"vocab_size": None}, "vocab_size is missing"),
        ({"vocab_size": 1.5}, "vocab_size"),
        ({"vocab_size": True}, "vocab_size"),
        ({"num_key_value_heads": 5}, "num_attention_heads 32 is no multiple of num_key_value_heads 5"),
        ({"num_key_value_heads": 64}, "no multiple"),
        ({"torch_dtype": "complex64"}, "torch_dtype"),
        ({"quantization_config": ["fp8"]}, "quantization_config is not an object"),
        ({"quantization_config": {"quant_method": "hqq"}}, "quant_method 'hqq'"),
        ({"quantization_config": {"quant_method": "compressed-tensors"}}, "config_groups"),
        ({"layer_types": ["full_attention"] * 3}, "the layer types"),
        ({"layer_types": ["elsewhere"] * 32}, "the layer types"),
        ({"num_experts": "8"}, "num_experts"),
        ({"num_experts": 8, "intermediate_size": None}, "moe_intermediate_size is missing"),
        ({"hidden_size": {"a": 1}}, "hidden_size"),
        ({"is_encoder_decoder": True}, "is_encoder_decoder"),
    ],
)
def test_what_cannot_be_sized_names_the_field(change: dict[str, Any], said: str) -> None:
    with pytest.raises(UnsizableModel, match="(?i)" + said.replace("(", r"\(")):
        model_config.from_config({**LLAMA, **change})


@pytest.mark.parametrize("config", [[], None, "text", {}])
def test_what_is_no_config_at_all(config: Any) -> None:
    with pytest.raises(UnsizableModel):
        model_config.from_config(config)


TYPES = st.sampled_from(
    ["full_attention", "sliding_attention", "linear_attention", "hyena", "retention", "x" * 200]
)


@given(st.lists(TYPES, min_size=1, max_size=64))
def test_layers_of_an_unknown_type_count_as_full_attention(listed: list[str]) -> None:
    """Every layer counts: a hybrid of which half is unknown was sized with half its KV cache."""
    unknown = [name for name in listed if not name.endswith("attention")]
    config = {**LLAMA, "num_hidden_layers": len(listed), "sliding_window": 1024, "layer_types": listed}
    if len(unknown) == len(listed):
        with pytest.raises(UnsizableModel, match="the layer types"):
            model_config.from_config(config)
        return
    model = model_config.from_config(config)
    assert model.full_layers + model.sliding_layers + model.linear_layers == len(listed)
    assert model.unknown_layers == len(unknown) and (model.kind == "unknown_layers") == bool(unknown)
    known = [name if name.endswith("attention") else "full_attention" for name in listed]
    careful = model_config.from_config({**config, "layer_types": known})
    serving, gpu = memory.Serving(), memory.Gpu(79.19)
    found, wanted = (memory.estimate(item, gpu, serving) for item in (model, careful))
    assert found.cache == wanted.cache
    assert found.lacking(1) >= wanted.lacking(1)


@given(st.lists(TYPES, max_size=64), st.integers(1, 64))
def test_a_list_of_layer_types_has_one_for_each_layer(listed: list[str], layers: int) -> None:
    if len(listed) != layers:
        with pytest.raises(UnsizableModel, match="the layer types"):
            model_config.from_config({**LLAMA, "num_hidden_layers": layers, "layer_types": listed})


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
ANYTHING = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.text(max_size=3), SCALARS, max_size=2)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                *LLAMA,
                "text_config",
                "quantization_config",
                "layer_types",
                "num_experts",
                "sliding_window",
                "linear_num_value_heads",
                "kv_lora_rank",
                "hybrid_override_pattern",
                "layer_types_count",
            ]
        ),
        ANYTHING,
    )
)
def test_hostile_configs_are_facts_or_refused(changes: dict[str, Any]) -> None:
    try:
        model = model_config.from_config({**LLAMA, **changes})
    except UnsizableModel as refused:
        assert len(str(refused)) < 300
    else:
        assert isinstance(model, ModelFacts)
        assert weights.on_gpu(model) > 0


@pytest.mark.parametrize("answer", [{}, {"num_hidden_layers": "x"}, {"nonsense": 1}])
def test_a_broken_stored_answer_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(UnsizableModel, match="model_facts"):
        facts.from_answer(answer)


def test_a_shape_from_the_number_of_parameters() -> None:
    for billions in (0.5, 7, 70, 400):
        model = facts.from_parameters(billions)
        assert model.kind == "guessed"
        assert parameters.count(model).total == pytest.approx(billions * 1e9, rel=0.6)
        assert model.num_key_value_heads == 8
        assert weights.on_gpu(model) == pytest.approx(billions * 2e9 / 1024**3, rel=0.1)
    with pytest.raises(UnsizableModel, match="model_parameters"):
        facts.from_parameters(0)
