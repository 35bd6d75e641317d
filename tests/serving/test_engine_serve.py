"""The rendered serve of language models: what it refuses, and how it calls the engine.

The engine is the project's own stub, found on PATH in its place: it writes down how it was called.
"""

import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

from extensions.mcc.catalog import catalog
from extensions.mcc.servers import engines
from tests.conftest import Render
from tests.serving import llm

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:hf-token-a1b2c3"
TOKEN = "hf_KnownToTheSecretAlone"
MODEL = "Qwen/Qwen3-8B"
each_server = pytest.mark.parametrize("config", llm.SERVERS)
Done: TypeAlias = "subprocess.CompletedProcess[str]"


@pytest.fixture
def project(render: Render) -> Path:
    return render("chat", deployment_config="transformers-vllm", offline=True, model_revision="v1.0")


def serve(
    project: Path, *arguments: str, gpus: str | None = None, **changes: str
) -> tuple[Done, dict[str, Any]]:
    """Run serve with a stub that ends once it has shown how it was called; return how it ended, and that.

    `gpus` are those of the project's instance type when not given.
    """
    (project.parent / "record.json").unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "serving/serve", *arguments],
        cwd=project,
        env=llm.variables(
            project, STUB_ONLY_SHOWS="1", **({} if gpus is None else {"STUB_GPUS": gpus}), **changes
        ),
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done, llm.record(project)


def given(called: dict[str, Any], project: Path) -> dict[str, str]:
    """Return setting -> value as the engine was told, by flags, variables or its options file."""
    words, told = called["command"], dict[str, str]()
    config, image = stored(project)["deployment_config"], stored(project)["base_image"]
    for name, flag in engines.carriers(image, config, "flag").items():
        if flag in words:
            told[name] = words[words.index(flag) + 1]
    for name, variable in engines.carriers(image, config, "variable").items():
        if variable in called["environment"]:
            told[name] = called["environment"][variable]
    if config == "transformers-tensorrt-llm":
        told["model"] = words[2]
        told |= {"options": called["files"][told["options_file"]]}
    return told


def stored(project: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((project / ".copier-answers.yml").read_text()))


def test_vllm_is_started_with_the_settings_of_the_interview(project: Path) -> None:
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
    }
    assert "serve: python3 -m vllm" in done.stdout


def test_sglang_is_told_the_same_in_its_own_words(render: Render) -> None:
    project = render("chat", deployment_config="transformers-sglang", offline=True)
    _, called = serve(project, "serve", SERVE_KV_CACHE_DTYPE="fp8", SAGEMAKER_SAFE_PORT_RANGE="21500-21599")
    assert called["command"][:3] == ["python3", "-m", "sglang.launch_server"]
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


class Secrets(http.server.BaseHTTPRequestHandler):
    """Secrets Manager as far as one secret goes; any other is not found."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        known = asked == {"SecretId": ARN} and self.headers["X-Amz-Target"] == "secretsmanager.GetSecretValue"
        missing = {"__type": "ResourceNotFoundException", "message": "there is no such secret"}
        body = json.dumps({"SecretString": json.dumps({"HF_TOKEN": TOKEN})} if known else missing).encode()
        self.send_response(200 if known else 400)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def secrets() -> Iterator[dict[str, str]]:
    """Return the environment in which boto3 finds the stand-in for Secrets Manager."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Secrets)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    yield {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    server.shutdown()


@pytest.mark.parametrize("config", ["transformers-vllm", "transformers-lmi"])
def test_the_token_is_read_from_its_secret_and_shown_nowhere(
    render: Render, secrets: dict[str, str], config: str
) -> None:
    project = render("chat", deployment_config=config, offline=True, hf_token_secret_arn=ARN)
    assert "boto3==" in (project / "Dockerfile").read_text()
    done, called = serve(project, **secrets)
    assert called, done.stderr
    assert called.pop("HF_TOKEN") == TOKEN
    assert TOKEN not in done.stdout + done.stderr + json.dumps(called)
    other, called = serve(project, SERVE_HF_TOKEN_SECRET_ARN=ARN[:-1], **secrets)
    assert other.returncode == 1 and not called
    assert "ResourceNotFoundException" in other.stderr and other.stderr.count("\n") == 1
    no_arn, called = serve(project, SERVE_HF_TOKEN_SECRET_ARN="hf-token", **secrets)
    assert no_arn.returncode == 1 and not called and no_arn.stderr.count("\n") == 1


def test_a_token_in_the_environment_needs_no_secret(render: Render) -> None:
    project = render("chat", deployment_config="transformers-vllm", offline=True, hf_token_secret_arn=ARN)
    _, called = serve(project, HF_TOKEN="of the environment")
    assert called["HF_TOKEN"] == "of the environment"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("transformers-vllm", ["--api-key", TOKEN]),
        ("transformers-vllm", [f"--api-key={TOKEN}"]),
        ("transformers-sglang", ["--hf-token", "anything at all"]),
        ("transformers-sglang", ["--header", f"Bearer {TOKEN}"]),
        ("transformers-lmi", ["OPTION_HF_TOKEN=anything at all"]),
        ("transformers-lmi", [f"OPTION_HEADER=Bearer {TOKEN}"]),
    ],
)
def test_secrets_are_left_out_of_the_printed_command(render: Render, config: str, words: list[str]) -> None:
    project = render("chat", deployment_config=config, offline=True)
    done, _ = serve(project, SERVE_EXTRA_ARGUMENTS=json.dumps(words))
    shown = next(line for line in done.stdout.splitlines() if line.startswith("serve:"))
    assert TOKEN not in shown and "anything" not in shown and "***" in shown


@pytest.mark.parametrize("config", [name for name in llm.SERVERS if name != "transformers-djl"])
def test_a_model_that_sagemaker_brings_is_served_instead(render: Render, config: str) -> None:
    project = render("chat", deployment_config=config, offline=True, model_revision="v1")
    model = llm.model(project.parent / "model", num_attention_heads=6)
    gpus = "\n".join([llm.GPU] * 4)
    done, called = serve(project, gpus=gpus, MODEL_DIR=str(model), SERVE_TENSOR_PARALLEL_SIZE="3")
    assert called, done.stderr
    told = given(called, project)
    assert told.get("model", str(model)) == str(model) and "revision" not in told
    assert told["tensor_parallel_size"] == "3"  # divides the heads of this model, not those of the settings
    assert told.get("served_model_name", MODEL) == MODEL


def test_the_environment_beats_the_file(project: Path) -> None:
    extra = ["--chat-template-content-format", "a b'c\"", "--enforce-eager"]
    _, called = serve(
        project,
        gpus=f"{llm.GPU}\n{llm.GPU}",
        SERVE_TENSOR_PARALLEL_SIZE="0",
        SERVE_MAX_MODEL_LEN="4096",
        SERVE_EXTRA_ARGUMENTS=json.dumps(extra),
    )
    told = given(called, project)
    assert (told["tensor_parallel_size"], told["max_model_len"]) == ("2", "4096")
    assert called["command"][-3:] == extra


def test_gpus_that_cuda_hides_are_not_counted(project: Path) -> None:
    four = "\n".join([llm.GPU] * 4)
    _, called = serve(project, gpus=four, SERVE_TENSOR_PARALLEL_SIZE="0", CUDA_VISIBLE_DEVICES="0,2")
    assert given(called, project)["tensor_parallel_size"] == "2"


@pytest.mark.parametrize(
    ("gpus", "environ", "said"),
    [
        ("", {}, "no GPU is visible"),
        (llm.GPU, {"SERVE_TENSOR_PARALLEL_SIZE": "2"}, "tensor_parallel_size is 2, but 1 GPUs are visible"),
        (
            "\n".join([llm.GPU] * 3),
            {"SERVE_TENSOR_PARALLEL_SIZE": "3"},
            "does not divide the model's 32 attention heads",
        ),
        ("Tesla T4, 7.5", {}, "Tesla T4 has compute capability 7.5, bfloat16 needs 8.0"),
        ("Tesla P100, 6.0", {}, "Tesla P100 has compute capability 6.0, vLLM needs 7.5"),
        (
            llm.GPU,
            {"SERVE_MAX_MODEL_LENGTH": "1"},
            "SERVE_MAX_MODEL_LENGTH is no setting; known are max_model_len",
        ),
        (llm.GPU, {"SERVE_COMPUTE_CAPABILITY": "1"}, "SERVE_COMPUTE_CAPABILITY is no setting"),
        (llm.GPU, {"SERVE_MAX_MODEL_LEN": "long"}, "'long' is not of type int"),
        (llm.GPU, {"SERVE_MAX_MODEL_LEN": ""}, "'' is not of type int"),
        (llm.GPU, {"SERVE_MAX_MODEL_LEN": "1.5"}, "'1.5' is not of type int"),
        (llm.GPU, {"SERVE_REQUIRE_GPU": "perhaps"}, "'perhaps' is not of type bool"),
        (llm.GPU, {"SERVE_EXTRA_ARGUMENTS": "--x"}, "is not of type list"),
        (llm.GPU, {"SERVE_EXTRA_ARGUMENTS": "[1]"}, "is not of type list"),
        (llm.GPU, {"SERVE_MODEL": "s3://bucket/model"}, "SageMaker must bring s3://bucket"),
        (llm.GPU, {"SERVE_CHAT_TEMPLATE": "gone.jinja"}, "chat_template: there is no"),
        (llm.GPU, {"SERVE_GATED": "true"}, "is gated and there is no token"),
        (llm.GPU, {"SAGEMAKER_BIND_TO_PORT": "http"}, "SAGEMAKER_BIND_TO_PORT: 'http' is not a port"),
        (llm.GPU, {"SAGEMAKER_BIND_TO_PORT": "70000"}, "is not a port"),
    ],
)
def test_what_cannot_work_ends_in_one_line(
    project: Path, gpus: str, environ: dict[str, str], said: str
) -> None:
    done, called = serve(project, gpus=gpus, **environ)
    assert done.returncode == 1 and not called
    assert said in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"config.json": "{"}, "cannot load"),
        ({"config.json": "[]"}, "it holds no object"),
        ({"model.safetensors": None}, "holds no weights"),
        ({"tokenizer_config.json": "{}"}, "has no chat template"),
    ],
)
def test_a_model_that_cannot_be_served_ends_in_one_line(
    project: Path, files: dict[str, str | None], said: str
) -> None:
    model = llm.model(project.parent / "model")
    for name, text in files.items():
        (model / name).unlink() if text is None else (model / name).write_text(text)
    done, called = serve(project, MODEL_DIR=str(model))
    assert done.returncode == 1 and not called
    assert said in done.stderr and done.stderr.count("\n") == 1


def test_completions_alone_need_no_chat_template(project: Path) -> None:
    model = llm.model(project.parent / "model")
    (model / "tokenizer_config.json").unlink()
    done, called = serve(project, MODEL_DIR=str(model), SERVE_CHAT_TEMPLATE="none")
    assert called, done.stderr
    assert "chat_template" not in given(called, project)


@pytest.mark.parametrize("config", [name for name in llm.SERVERS if name != "transformers-djl"])
def test_a_chat_template_of_the_persons_own_is_passed_on(render: Render, tmp_path: Path, config: str) -> None:
    text = "{% for m in messages %}{{ m.content }}{% endfor %}"
    (tmp_path / "mine.jinja").write_text(text)
    project = render(
        "chat", deployment_config=config, offline=True, chat_template=str(tmp_path / "mine.jinja")
    )
    _, called = serve(project)
    told = given(called, project)["chat_template"]
    assert (told if config == "transformers-lmi" else Path(told).read_text()) == f"{text}\n"


def test_an_engine_for_cpus_needs_no_gpu(project: Path) -> None:
    done, called = serve(project, gpus="", SERVE_REQUIRE_GPU="false")
    assert called, done.stderr
    assert given(called, project)["tensor_parallel_size"] == "1"


def without_tomllib(folder: Path) -> Path:
    """Return a folder that makes a Python on whose path it is one without tomllib, as Python 3.10 is."""
    folder.mkdir()
    absent = "raise ModuleNotFoundError(\"No module named 'tomllib'\", name='tomllib')\n"
    (folder / "tomllib.py").write_text(absent)
    return folder


def test_settings_are_read_by_tomli_where_python_has_no_tomllib(project: Path, tmp_path: Path) -> None:
    path = without_tomllib(tmp_path / "path")
    done, called = serve(project, PYTHONPATH=str(path))
    assert done.returncode == 1 and not called and done.stderr.count("\n") == 1
    assert "has neither tomllib nor tomli; add to the Dockerfile: RUN python3 -m pip" in done.stderr
    shutil.copytree(Path(tomllib.__file__).parent, path / "tomli")
    done, called = serve(project, PYTHONPATH=str(path))
    assert given(called, project)["max_model_len"], done.stderr


@pytest.mark.parametrize("config", llm.SERVERS)
def test_the_image_gets_tomli_where_its_python_has_no_tomllib(render: Render, config: str) -> None:
    text = (render("chat", deployment_config=config, offline=True) / "Dockerfile").read_text()
    (command,) = re.findall(r'^RUN (python3 -c "import tomllib".*(?:\n    .*)*)', text, re.MULTILINE)
    assert "tomli==" in command
    shell = ["sh", "-c", command.replace("python3 -m pip", "echo pip")]
    assert subprocess.run(shell, capture_output=True, check=True).stdout == b""
    neither = shell[2].replace("import tomllib", "import no_tomllib").replace('import tomli"', 'import no"')
    done = subprocess.run(["sh", "-c", neither], capture_output=True, check=True)
    assert done.stdout.startswith(b"pip install --no-cache-dir tomli==")


def test_other_arguments_are_refused(project: Path) -> None:
    done, called = serve(project, "train")
    assert (done.returncode, called) == (2, {})


@each_server
def test_it_starts_the_engine_in_no_time(render: Render, config: str) -> None:
    project = render("chat", deployment_config=config, offline=True)
    seconds = []
    for _ in range(3):
        before = time.time()
        serve(project, "serve")
        seconds.append(llm.record(project)["time"] - before)
    assert min(seconds) < 0.3, seconds
