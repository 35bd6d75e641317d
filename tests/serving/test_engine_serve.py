"""The rendered serve of language models: invalid settings, and the command of the inference server.

The stub of the project, first in PATH, replaces the inference server and records its command.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Render
from tests.serving import llm
from tests.serving.engine_calls import MODEL, each_server, given, serve


@pytest.fixture
def project(render: Render) -> Path:
    return render("chat", deployment_config="transformers-vllm", offline=True, model_revision="v1.0")


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
    ("gpus", "environ", "message"),
    [
        ("", {}, "no GPU is visible"),
        (
            llm.GPU,
            {"SERVE_TENSOR_PARALLEL_SIZE": "2"},
            "tensor_parallel_size is 2, but the number of visible GPUs is 1",
        ),
        (
            "\n".join([llm.GPU] * 3),
            {"SERVE_TENSOR_PARALLEL_SIZE": "3"},
            "does not divide the model's 32 attention heads",
        ),
        ("Tesla T4, 7.5", {}, "Tesla T4 has compute capability 7.5, bfloat16 needs 8.0"),
        ("Tesla P100, 6.0", {}, "Tesla P100 has compute capability 6.0, vLLM 0.31.0 needs 7.5"),
        (
            llm.GPU,
            {"SERVE_MAX_MODEL_LENGTH": "1"},
            "SERVE_MAX_MODEL_LENGTH is not a setting; did you mean max_model_len?",
        ),
        (llm.GPU, {"SERVE_COMPUTE_CAPABILITY": "1"}, "SERVE_COMPUTE_CAPABILITY is not a setting; "),
        (llm.GPU, {"SERVE_MAX_MODEL_LEN": "long"}, "'long' is not of type int"),
        (llm.GPU, {"SERVE_MAX_MODEL_LEN": ""}, "'' is not of type int"),
        (llm.GPU, {"SERVE_MAX_MODEL_LEN": "1.5"}, "'1.5' is not of type int"),
        (llm.GPU, {"SERVE_REQUIRE_GPU": "perhaps"}, "'perhaps' is not of type bool"),
        (llm.GPU, {"SERVE_EXTRA_ARGUMENTS": "--x"}, "is not of type list"),
        (llm.GPU, {"SERVE_EXTRA_ARGUMENTS": "[1]"}, "is not of type list"),
        (llm.GPU, {"SERVE_MODEL": "s3://bucket/model"}, "SageMaker did not download s3://bucket"),
        (llm.GPU, {"SERVE_CHAT_TEMPLATE": "gone.jinja"}, "chat_template: there is no"),
        (llm.GPU, {"SERVE_GATED": "true"}, "is gated, and there is no token"),
        (llm.GPU, {"SAGEMAKER_BIND_TO_PORT": "http"}, "SAGEMAKER_BIND_TO_PORT: 'http' is not a port"),
        (llm.GPU, {"SAGEMAKER_BIND_TO_PORT": "70000"}, "is not a port"),
    ],
)
def test_what_cannot_work_ends_in_one_line(
    project: Path, gpus: str, environ: dict[str, str], message: str
) -> None:
    done, called = serve(project, gpus=gpus, **environ)
    assert done.returncode == 1 and not called
    assert message in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"config.json": "{"}, "cannot load"),
        ({"config.json": "[]"}, "it is not a JSON object"),
        ({"model.safetensors": None}, "has no weights"),
        ({"tokenizer_config.json": "{}"}, "has no chat template"),
    ],
)
def test_a_model_that_cannot_be_served_ends_in_one_line(
    project: Path, files: dict[str, str | None], message: str
) -> None:
    model = llm.model(project.parent / "model")
    for name, text in files.items():
        (model / name).unlink() if text is None else (model / name).write_text(text)
    done, called = serve(project, MODEL_DIR=str(model))
    assert done.returncode == 1 and not called
    assert message in done.stderr and done.stderr.count("\n") == 1


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


def test_other_arguments_are_refused(project: Path) -> None:
    done, called = serve(project, "train")
    assert (done.returncode, called) == (2, {})


@each_server
def test_serve_imports_only_the_standard_library(render: Render, config: str) -> None:
    # Imports take most of the time of serve. -S leaves out those of this environment.
    project = render("chat", deployment_config=config, offline=True)
    done = subprocess.run(
        [sys.executable, "-S", "-X", "importtime", "serving/serve", "serve"],
        cwd=project,
        env=llm.variables(project, STUB_ONLY_SHOWS="1"),
        capture_output=True,
        text=True,
    )
    assert llm.record(project), done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines[1:]}  # after the heading
    assert imported - set(sys.stdlib_module_names) == {"runtime"}
