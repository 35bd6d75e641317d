"""GPUs without bfloat16: a model runs there in float16, or is refused."""

import pytest

from extensions.mcc.catalog import catalog
from extensions.mcc.models import model_config
from extensions.mcc.servers import extra_arguments
from extensions.mcc.sizing import explanation, sizing
from extensions.mcc.sizing.gpu_sizer import Load
from extensions.mcc.sizing.sizing import Sizing

T4 = "ml.g4dn.xlarge"


def sized(name: str, load: Load) -> Sizing:
    return sizing.size(name, "", model_config.from_catalog(catalog.models()[name]), load)


def test_a_t4_holds_a_small_model_in_float16_and_is_not_the_default() -> None:
    found = sized("Qwen/Qwen3-0.6B", Load(8192, 4))
    assert found.best and found.best.instance.name == "ml.g6.xlarge" and not found.best.float16
    cheapest = found.in_float16
    assert cheapest and cheapest.instance.name == T4 and cheapest.usd_h < found.best.usd_h
    assert found.settings(cheapest)["dtype"] == "half" and "dtype" not in found.settings(found.best)
    native = model_config.from_config({**catalog.models()["Qwen/Qwen3-0.6B"], "torch_dtype": "float16"})
    same = sizing.size("", "", native, Load(8192, 4)).best
    assert same and (same.instance.name, same.headroom_gib) == (T4, cheapest.headroom_gib)
    assert "holds them in float16 only: NVIDIA T4 has no bfloat16" in " ".join(
        explanation.reasons(found, found.best)
    )
    chosen = " ".join(explanation.reasons(found, cheapest))
    assert "The cheapest type with bfloat16 that holds them is ml.g6.xlarge" in chosen
    assert "computes in float16, and answers can differ" in chosen


@pytest.mark.parametrize(
    ("name", "engine", "version", "reason"),
    [
        ("google/gemma-3-1b-it", "vllm", "", "unstable in float16"),
        ("google/gemma-2-2b-it", "lmi", "0.34.0", "unstable in float16"),
        ("Qwen/Qwen3-0.6B", "sglang", "", "needs compute capability 8"),
        ("openai/gpt-oss-20b", "vllm", "", "MXFP4 needs compute capability 8"),
    ],
)
def test_what_a_t4_cannot_run_in_float16_is_refused(
    name: str, engine: str, version: str, reason: str
) -> None:
    found = sized(name, Load(2048, 1, engine, version))
    assert reason in found.reason(T4)


@pytest.mark.parametrize(
    ("server", "given", "words"),
    [
        ("vllm", "--seed 7", ["--dtype", "half", "--seed", "7"]),
        ("vllm", "--dtype=float32", ["--dtype=float32"]),
        ("lmi", "", ["OPTION_DTYPE=fp16"]),
        ("djl", "OPTION_DTYPE=fp32", ["OPTION_DTYPE=fp32"]),
    ],
)
def test_a_server_is_told_unless_the_user_tells_it(server: str, given: str, words: list[str]) -> None:
    assert extra_arguments.parsed(given, f"transformers-{server}", dtype="half") == words
    assert extra_arguments.parsed(given, f"transformers-{server}") == given.split()


def test_each_engine_that_computes_in_float16_has_an_argument_for_it() -> None:
    for server in catalog.servers().values():
        assert bool(server.half) == catalog.memory().engines[server.engine].float16
