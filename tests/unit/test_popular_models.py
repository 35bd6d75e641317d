"""The cheapest type for 25 popular models at 16 requests of 8,192 tokens, checked by plain arithmetic."""

import pytest

from extensions.mcc.catalog import catalog
from extensions.mcc.models import model_config
from extensions.mcc.models.facts import ModelFacts
from extensions.mcc.sizing import gpu_sizer, kv_cache, sizing, weights
from extensions.mcc.sizing.gpu_sizer import Choice, Load
from extensions.mcc.sizing.kv_cache import Layout
from extensions.mcc.sizing.weights import GIB

LOAD = Load(8192, 16)
UTILIZATION = 0.92
LEAST_GIB = 0.5  # of a GPU, for CUDA, graphs and activations; no start-up took less
THIN_GIB = (
    2.7  # of a GPU, for vision encoders, samplers and margins: below it, arithmetic alone does not decide
)
TABLE = {  # model: type, GPUs of a copy, why nothing cheaper holds it
    "Qwen/Qwen3-0.6B": ("ml.g6.xlarge", 1, "1 + 14 GiB of 15"),
    "meta-llama/Llama-3.2-1B-Instruct": ("ml.g6.xlarge", 1, "T4 has no bfloat16"),
    "openai/gpt-oss-20b": ("ml.g6.xlarge", 1, "T4 has no MXFP4 kernels"),
    "Qwen/Qwen3-4B-Instruct-2507": ("ml.g6e.xlarge", 1, "8 + 18 GiB of 22"),
    "Qwen/Qwen2.5-7B-Instruct": ("ml.g6e.xlarge", 1, "14 + 7 GiB of 22"),
    "meta-llama/Llama-3.1-8B-Instruct": ("ml.g6e.xlarge", 1, "15 + 16 GiB of 22"),
    "Qwen/Qwen3-8B": ("ml.g6e.xlarge", 1, "15 + 18 GiB of 22"),
    "Qwen/Qwen3-8B-AWQ": ("ml.g6e.xlarge", 1, "6 + 18 GiB of 22"),
    "Qwen/Qwen2.5-VL-7B-Instruct": ("ml.g6e.xlarge", 1, "15 + 7 GiB of 22"),
    "Qwen/Qwen3-VL-8B-Instruct": ("ml.g6e.xlarge", 1, "16 + 18 GiB of 22"),
    "google/gemma-3-12b-it": ("ml.g6e.xlarge", 1, "23 GiB of weights"),
    "Qwen/Qwen3-14B": ("ml.g7e.2xlarge", 1, "28 + 20 GiB of 44"),
    "microsoft/phi-4": ("ml.g7e.2xlarge", 1, "27 + 25 GiB of 44"),
    "mistralai/Mistral-Small-3.2-24B-Instruct-2506": ("ml.g7e.2xlarge", 1, "45 GiB of weights"),
    "google/gemma-3-27b-it": ("ml.g7e.2xlarge", 1, "51 GiB of weights; the windows keep KV cache at 21"),
    "Qwen/Qwen3.5-27B": ("ml.g7e.2xlarge", 1, "51 GiB of weights"),
    "Qwen/Qwen3-30B-A3B-Instruct-2507": ("ml.g7e.2xlarge", 1, "57 GiB of weights"),
    "Qwen/Qwen3-32B-FP8": ("ml.g7e.2xlarge", 1, "32 + 32 GiB of 44"),
    "openai/gpt-oss-120b": ("ml.g7e.2xlarge", 1, "66 GiB of weights"),
    "Qwen/Qwen3-32B": ("ml.g7e.12xlarge", 2, "61 + 32 GiB of 95; of four A10G, 15 + 8 of 22"),
    "RedHatAI/Llama-3.3-70B-Instruct-fp8-dynamic": ("ml.g7e.12xlarge", 2, "68 + 40 GiB of 95"),
    "zai-org/GLM-4.5-Air-FP8": ("ml.g7e.12xlarge", 2, "101 GiB of weights"),
    "meta-llama/Llama-3.3-70B-Instruct": ("ml.g7e.24xlarge", 4, "131 + 40 GiB of two times 95"),
    "Qwen/Qwen3-235B-A22B-Instruct-2507-FP8": ("ml.g7e.24xlarge", 4, "220 GiB of weights"),
    "deepseek-ai/DeepSeek-R1-0528": ("ml.p5en.48xlarge", 8, "630 GiB of weights"),
}


def known(name: str) -> ModelFacts:
    return model_config.from_catalog(catalog.models()[name])


def bare_gib(facts: ModelFacts, degree: int) -> float:
    """Return the GiB on each GPU of the weights and of the tokens that attention reads, and no more."""
    layout = Layout(
        windowed=True, batched=0, steps=1, state_copies=1, tensor_parallel=degree, pipeline_parallel=1
    )
    cache = kv_cache.sized(facts, 1 if facts.kv_cache_dtype == "fp8" else 2, LOAD.max_model_len, layout)
    return weights.on_gpu(facts, degree) + LOAD.max_concurrency * cache.request_bytes / GIB


def short_gib(facts: ModelFacts, choice: Choice, rest: float) -> float:
    """Return the GiB that a GPU of a type lacks for them, with `rest`, at the best number of GPUs."""
    card = choice.instance.accelerator
    assert card
    room = UTILIZATION * gpu_sizer.gpu_of(choice.instance).memory_gib - rest
    degrees = gpu_sizer.tensor_parallel_degrees(facts, card.count)
    return min(bare_gib(facts, degree) for degree in degrees) - room


@pytest.mark.parametrize("name", TABLE)
def test_the_choice_is_the_cheapest_that_truly_holds_it(name: str) -> None:
    facts, (instance, degree, _) = known(name), TABLE[name]
    sized = sizing.size(name, "", facts, LOAD)
    assert sized.best and (sized.best.instance.name, sized.best.tensor_parallel) == (instance, degree)
    assert short_gib(facts, sized.best, LEAST_GIB) < 0
    for choice in sized.cheaper:
        if choice.estimate:
            assert short_gib(facts, choice, THIN_GIB) > 0, choice.instance.name
        else:
            assert any(
                word in choice.reason for word in ("does not support", "needs", "no kernels", "arm64", "disk")
            )


def test_gemma_3_27b_needs_one_gpu_of_four_dollars() -> None:
    """A request keeps its window of 1,024 tokens in 52 of 62 layers, not the window and 8,192 tokens."""
    best = sizing.size("", "", known("google/gemma-3-27b-it"), LOAD).best
    assert best and best.usd_h < 4.21 and best.estimate
    full, sliding = 10 * 8192 * 16, 60 * 1024 * 16
    batch = 60 * 8192  # of one batch, beyond the windows
    assert best.estimate.load(16) == pytest.approx((full + sliding + batch) * 8192 / GIB, rel=0.03)


def test_twenty_five_models() -> None:
    assert len(TABLE) == 25
