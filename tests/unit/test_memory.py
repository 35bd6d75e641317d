"""The memory estimate against facts that are known exactly, and against measured start-ups."""

import dataclasses
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extensions.mcc.catalog import catalog
from extensions.mcc.models import model_config
from extensions.mcc.models.facts import ModelFacts
from extensions.mcc.sizing import kv_cache, memory, weights
from extensions.mcc.sizing.memory import Gpu, Serving
from tests import accuracy, startups

H100 = Gpu(79.19, nvlink=True, big_batches=True)


def known(name: str) -> ModelFacts:
    return model_config.from_catalog(catalog.models()[name])


def test_weights_of_llama_8b_are_its_checkpoint_and_32_mib_of_rotary_table() -> None:
    model = known("meta-llama/Llama-3.1-8B-Instruct")
    rotary = 32 / 1024
    assert weights.on_gpu(model) == pytest.approx(14.9575 + rotary + weights.ALLOCATOR_GIB, abs=1e-3)
    assert weights.on_gpu(model) == pytest.approx(14.99, abs=0.02)


def test_llama_8b_takes_131072_bytes_a_token() -> None:
    model = known("meta-llama/Llama-3.1-8B-Instruct")
    assert memory.estimate(model, H100, Serving()).cache.token_bytes == 131_072
    assert memory.estimate(model, H100, Serving(kv_cache_dtype="fp8")).cache.token_bytes == 65_536


def test_gemma_3_pads_its_layers_to_seven_groups_of_ten() -> None:
    model = known("google/gemma-3-27b-it")
    assert (model.sliding_layers, model.full_layers) == (52, 10)
    assert kv_cache.layer_groups(model, windowed=True) == (10, 60)
    assert memory.estimate(model, H100, Serving(version="0.19.0")).cache.token_bytes == 573_440


def test_gpt_oss_has_two_groups_of_its_layers() -> None:
    assert sum(kv_cache.layer_groups(known("openai/gpt-oss-20b"), windowed=True)) == 24


def test_latent_attention_is_replicated_on_every_rank() -> None:
    model = known("deepseek-ai/DeepSeek-R1")
    for degree in (1, 2, 4, 8):
        serving = Serving(version="0.11.2", tensor_parallel=degree)
        assert memory.estimate(model, H100, serving).cache.token_bytes == 70_272


def test_fp8_with_attention_at_16_bits() -> None:
    model = known("meta-llama/Llama-3.1-405B-Instruct-FP8")
    assert weights.on_gpu(model, tensor_parallel=8) == pytest.approx(57.75, abs=0.01)
    all_fp8 = dataclasses.replace(model, unquantized="", unquantized_layers=0, num_key_value_heads=8)
    assert weights.on_gpu(all_fp8, tensor_parallel=8) == pytest.approx(47.8, abs=0.05)


def test_a_predictor_of_further_tokens_is_not_loaded() -> None:
    """DeepSeek-R1's index states 688,586,727,753 bytes, 671 B parameters and the predictor's."""
    model = known("deepseek-ai/DeepSeek-R1")
    stored = dataclasses.replace(model, checkpoint_bytes=688_586_727_753)
    assert weights.on_gpu(stored, tensor_parallel=8) == pytest.approx(
        weights.on_gpu(model, tensor_parallel=8), rel=0.01
    )


def test_weights_of_a_later_stage_of_a_pipeline() -> None:
    model = known("meta-llama/Llama-3.1-8B-Instruct")
    assert weights.on_gpu(model, pipeline_parallel=2) == pytest.approx(7.51, rel=0.005)  # g023
    assert weights.on_gpu(model, pipeline_parallel=4) == pytest.approx(4.26, rel=0.005)  # g024


def test_a_request_has_one_part_of_the_cache_of_an_old_pipeline() -> None:
    """At a utilization of 0.85, the log of vllm#14452 has 116,784 tokens: half for a request (g124)."""
    model = known("unsloth/QwQ-32B-unsloth-bnb-4bit")
    serving = Serving(version="0.8.5", pipeline_parallel=2, utilization=0.85, max_num_seqs=256)
    old = memory.estimate(model, Gpu(31.36), serving)
    assert old.tokens == pytest.approx(116_784 / 2, rel=0.1)
    assert (
        old.starts()
        and not memory.estimate(
            model, Gpu(31.36), dataclasses.replace(serving, max_model_len=70_000)
        ).starts()
    )
    new = memory.estimate(model, Gpu(31.36), dataclasses.replace(serving, version="0.11.2"))
    assert old.cache.start_bytes == 2 * new.cache.start_bytes
    assert old.cache.request_bytes == new.cache.request_bytes


def test_compiling_needs_a_second_table_of_embeddings() -> None:
    """Qwen3-8B peaks at 1.18 GiB on a first start (g138): 151,936 x 4,096 values of 16 bits."""
    model, card = known("Qwen/Qwen3-8B"), Gpu(23.52)
    first = memory.estimate(model, card, Serving(version="0.27.1", max_num_seqs=16))
    assert first.fixed.activation == pytest.approx(1.18, rel=0.03)
    shared = memory.estimate(model, card, Serving(version="0.27.1", max_num_seqs=16, tensor_parallel=4))
    assert shared.fixed.activation < 0.3
    for serving in (Serving(version="0.27.1", max_num_seqs=16, enforce_eager=True), Serving(version="0.12")):
        other = memory.estimate(model, card, dataclasses.replace(serving, max_num_seqs=16))
        assert other.fixed.activation < 0.3


@pytest.mark.parametrize(
    ("name", "version", "beside"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "0.22.0", False),
        ("meta-llama/Llama-3.1-8B-Instruct", "0.23.0", True),
        ("RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16", "0.23.0", False),
        ("RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16", "0.25.1", True),
        ("google/gemma-3-27b-it", "0.26.0", True),
        ("openai/gpt-oss-20b", "0.26.0", False),
        ("Qwen/Qwen3.5-27B", "0.26.0", False),
        ("meta-llama/Llama-3.1-8B-Instruct", "0.29.0", False),
    ],
)
def test_the_second_runner_reserves_no_memory_for_graphs_before_0_29(
    name: str, version: str, beside: bool
) -> None:
    serving = Serving(version=version, max_num_seqs=256)
    drawn = memory.estimate(known(name), H100, serving)
    eager = memory.estimate(known(name), H100, dataclasses.replace(serving, enforce_eager=True))
    assert (eager.pool.beside - drawn.pool.beside > drawn.fixed.graphs - 1e-9) == beside


def test_several_gpus_use_memory_before_the_engine_asks_for_its_share() -> None:
    """NCCL's: 0.4 GiB more than with one GPU; 98 % of an L4 are not free then."""
    model = known("Qwen/Qwen3-4B")
    one = memory.estimate(model, Gpu(22.03), Serving(version="0.31.0", max_num_seqs=16))
    two = memory.estimate(model, Gpu(22.03), Serving(version="0.31.0", max_num_seqs=16, tensor_parallel=2))
    assert one.pool.beside - two.pool.beside == pytest.approx(0.4)


def test_accuracy_on_measured_start_ups() -> None:
    """The figures to reach; `make accuracy` prints them with those of other methods."""
    rows, unsized = startups.read(startups.STARTUPS)
    assert (len(rows), len(unsized)) == (80, 1)
    of_weights, of_tokens = accuracy.errors(rows, accuracy.ours)
    assert len(of_weights) >= 50 and len(of_tokens) >= 35
    assert statistics.median(of_weights) <= 0.5 and accuracy.p90(of_weights) <= 3
    assert statistics.median(of_tokens) <= 1 and accuracy.p90(of_tokens) <= 15
    made = accuracy.decisions(rows, accuracy.ours)
    failed, started = len(made["caught"] + made["missed"]), len(made["kept"] + made["refused"])
    assert len(made["caught"]) >= 0.92 * failed and len(made["refused"]) <= 0.03 * started


MODELS = st.sampled_from([known(name) for name in sorted(catalog.models())])
SERVINGS = st.builds(
    Serving,
    engine=st.sampled_from(sorted(catalog.memory().engines)),
    max_model_len=st.integers(256, 200_000),
    max_num_seqs=st.integers(1, 512),
)
GPUS = st.builds(Gpu, memory_gib=st.floats(10, 300), nvlink=st.booleans(), big_batches=st.booleans())


@settings(max_examples=300)
@given(MODELS, GPUS, SERVINGS)
def test_less_of_a_load_never_lacks_more(model: ModelFacts, gpu: Gpu, serving: Serving) -> None:
    lacking = memory.estimate(model, gpu, serving).lacking(serving.max_num_seqs)
    shorter = dataclasses.replace(serving, max_model_len=serving.max_model_len // 2)
    assert memory.estimate(model, gpu, shorter).lacking(serving.max_num_seqs) <= lacking + 1e-9
    fewer = dataclasses.replace(serving, max_num_seqs=max(1, serving.max_num_seqs // 2))
    assert memory.estimate(model, gpu, fewer).lacking(fewer.max_num_seqs) <= lacking + 1e-9


@settings(max_examples=300)
@given(MODELS, GPUS, SERVINGS)
def test_a_larger_gpu_never_lacks_more(model: ModelFacts, gpu: Gpu, serving: Serving) -> None:
    lacking = memory.estimate(model, gpu, serving).lacking(serving.max_num_seqs)
    larger = dataclasses.replace(gpu, memory_gib=gpu.memory_gib * 1.2)
    assert memory.estimate(model, larger, serving).lacking(serving.max_num_seqs) <= lacking + 1e-9


@settings(max_examples=300)
@given(MODELS, GPUS, SERVINGS)
def test_fewer_bytes_a_value_never_lack_more(model: ModelFacts, gpu: Gpu, serving: Serving) -> None:
    lacking = memory.estimate(model, gpu, serving).lacking(serving.max_num_seqs)
    halved = dataclasses.replace(serving, kv_cache_dtype="fp8")
    assert memory.estimate(model, gpu, halved).lacking(serving.max_num_seqs) <= lacking + 1e-9


@given(MODELS, st.sampled_from([1, 2, 4, 8]))
def test_more_gpus_never_hold_more_each(model: ModelFacts, degree: int) -> None:
    assert weights.on_gpu(model, 2 * degree) <= weights.on_gpu(model, degree) + 1e-9
