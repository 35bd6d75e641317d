"""The rendered serve of Triton projects, with a real tritonserver and its Python backend.

Fakes of TensorRT-LLM and vLLM (tests/fakes/engines) have the part of their API that projects use, and
return a fixed text.
"""

import json
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import tritonserver
from tests.serving.triton_projects import do, environment, trained
from tests.serving.triton_served import CONFIG, FORMAT, NAME, VARIABLE, WITHOUT_NGINX, refused, served

pytestmark = pytest.mark.xdist_group("tritonserver")


@pytest.fixture(scope="module")
def project(template: Path) -> Path:
    """Return a project of the Python backend that accepts large requests."""
    return trained(template, CONFIG, FORMAT)


def test_the_contract_is_kept(template: Path) -> None:
    """All checks for every kind of model, except those that need a container (tests/real)."""
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
    elsewhere = {53, 54, 59}  # needs a container, or a streamed response
    assert [c for c in checks if c["result"] != "passed" and c["number"] not in elsewhere] == []
    assert done.returncode == 0 and len(checks) == 29, done.stderr


def test_predictions_are_the_training_frameworks(project: Path) -> None:
    """do/test uses config.pbtxt for its request. The examples in the README give the same predictions."""
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
            wrong.returncode == 6 and "/invocations returned 400" in wrong.stderr and "shape" in wrong.stderr
        ), wrong.stderr


def test_without_nginx_tritons_own_front_end_listens(project: Path) -> None:
    """The SageMaker front end of Triton. serve becomes tritonserver, so SIGTERM reaches it."""
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
    assert code == 3 and f"'third' is not in {models}; the models are {NAME}, other" in said
    with served(project, environ={"MODEL_DIR": str(models), VARIABLE: "other"}) as server:
        body = (
            b'{"inputs": [{"name": "input", "shape": [1, 8], "datatype": "FP32", "data": [0,0,0,0,0,0,0,0]}]}'
        )
        assert server.ask("/invocations", body).json()["model_name"] == "other"


BREAK: dict[str, tuple[Callable[[str], str], str]] = {
    "not parsed": (lambda text: text + "}", "config.pbtxt: '}' is not the name of a field"),
    "another name": (
        lambda text: text.replace(NAME, "other"),
        "its name in config.pbtxt is 'other', but its folder is",
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
    assert (
        code == 3 and "is a model, not a repository: move it to a folder with the name of the model" in said
    )
    code, said = refused(project, tmp_path / "nowhere")
    assert code == 3 and f"no model in {tmp_path / 'nowhere'}" in said
    models = tmp_path / "models"
    shutil.copytree(project / "model_repository", models)
    (models / NAME / "1" / "model.py").unlink()
    assert "version 1 has no model.py" in refused(project, models)[1]
    (models / NAME / "1").rename(models / NAME / "first")
    assert "it has no version folder, such as 1" in refused(project, models)[1]


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"SAGEMAKER_BIND_TO_PORT": "http"}, "SAGEMAKER_BIND_TO_PORT: 'http' is not a port"),
        ({"SERVE_EXTRA_ARGUMENTS": "--x"}, "SERVE_EXTRA_ARGUMENTS: '--x' is not a JSON list"),
    ],
)
def test_a_variable_that_cannot_be_used_is_refused(
    project: Path, environ: dict[str, str], words: str
) -> None:
    assert words in refused(project, project / "model_repository", **environ)[1]
