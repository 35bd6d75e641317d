"""The rendered serve of Triton's projects, with a real tritonserver and its Python backend.

What answers in place of TensorRT-LLM and vLLM is a stand-in (tests/standins/engines): it speaks their
interface as far as this project uses it, and says a text of its own.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import tritonserver
from tests.servers import CONTRACT, free_port
from tests.serving.triton_projects import KEPT, do, environment, rendered, trained

pytestmark = pytest.mark.xdist_group("tritonserver")
CONFIG, FORMAT, NAME = "triton-python", "joblib", "abalone-age"
VARIABLE = "SAGEMAKER_TRITON_DEFAULT_MODEL_NAME"
# serve, on a machine that has no nginx.
WITHOUT_NGINX = """
import runpy, sys
sys.path.insert(0, "serving")
from runtime import nginx
nginx.find = lambda: None
sys.argv = ["serve", "serve"]
runpy.run_path("serving/serve", run_name="__main__")
"""
SERVE = ("serving/serve", "serve")


@pytest.fixture(scope="module")
def project(template: Path) -> Path:
    """Return the project of the Python backend, whose requests may be large."""
    return trained(template, CONFIG, FORMAT)


class Answer:
    """What a server answered."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """A running serve."""

    def __init__(self, url: str, process: "subprocess.Popen[str]") -> None:
        self.url, self.process = url, process

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(self.url + path, body, named), timeout=60
            ) as reply:
                return Answer(reply.status, reply.headers, reply.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())


@contextmanager
def served(
    project: Path, *command: str, models: Path | None = None, environ: dict[str, str] | None = None
) -> Iterator[Served]:
    """Run serve until it is ready; end it afterwards."""
    port, log = free_port(), project.parent / f"log-{time.monotonic_ns()}"
    variables = tritonserver.on_path(models or environment(CONFIG, FORMAT))
    variables |= {
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "MODEL_DIR": str(project / "model_repository"),
        **(environ or {}),
    }
    with log.open("w") as out:
        words = [sys.executable, *(command or SERVE)]
        process = subprocess.Popen(words, cwd=project, env=variables, stdout=out, stderr=out, text=True)
    server = Served(f"http://127.0.0.1:{port}", process)
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                if server.ask("/ping").status == 200:
                    break
            except OSError:
                pass
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def refused(project: Path, repository: Path, **environ: str) -> tuple[int, str]:
    """Return the exit code and the one line of a serve that does not start."""
    variables = {**os.environ, "MODEL_DIR": str(repository), **environ}
    done = subprocess.run(
        [sys.executable, "serving/serve", "serve"], cwd=project, env=variables, capture_output=True, text=True
    )
    assert done.stderr.count("\n") == 1 and not done.stdout, done.stderr
    return done.returncode, done.stderr


def test_the_contract_is_kept(template: Path) -> None:
    """All checks that hold for every kind of model; what needs a container is in tests/real."""
    project = trained(template, CONFIG, FORMAT)
    settings = project / "model_repository" / NAME / "config.pbtxt"
    before = settings.read_text()
    settings.write_text(before.replace("max_batch_size: 4096", "max_batch_size: 1000000"))
    variables = tritonserver.on_path(environment(CONFIG, FORMAT))
    try:
        done = do(project, "test", "--contract", "--local", "--json", **variables)
    finally:
        settings.write_text(before)
    checks: list[dict[str, Any]] = json.loads(done.stdout)["result"].get("checks", [])
    elsewhere = {53, 54, 59}  # in a container; this model's answers are not streamed
    assert [c for c in checks if c["result"] != "passed" and c["number"] not in elsewhere] == []
    assert done.returncode == 0 and len(checks) == 29, done.stderr


def test_predictions_are_the_training_frameworks(project: Path) -> None:
    """do/test asks by the repository's own config.pbtxt; the README's examples give the same numbers."""
    examples = json.loads((project / "sample_model" / "examples.json").read_text())
    with served(project) as server:
        done = do(project, "test", "--url", server.url, "--json")
        assert done.returncode == 0, done.stderr
        [output] = json.loads(done.stdout)["result"]["outputs"]
        assert output["data"] == pytest.approx(examples["predictions"], rel=1e-5)
        assert (output["shape"], output["datatype"]) == ([5, 1], "FP64")
        shown = do(project, "test", "--url", server.url).stdout.splitlines()
        assert shown[0].split() == ["predicted", "true"] and len(shown) == 6

        readme = (project / "README.md").read_text().replace("http://127.0.0.1:8080", server.url)
        [curl] = [block for block in re.findall(r"```bash\n(curl.*?)```", readme, re.DOTALL)]
        answer = subprocess.run(["bash", "-c", curl], capture_output=True, text=True)
        assert json.loads(answer.stdout)["outputs"][0]["data"] == pytest.approx([examples["predictions"][0]])
        [source] = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
        source += "\nprint(len(predictions), len(set(predictions.tolist())))\n"
        python = environment(CONFIG, FORMAT) / "bin" / "python"
        binary = subprocess.run([python, "-c", source], capture_output=True, text=True)
        assert binary.stdout.split() == ["1000", "1"], binary.stderr

        data = project.parent / "request.json"
        data.write_text(
            '{"inputs": [{"name": "input", "shape": [1, 7], "datatype": "FP32", "data": [0,0,0,0,0,0,0]}]}'
        )
        wrong = do(project, "test", "--url", server.url, "--data", str(data))
        assert (
            wrong.returncode == 6 and "/invocations answered 400" in wrong.stderr and "shape" in wrong.stderr
        ), wrong.stderr


def test_without_nginx_tritons_own_front_end_listens(project: Path) -> None:
    """By NVIDIA's rules for SageMaker; serve becomes tritonserver, so that SIGTERM reaches it."""
    request = (
        b'{"inputs": [{"name": "input", "shape": [1, 8], "datatype": "FP32", "data": [0,0,0,0,0,0,0,0]}]}'
    )
    with served(project, "-c", WITHOUT_NGINX) as server:
        pid = server.process.pid
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        assert words[0].endswith("tritonserver")
        rules = {
            "--allow-sagemaker=true",
            "--allow-http=false",
            "--allow-grpc=false",
            "--allow-metrics=false",
        }
        assert rules | {"--model-control-mode=explicit", f"--load-model={NAME}"} <= set(words)
        environ = Path(f"/proc/{pid}/environ").read_text().split("\0")
        assert f"{VARIABLE}={NAME}" in environ
        answer = server.ask("/invocations", request, Content_Type="application/json")
        assert answer.status == 200 and answer.json()["outputs"][0]["shape"] == [1, 1]
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0


def test_a_model_is_chosen_among_several_by_its_name(project: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    shutil.copytree(project / "model_repository", models)
    shutil.copytree(models / NAME, models / "other")
    config = models / "other" / "config.pbtxt"
    config.write_text(config.read_text().replace(f'name: "{NAME}"', 'name: "other"'))
    code, said = refused(project, models)
    assert code == 3 and f"several models in {models}: set {VARIABLE} to one of {NAME}, other" in said
    code, said = refused(project, models, **{VARIABLE: "a/b"})
    assert code == 3 and "'a/b' has a slash" in said
    code, said = refused(project, models, **{VARIABLE: "third"})
    assert code == 3 and f"'third' is not in {models}; there is {NAME}, other" in said
    with served(project, environ={"MODEL_DIR": str(models), VARIABLE: "other"}) as server:
        body = (
            b'{"inputs": [{"name": "input", "shape": [1, 8], "datatype": "FP32", "data": [0,0,0,0,0,0,0,0]}]}'
        )
        assert server.ask("/invocations", body).json()["model_name"] == "other"


BREAK: dict[str, tuple[Callable[[str], str], str]] = {
    "not parsed": (lambda text: text + "}", "config.pbtxt: '}' is not the name of a field"),
    "another name": (
        lambda text: text.replace(NAME, "other"),
        "config.pbtxt calls it 'other', its folder is",
    ),
    "no backend": (lambda text: text.replace('backend: "python"', ""), "config.pbtxt names no backend"),
    "a parameter without a value": (
        lambda text: text + 'parameters { key: "model_type", value: { string_value: "" } }',
        "the parameter 'model_type' has no value",
    ),
}


@pytest.mark.parametrize("how", BREAK)
def test_a_config_that_triton_could_not_load_is_refused(project: Path, tmp_path: Path, how: str) -> None:
    change, words = BREAK[how]
    models = tmp_path / "models"
    shutil.copytree(project / "model_repository", models)
    config = models / NAME / "config.pbtxt"
    config.write_text(change(config.read_text()))
    code, said = refused(project, models)
    assert code == 3 and said.startswith(f"serve: cannot load the model {models / NAME}: ") and words in said


def test_a_repository_that_is_not_one_is_refused(project: Path, tmp_path: Path) -> None:
    code, said = refused(project, project / "model_repository" / NAME)
    assert code == 3 and "is a model, not a repository: put it into a folder with the model's name" in said
    code, said = refused(project, tmp_path / "nowhere")
    assert code == 3 and f"no model in {tmp_path / 'nowhere'}" in said
    models = tmp_path / "models"
    shutil.copytree(project / "model_repository", models)
    (models / NAME / "1" / "model.py").unlink()
    assert "version 1 has no model.py" in refused(project, models)[1]
    (models / NAME / "1").rename(models / NAME / "first")
    assert "it has no folder of a version, such as 1" in refused(project, models)[1]


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"SAGEMAKER_BIND_TO_PORT": "http"}, "SAGEMAKER_BIND_TO_PORT: 'http' is not a port"),
        ({"SERVE_EXTRA_ARGUMENTS": "--x"}, "SERVE_EXTRA_ARGUMENTS: '--x' is not a list"),
    ],
)
def test_a_variable_that_cannot_be_used_is_refused(
    project: Path, environ: dict[str, str], words: str
) -> None:
    assert words in refused(project, project / "model_repository", **environ)[1]


ENGINES = Path(__file__).resolve().parent.parent / "standins" / "engines"


@pytest.fixture(scope="module")
def chat_libraries() -> Path:
    """Return an environment in which the stand-ins of engines can be imported."""
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
    """Return a language model's project; its backend, if it is not Python's, is the stand-in's."""
    project = rendered(template, folder / "chat", deployment_config=config, offline=True, **answers)
    backends = folder / "backends"
    shutil.copytree(tritonserver.HOME / "backends", backends)
    shutil.copytree(ENGINES / "vllm_backend", backends / "vllm")
    return project


def variables(folder: Path, weights: str) -> dict[str, str]:
    """Return the environment of a language model's serve: its backends, and where weights may lie."""
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
        # The stand-in tells with which settings it was started and asked.
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
    assert code == 3 and f"no model in {weights}: SageMaker must bring s3://bucket/model/" in said
    (weights / "config.json").write_text("{}")
    with served(project, models=chat_libraries, environ=variables(tmp_path, "weights")) as server:
        body = json.dumps({"text_input": "x", "max_tokens": 1}).encode()
        said_back = json.loads(server.ask("/invocations", body).json()["text_output"])
        assert said_back["model"] == str(weights) and not said_back["arguments"].get("revision")


def refused_late(project: Path, weights: Path) -> tuple[int, str]:
    """Return the exit code and the last line of a serve that finds no weights."""
    variables = {**os.environ, "MODEL_DIR": str(weights)}
    done = subprocess.run(
        [sys.executable, "serving/serve", "serve"], cwd=project, env=variables, capture_output=True, text=True
    )
    return done.returncode, done.stderr
