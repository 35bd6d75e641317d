"""The settings of the interview reach each inference server under its own names."""

import json

import pytest

from extensions.mcc.catalog import catalog
from tests.conftest import Render
from tests.serving import llm
from tests.serving.engine_calls import MODEL, each_server, given, serve, stored


def test_vllm_is_started_with_the_settings_of_the_interview(render: Render) -> None:
    project = render("chat", deployment_config="transformers-vllm", offline=True, model_revision="v1.0")
    done, called = serve(project, "serve", SAGEMAKER_SAFE_PORT_RANGE="21500-21599")
    assert called["command"][:3] == ["python3", "-m", "vllm.entrypoints.openai.api_server"], done.stderr
    told = given(called, project)
    assert 21500 <= int(told.pop("port")) <= 21599
    assert told == {
        "host": "127.0.0.1",
        "model": MODEL,
        "served_model_name": MODEL,
        "revision": "v1.0",
        "tensor_parallel_size": "1",
        "max_model_len": "8192",
        "max_num_seqs": "16",
        "gpu_memory_utilization": "0.92",
        "kv_cache_dtype": "auto",
        "tool_call_parser": "hermes",
        "reasoning_parser": "qwen3",
    }
    assert "serve: python3 -m vllm" in done.stdout


def test_sglang_is_told_the_same_in_its_own_words(render: Render) -> None:
    project = render("chat", deployment_config="transformers-sglang", offline=True)
    _, called = serve(project, "serve", SERVE_KV_CACHE_DTYPE="fp8", SAGEMAKER_SAFE_PORT_RANGE="21500-21599")
    assert called["command"][:3] == ["python3", "-m", "sglang.launch_server"]
    assert "--enable-metrics" in called["command"]
    called["command"].remove("--enable-metrics")
    told = given(called, project)
    assert 21500 <= int(told.pop("port")) <= 21599
    assert told == {
        "host": "127.0.0.1",
        "model": MODEL,
        "served_model_name": MODEL,
        "tensor_parallel_size": "1",
        "max_model_len": "8192",
        "max_num_seqs": "16",
        "gpu_memory_utilization": "0.88",
        "kv_cache_dtype": "fp8_e4m3",
        "tool_call_parser": "qwen25",
        "reasoning_parser": "qwen3",
    }
    assert called["environment"] == {"SGLANG_ENABLE_HEALTH_ENDPOINT_GENERATION": "false"}


def test_tensorrt_llm_gets_what_has_no_flag_in_a_file(render: Render) -> None:
    project = render(
        "chat", deployment_config="transformers-tensorrt-llm", offline=True, serving_profile="throughput"
    )
    _, called = serve(project, "serve")
    assert called["command"][:3] == ["trtllm-serve", "serve", MODEL]
    told = given(called, project)
    options = json.loads(told.pop("options"))
    assert options == {
        "enable_chunked_prefill": True,
        "return_perf_metrics": True,
        "kv_cache_config": {"free_gpu_memory_fraction": 0.9, "dtype": "auto"},
    }
    assert (
        told.items()
        >= {"max_model_len": "4096", "max_num_seqs": "64", "max_num_batched_tokens": "8192"}.items()
    )
    assert not [word for word in called["command"] if word.startswith("--") and "-" in word[2:]]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            "transformers-lmi",
            {
                "HF_MODEL_ID": MODEL,
                "OPTION_MAX_MODEL_LEN": "8192",
                "OPTION_MAX_ROLLING_BATCH_SIZE": "16",
                "OPTION_GPU_MEMORY_UTILIZATION": "0.92",
                "OPTION_KV_CACHE_DTYPE": "auto",
                "OPTION_ROLLING_BATCH": "auto",
                "OPTION_TOOL_CALL_PARSER": "hermes",
                "OPTION_REASONING_PARSER": "qwen3",
                "OPTION_ENABLE_AUTO_TOOL_CHOICE": "true",
            },
        ),
        (
            "transformers-djl",
            {"HF_MODEL_ID": MODEL, "OPTION_ROLLING_BATCH": "disable", "OPTION_DEVICE_MAP": "auto"},
        ),
    ],
)
def test_djl_is_configured_by_its_variables(render: Render, config: str, expected: dict[str, str]) -> None:
    project = render("chat", deployment_config=config, offline=True)
    hostile = {"HF_MODEL_ID": "other/model", "OPTION_MODEL_ID": "other/model", "HF_REVISION": "other"}
    fixed = {"SAGEMAKER_SAFE_PORT_RANGE": "21600-21600"}
    done, called = serve(project, "serve", **fixed, **hostile)
    assert called, done.stderr
    assert called["command"] == ["dockerd-entrypoint.sh", "serve"]
    address = dict.fromkeys(
        ("SERVING_INFERENCE_ADDRESS", "SERVING_MANAGEMENT_ADDRESS"), "http://127.0.0.1:21600"
    )
    assert called["environment"] == {**expected, **address, "TENSOR_PARALLEL_DEGREE": "1"}


def test_djl_finds_a_model_that_sagemaker_brings_by_itself(render: Render) -> None:
    project = render("chat", deployment_config="transformers-lmi", offline=True)
    done, called = serve(
        project, MODEL_DIR=str(llm.model(project.parent / "model")), HF_MODEL_ID="other/model"
    )
    assert called, done.stderr
    assert "HF_MODEL_ID" not in called["environment"]


@each_server
@pytest.mark.parametrize("profile", catalog.profiles())
def test_profiles_reach_the_engine(render: Render, config: str, profile: str) -> None:
    asked = catalog.profiles()[profile]
    project = render("chat", deployment_config=config, serving_profile=profile, offline=True)
    _, called = serve(project, "serve")
    told, server = given(called, project), catalog.servers()[config]
    assert told["model"] == MODEL
    assert told["tensor_parallel_size"] == str(stored(project)["engine_settings"]["tensor_parallel_size"])
    if "max_model_len" in server.settings:
        assert told["max_model_len"] == str(asked.max_model_len)
        assert told["max_num_seqs"] == str(asked.max_concurrency)
        assert told.get("max_num_batched_tokens", "0") == str(asked.max_num_batched_tokens)


HOSTILE: dict[str, dict[str, str]] = {
    "a port of Kubernetes": {"VLLM_PORT": "tcp://10.0.0.1:80", "VLLM_API_KEY": "x", "SGLANG_PORT": "tcp://x"},
    "spaces": {"MODEL_NAME": " a  b ", "OPTIONS": "--port 1", "PYTHONPATH": " "},
    "quotes": {"ARGS": "\"'`$(id)`", "HOST": "'; rm -rf /"},
    "JSON": {"MODEL": '{"a": ["b", 1]}', "TENSOR_PARALLEL_SIZE": '{"a": 1}'},
    "false": {"TRUST_REMOTE_CODE": "false", "PORT": "false", "SERVING_USER": "root"},
    "empty": {"HF_TOKEN": "", "HOST": "", "PORT": "", "CUDA_HOME": "", "SERVING_USER": ""},
}


@each_server
@pytest.mark.parametrize("environ", HOSTILE.values(), ids=HOSTILE)
def test_what_else_is_in_the_environment_changes_nothing(
    render: Render, config: str, environ: dict[str, str]
) -> None:
    project = render("chat", deployment_config=config, offline=True)
    fixed = {"SAGEMAKER_SAFE_PORT_RANGE": "21600-21600"}
    _, plain = serve(project, "serve", **fixed)
    done, called = serve(project, "serve", **fixed, **environ)
    assert called, done.stderr
    changing = {"pid", "time", "HF_TOKEN"} | (
        {"command", "files"} if config == "transformers-tensorrt-llm" else set()
    )
    for name in plain.keys() - changing:
        assert called[name] == plain[name]


@each_server
def test_extra_arguments_arrive_word_by_word(render: Render, config: str) -> None:
    server = catalog.servers()[config]
    by_environment = server.settings["model"].variable is not None
    text = (
        "OPTION_A='a b' OPTION_B='{\"c\": \"d\"}'"
        if by_environment
        else "--a 'a b' --b '{\"c\": \"d\"}' --no-e"
    )
    project = render("chat", deployment_config=config, extra_arguments=text, offline=True)
    _, called = serve(project, "serve")
    if by_environment:
        assert called["environment"]["OPTION_A"] == "a b"
        assert called["environment"]["OPTION_B"] == '{"c": "d"}'
    else:
        assert called["command"][-5:] == ["--a", "a b", "--b", '{"c": "d"}', "--no-e"]


@each_server
def test_the_catalogs_example_is_accepted(render: Render, config: str) -> None:
    render("chat", deployment_config=config, extra_arguments=catalog.servers()[config].example, offline=True)
