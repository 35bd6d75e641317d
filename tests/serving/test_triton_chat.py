"""Language models in Triton: text, the contract, and weights that SageMaker downloads."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import tritonserver
from tests.servers import CONTRACT
from tests.serving.triton_projects import KEPT, do, rendered
from tests.serving.triton_served import served

pytestmark = pytest.mark.xdist_group("tritonserver")
ENGINES = Path(__file__).resolve().parent.parent / "fakes" / "engines"


@pytest.fixture(scope="module")
def chat_libraries() -> Path:
    """Return a Python path with fakes of the inference engines."""
    kept = KEPT / "environments" / "engines"
    if not (kept / "ready").exists():
        shutil.rmtree(kept, ignore_errors=True)
        subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, kept], check=True)
        python = str(kept / "bin" / "python")
        install = ["uv", "pip", "install", "--quiet", "--python", python, "numpy<2", "pyyaml"]
        subprocess.run(install, check=True)
        (kept / "ready").touch()
    [packages] = kept.glob("lib/python3.*/site-packages")
    (packages / "engines.pth").write_text(f"{ENGINES}\n")
    return kept


def chat(template: Path, folder: Path, config: str, **answers: Any) -> Path:
    """Return the project of a language model. A fake replaces its backend, unless that is Python."""
    project = rendered(template, folder / "chat", deployment_config=config, offline=True, **answers)
    backends = folder / "backends"
    shutil.copytree(tritonserver.HOME / "backends", backends)
    shutil.copytree(ENGINES / "vllm_backend", backends / "vllm")
    return project


def variables(folder: Path, weights: str) -> dict[str, str]:
    """Return the environment of serve: the backends and the folder of the weights."""
    backends = [f"--backend-directory={folder / 'backends'}"]
    return {"SERVE_EXTRA_ARGUMENTS": json.dumps(backends), "MODEL_DIR": str(folder / weights)}


@pytest.mark.parametrize("config", ["triton-vllm", "triton-tensorrtllm"])
def test_a_language_model_answers_with_text(
    template: Path, tmp_path: Path, chat_libraries: Path, config: str
) -> None:
    tritonserver.directory()
    project = chat(template, tmp_path, config)
    prompt = {"text_input": "one two", "max_tokens": 3, "temperature": 0.5}
    with served(project, models=chat_libraries, environ=variables(tmp_path, "none")) as server:
        answer = server.ask("/invocations", json.dumps(prompt).encode(), Content_Type="application/json")
        assert answer.status == 200, answer.body
        told = answer.json()
        assert told["model_name"] == "chat"
        # The fake returns its settings and the request.
        said = json.loads(told["text_output"])
        assert said["prompt"] == "one two" and said["sampling"] == {"max_tokens": 3, "temperature": 0.5}
        assert said["model"] == "Qwen/Qwen3-8B" and said["arguments"]["tensor_parallel_size"] == 1

        stream = json.dumps({**prompt, "stream": True}).encode()
        parts = server.ask("/invocations", stream, Accept="text/event-stream").body.decode().split("\n\n")
        texts = [json.loads(part.removeprefix("data: "))["text_output"] for part in parts if part]
        assert len(texts) == 3 and "".join(texts).split() == ["one", "two", "three"]

        wrong = server.ask("/invocations", b'{"text_input": "x", "max_tokens": "many"}')
        assert wrong.status >= 400 and wrong.json()["error"]
        done = do(project, "test", "--url", server.url)
        assert done.returncode == 0 and "The sea is" in done.stdout, done.stderr


def test_the_contract_of_a_language_model_is_kept(
    template: Path, tmp_path: Path, chat_libraries: Path
) -> None:
    tritonserver.directory()
    project = chat(template, tmp_path, "triton-tensorrtllm", include_tests=True)
    environ = {**tritonserver.on_path(chat_libraries), **variables(tmp_path, "none")}
    command = [*CONTRACT, "--local", "--json"]
    done = subprocess.run(command, cwd=project, env=environ, capture_output=True, text=True)
    checks: list[dict[str, Any]] = json.loads(done.stdout)["checks"]
    assert [c for c in checks if c["result"] != "passed" and c["number"] not in {53, 54}] == []
    assert done.returncode == 0 and len(checks) == 29, done.stderr


@pytest.mark.parametrize("config", ["triton-vllm", "triton-tensorrtllm"])
def test_weights_that_sagemaker_brings_are_served_in_place_of_the_hubs(
    template: Path, tmp_path: Path, chat_libraries: Path, config: str
) -> None:
    tritonserver.directory()
    size = {"model_parameters": "7"}
    project = chat(template, tmp_path, config, model_name="s3://bucket/model/", **size)
    weights = tmp_path / "weights"
    weights.mkdir()
    code, said = refused_late(project, weights)
    assert code == 3 and f"no model in {weights}: SageMaker did not download s3://bucket/model/" in said
    (weights / "config.json").write_text("{}")
    with served(project, models=chat_libraries, environ=variables(tmp_path, "weights")) as server:
        body = json.dumps({"text_input": "x", "max_tokens": 1}).encode()
        said_back = json.loads(server.ask("/invocations", body).json()["text_output"])
        assert said_back["model"] == str(weights) and not said_back["arguments"].get("revision")


def refused_late(project: Path, weights: Path) -> tuple[int, str]:
    """Return the exit code and the last line of serve without weights."""
    variables = {**os.environ, "MODEL_DIR": str(weights)}
    done = subprocess.run(
        [sys.executable, "serving/serve", "serve"], cwd=project, env=variables, capture_output=True, text=True
    )
    return done.returncode, done.stderr
