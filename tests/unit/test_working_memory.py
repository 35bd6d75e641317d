"""Parts of the estimate next to weights and KV cache, and the tables that it is measured with."""

import csv
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from extensions.mcc.catalog import catalog
from extensions.mcc.errors.errors import UnsizableModel
from extensions.mcc.models import model_config
from extensions.mcc.models.facts import ModelFacts
from extensions.mcc.sizing import explanation, gpu_sizer, memory, parameters, sizing, weights, working_memory
from extensions.mcc.sizing.gpu_sizer import Load
from extensions.mcc.sizing.memory import Gpu, Serving
from tests import accuracy, startups
from tests.unit.test_facts import LLAMA

H100 = Gpu(79.19, nvlink=True, big_batches=True)
QWEN3_VIT = {
    "depth": 27,
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "patch_size": 16,
    "spatial_merge_size": 2,
}
VISION = {
    **LLAMA,
    "model_type": "qwen3_vl",
    "vision_config": {**QWEN3_VIT, "deepstack_visual_indexes": [8, 16, 24]},
}


def known(name: str) -> ModelFacts:
    return model_config.from_catalog(catalog.models()[name])


@pytest.mark.parametrize(
    ("quantization", "bytes_"),
    [
        ("awq", 0.5 + 2.5 / 128),
        ("gptq", 0.5 + 2 / 128),
        ("nvfp4", 0.5 + 1 / 16),
        ("mxfp4", 0.53125),
        ("fp8", 1),
    ],
)
def test_bytes_of_a_weight_are_its_bits_and_its_share_of_a_scale(quantization: str, bytes_: float) -> None:
    found = catalog.memory().quantizations[quantization]
    assert found.linear_bytes() == pytest.approx(bytes_)


def test_the_group_size_of_the_checkpoint_counts() -> None:
    groups = {"group_0": {"weights": {"num_bits": 4, "type": "int", "group_size": 32}}}
    quantized = {"quant_method": "compressed-tensors", "config_groups": groups}
    small = model_config.from_config({**LLAMA, "quantization_config": quantized})
    usual = dataclasses.replace(small, group_size=0)
    linear = parameters.count(small).total - 2 * parameters.count(small).embedding
    extra = weights.on_gpu(small) - weights.on_gpu(usual)
    assert extra == pytest.approx(linear * (2 / 32 - 2 / 128) / weights.GIB, rel=0.02)


def test_weights_of_32_bits_are_loaded_as_16() -> None:
    model = model_config.from_config({**LLAMA, "torch_dtype": "float32"}, 32_000_000_000)
    assert model.checkpoint_bytes == 16_000_000_000


def test_a_vision_encoder_is_counted_from_its_config() -> None:
    """Qwen3-VL-8B has 8.77 billion parameters, 8.19 of them in its language model."""
    model = known("Qwen/Qwen3-VL-8B-Instruct")
    assert parameters.count(model).vision == pytest.approx(8.77e9 - 8.19e9, rel=0.03)
    assert model.vision_patches == 65_536  # 16,777,216 pixels in patches of 16


def test_the_peak_of_an_encoder_depends_on_images_tp_and_context() -> None:
    model = model_config.from_config(VISION)
    one = working_memory.vision_gib(model, 8192, 16, 1)
    assert 1.5 < one < 3
    assert working_memory.vision_gib(model, 8192, 16, 4) < one
    assert working_memory.vision_gib(model, 65_536, 16, 1) == pytest.approx(4 * one)
    assert working_memory.vision_gib(model, 4096, 16, 1, longest=4096) == pytest.approx(one / 4)
    assert working_memory.vision_gib(model_config.from_config(LLAMA), 8192, 16, 1) == 0


@pytest.mark.parametrize(
    ("vision", "patches"),
    [
        ({"hidden_size": 1152, "num_hidden_layers": 27, "image_size": 896, "patch_size": 14}, 4096),
        ({"hidden_size": 1152, "num_hidden_layers": 27}, 4096),
        ({"hidden_size": 1152}, 0),
        ([], 0),
    ],
)
def test_encoders_of_a_fixed_size_of_image(vision: Any, patches: int) -> None:
    assert model_config.from_config({**LLAMA, "vision_config": vision}).vision_patches == patches


def test_a_hostile_vision_config_is_refused() -> None:
    with pytest.raises(UnsizableModel, match="depth"):
        model_config.from_config({**VISION, "vision_config": {"depth": 10**9, "hidden_size": 8}})


def test_graphs_by_the_sizes_that_are_captured() -> None:
    assert [working_memory.graph_sizes(largest) for largest in (1, 8, 32, 256, 512)] == [1, 4, 7, 35, 51]
    model = known("meta-llama/Llama-3.1-8B-Instruct")
    small, usual = (working_memory.graphs_gib(model, seqs) for seqs in (16, 1024))
    assert small < 0.2 < usual < working_memory.graphs_gib(model, 1024, largest_class=True)


def test_an_encoder_keeps_no_kv_cache() -> None:
    bert = {
        "model_type": "xlm-roberta",
        "architectures": ["XLMRobertaModel"],
        "num_hidden_layers": 24,
        "hidden_size": 1024,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
        "vocab_size": 250_002,
        "max_position_embeddings": 8194,
    }
    model = model_config.from_config(bert)
    assert model.kind == "encoder"
    assert parameters.count(model).total == pytest.approx(560e6, rel=0.02)  # BGE-M3 has 568 million
    found = memory.estimate(model, Gpu(22.03), Serving(max_model_len=8192, max_num_seqs=64))
    assert found.load(64) == 0 and found.tokens == 0 and found.lacking(64) < 0 and found.starts()


def test_states_of_linear_layers() -> None:
    """48 heads of 128 x 128 in 32 bits: 3.1 MB for each of 48 layers, twice if prefixes are cached."""
    model = known("Qwen/Qwen3.5-27B")
    assert model.state_bytes == 4
    request = memory.estimate(model, H100, Serving(max_model_len=16, max_num_seqs=1)).request
    assert request == pytest.approx(
        (2 * 48 * (48 * 128 * 128 + 3 * 10_240) * 4 + 16 * 16 * 4096) / weights.GIB
    )


def test_an_engine_needs_a_block_of_states_for_each_sequence() -> None:
    """vllm-project/recipes#831: 1,024 sequences do not start, and lowering max_num_seqs helps."""
    model, card = known("Qwen/Qwen3.5-27B"), Gpu(94.97, big_batches=True)
    assert not memory.estimate(model, card, Serving(max_model_len=8192, max_num_seqs=1024)).starts()
    assert memory.estimate(model, card, Serving(max_model_len=8192, max_num_seqs=128)).starts()


def test_a_parameter_count_alone_is_never_confident() -> None:
    from extensions.mcc.models import facts

    sized = sizing.size("", "", facts.from_parameters(8), Load(8192, 16))
    assert sized.confidence == "low" and sized.best and sized.best.estimate
    exact = sizing.size("", "", known("meta-llama/Llama-3.1-8B-Instruct"), Load(8192, 16))
    assert exact.confidence == "high"
    unmeasured = dataclasses.replace(exact, load=Load(8192, 16, "tensorrt-llm"))
    assert unmeasured.confidence == "low"


def test_a_disk_or_a_memory_too_small_for_the_download() -> None:
    instance = dataclasses.replace(catalog.instances()["ml.g6e.xlarge"], disk_gb=50)
    model, load = known("meta-llama/Llama-3.1-8B-Instruct"), Load(8192, 16)
    choice = gpu_sizer.choices(model, load, [instance])[0]
    assert choice.reason == "its disk of 50 GB does not hold the download of 16 GB"
    small = dataclasses.replace(instance, disk_gb=250, memory_gib=8)
    assert "its memory of 8 GiB" in gpu_sizer.choices(model, load, [small])[0].reason


def test_the_reasons_name_price_memory_the_next_cheaper_and_the_limits() -> None:
    sized = sizing.size("", "", known("google/gemma-3-27b-it"), Load(8192, 16))
    assert sized.best
    text = " ".join(explanation.reasons(sized, sized.best))
    assert "ml.g7e.2xlarge is the cheapest type" in text and "at $4.20/h in us-east-1" in text
    assert (
        "Source of the price: SageMaker price" in text and "KV cache of 16 requests of 8,192 tokens" in text
    )
    assert "The next cheaper type, ml.g7.4xlarge" in text and "lacks" in text
    most = int(text.split("It holds up to ")[1].split()[0])
    assert gpu_sizer.choices(sized.facts, Load(8192, most), [sized.best.instance])[0].fits
    assert not gpu_sizer.choices(sized.facts, Load(8192, most + 1), [sized.best.instance])[0].fits
    other = sized.choice("ml.g7e.4xlarge")
    assert (
        other
        and "The cheapest type that holds them is ml.g7e.2xlarge" in explanation.reasons(sized, other)[0]
    )


def test_any_table_of_the_format_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with startups.STARTUPS.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    base = next(row for row in rows if row["id"] == "g038")
    changed: list[dict[str, str]] = [
        {"weight_quant": "gguf_q8_0"},
        {"engine": "trtllm", "version": "1.2.0rc3"},
        {"model": "someone/Qwen2.5-7B-Instruct-GPTQ-Int4", "weight_quant": "int4"},
        {"engine": "sglang", "version": "0.5.9", "util": ""},
        {"engine": "ollama"},
        {"weight_quant": "hqq"},
        {"outcome": "slow"},
        {"model": "nobody/knows-it"},
        {"gpu_total_gib": ""},
    ]
    table = tmp_path / "table.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, base.keys())
        writer.writeheader()
        writer.writerows({**base, **change, "id": f"x{number}"} for number, change in enumerate(changed))
    found, others = startups.read(table)
    assert [item.row["id"] for item in found] == ["x0", "x1", "x2", "x3"]
    assert [item.partition(" ")[0] for item in others] == ["x4", "x5", "x6", "x7", "x8"]
    assert found[3].serving.utilization == pytest.approx(1 - (0.5 + 12 + 1 / 8 + 0.5) / 79.19)
    accuracy.main([str(table), "-v"])
    assert "4 start-ups" in capsys.readouterr().out
