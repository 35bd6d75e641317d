"""A model of one's own: it is read, judged and copied, or refused before anything is rendered."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import copier
import pytest
from copier.errors import UserMessageError

from extensions.mcc.artifacts import suitable
from extensions.mcc.errors.errors import InvalidAnswer
from extensions.mcc.interview import answers
from tests import model_files
from tests.conftest import REPOSITORY, Render


def test_an_own_model_is_copied_and_nothing_of_the_sample_is_rendered(template: Path, tmp_path: Path) -> None:
    model = tmp_path / "my model.pkl"
    model.write_bytes(b"bytes of a model")
    project = tmp_path / "project"
    copier.run_copy(
        str(template), project, data={"model_path": str(model)}, defaults=True, unsafe=True, quiet=True
    )
    assert (project / "model" / "model.pkl").read_bytes() == b"bytes of a model"
    assert not (project / "sample_model").exists()


MODELS = REPOSITORY / "tests" / "data" / "models"
CHOSEN = [  # framework, format, model, the version that is chosen for it
    ("sklearn", "joblib", "sklearn-1.9.1.joblib", "1.9.1"),
    ("sklearn", "joblib", "sklearn-1.4.2.joblib", "1.4.2"),
    ("sklearn", "pkl", "sklearn-1.2.2.pkl", "1.2.2"),
    ("xgboost", "json", "xgboost-3.4.1.json", "3.4.1"),
    ("xgboost", "ubj", "xgboost-3.4.1.ubj", "3.4.1"),
    ("xgboost", "model", "xgboost-1.7.6.model", "2.1.3"),
    ("xgboost", "json", "xgboost-2.1.3-multi-output.json", "2.1.3"),
    ("xgboost", "json", "xgboost-2.0.3-gamma.json", "2.0.3"),
    ("lightgbm", "pkl", "lightgbm-4.5.0.pkl", "4.7.0"),
]
REFUSED = [  # framework, format, version, model, the message
    ("sklearn", "joblib", "1.7.1", "sklearn-1.9.1.joblib", "Choose framework_version=1.9.1, or leave it out"),
    ("xgboost", "json", "2.1.3", "xgboost-3.4.1.json", "wrong predictions. Choose framework_version=3.4.1"),
    ("xgboost", "ubj", "3.3.0", "xgboost-3.4.1.ubj", "wrong predictions. Choose framework_version=3.4.1"),
    ("xgboost", "model", "3.4.1", "xgboost-1.7.6.model", "old binary format"),
    ("xgboost", "json", "3.2.0", "xgboost-2.1.3-multi-output.json", "Choose framework_version=2.1.3"),
    ("xgboost", "ubj", "", "xgboost-1.7.6.model", "not model_format=ubj. Choose model_format=model"),
    ("xgboost", "json", "", "xgboost-2.1.3.pkl", 'call its save_model("model.json")'),
    ("sklearn", "pkl", "", "xgboost-2.1.3.pkl", "a pickled Booster of XGBoost 2.1.3"),
    ("sklearn", "pkl", "", "lightgbm-4.5.0.pkl", "Choose framework=lightgbm and model_format=pkl"),
    ("tensorflow", "h5", "", "weights.h5", "only weights"),
]


@pytest.mark.parametrize(("framework", "model_format", "name", "version"), CHOSEN)
def test_the_version_that_suits_a_model_is_the_default(
    framework: str, model_format: str, name: str, version: str
) -> None:
    path = str(MODELS / name)
    assert suitable.default_version(framework, model_format, path) == version
    answers.check({"framework": framework, "model_format": model_format, "model_path": path})


@pytest.mark.parametrize(("framework", "model_format", "version", "name", "told"), REFUSED)
def test_a_model_that_a_version_cannot_serve_is_refused(
    framework: str, model_format: str, version: str, name: str, told: str
) -> None:
    given = {"framework": framework, "model_format": model_format, "model_path": str(MODELS / name)}
    given |= {"framework_version": version} if version else {}
    with pytest.raises(InvalidAnswer) as refused:
        answers.check(given)
    assert str(refused.value).startswith("model_path: ") and told in str(refused.value)


def test_a_model_of_a_version_that_is_not_offered_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    path.write_bytes((MODELS / "sklearn-1.9.1.joblib").read_bytes().replace(b"1.9.1", b"1.0.2"))
    with pytest.raises(InvalidAnswer, match=r"saved by scikit-learn 1\.0\.2.*retrain the model with 1\.7\.1"):
        answers.check({"model_format": "joblib", "model_path": str(path)})


def test_a_copy_takes_version_python_and_image_from_the_model(template: Path, tmp_path: Path) -> None:
    project, data = tmp_path / "project", {"model_path": str(MODELS / "sklearn-1.2.2.pkl")}
    copier.run_copy(str(template), project, data=data, defaults=True, unsafe=True, quiet=True)
    pins = (project / "requirements.txt").read_text()
    assert "scikit-learn==1.2.2 \\\n" in pins and "numpy==1.24.2 \\\n" in pins
    assert "FROM python:3.11-slim\n" in (project / "Dockerfile").read_text()
    assert ' = ("3.11",)\n' in (project / "do" / "lifecycle" / "chosen.py").read_text()
    with pytest.raises(InvalidAnswer, match=r"python:3\.12-slim has Python 3\.12, .* need one of 3\.11\."):
        answers.check({**data, "base_image": "python:3.12-slim"})
    with pytest.raises(UserMessageError, match=r"framework_version=1\.2\.2"):
        refused = {**data, "framework_version": "1.7.1"}
        copier.run_copy(str(template), tmp_path / "x", data=refused, defaults=True, unsafe=True, quiet=True)
    assert not (tmp_path / "x").exists()


def test_a_project_carries_the_reader_as_it_is(render: Render) -> None:
    own, carried = REPOSITORY / "extensions" / "mcc" / "artifacts", render() / "serving" / "runtime"
    for name in ("artifact_facts", "artifacts", "model_reader", "pickle_opcodes", "pickles", "streams"):
        assert (carried / f"{name}.py").read_text().endswith((own / f"{name}.py").read_text())
    assert (carried / "xgboost_files.py").read_text().endswith((own / "xgboost_files.py").read_text())


def test_a_failing_training_leaves_a_project_and_says_how_to_go_on(template: Path, tmp_path: Path) -> None:
    broken = tmp_path / "bin"
    broken.mkdir()
    (broken / "uv").write_text("#!/bin/sh\necho 'no network' >&2\nexit 1\n")
    (broken / "uv").chmod(0o755)
    project = tmp_path / "project"
    answer = subprocess.run(
        [sys.executable, "-m", "copier", "copy", "--trust", "--defaults", str(template), str(project)],
        env={**os.environ, "PATH": f"{broken}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0
    assert "Could not train the sample model. To try again: do/run --local" in answer.stderr
    assert "the sample model; do/run --local trains it" in answer.stderr and "Traceback" not in answer.stderr
    assert (project / "Dockerfile").exists() and not (project / "model" / "examples.json").exists()


NOT_OF_THEIR_FORMAT = {
    "json": ("triton-fil", "own.json", b"[1, 2]", "does not start like"),
    "ubj": ("triton-fil", "own.ubj", b"binf", "old XGBoost binary, which triton-fil does not"),
    "txt": ("triton-fil", "own.txt", b"a,b,c", "does not start like"),
    "onnx": ("triton-onnxruntime", "own.onnx", b"\x89PNG", "does not start like"),
    "pt": ("triton-pytorch", "own.pt", b"garbage", "not a TorchScript archive"),
    "joblib": ("triton-python", "own.pkl", b"", "does not end in .joblib"),
    "SavedModel": ("triton-tensorflow", "own", b"", "no saved_model.pb in it"),
}


@pytest.mark.parametrize("model_format", NOT_OF_THEIR_FORMAT)
def test_a_file_that_is_surely_not_of_its_format_is_refused(
    template: Path, tmp_path: Path, model_format: str
) -> None:
    config, name, content, words = NOT_OF_THEIR_FORMAT[model_format]
    (tmp_path / name).write_bytes(content)
    data = {"deployment_config": config, "model_format": model_format, "model_path": str(tmp_path / name)}
    data |= {"model_inputs": "FP32[8]"} if model_format == "pt" else {}
    with pytest.raises(UserMessageError, match=words):
        copier.run_copy(str(template), tmp_path / "p", data=data, defaults=True, unsafe=True, quiet=True)
    assert not (tmp_path / "p").exists()


TOO_NEW = r", ONNX Runtime 1\.27\.0 reads up to {}\. Use a newer ONNX Runtime"
ONNX = {  # a model, the message
    "weights left behind": (model_files.onnx(model_files.tensor({"location": "own.data"})), "'own.data'"),
    "newer opset": (model_files.onnx(opset=27), TOO_NEW.format(26)),
    "newer IR version": (model_files.onnx(ir=14), TOO_NEW.format(13)),
    "another kind": (b"\x89PNG", "it is not an ONNX file"),
}


@pytest.mark.parametrize("name", ONNX)
def test_an_onnx_model_that_onnx_runtime_would_not_load_is_refused(tmp_path: Path, name: str) -> None:
    content, told = ONNX[name]
    path = tmp_path / "own.onnx"
    path.write_bytes(content)
    given = {"framework": "onnxruntime", "model_path": str(path), "framework_version": "1.27.0"}
    with pytest.raises(InvalidAnswer, match=told):
        answers.check(given)


def test_the_weights_of_an_onnx_model_are_copied_with_it(template: Path, tmp_path: Path) -> None:
    path, project = tmp_path / "own.onnx", tmp_path / "project"
    path.write_bytes(model_files.onnx(model_files.tensor({"location": "weights/own.data"})))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "own.data").write_bytes(bytes(4096))
    data = {"framework": "onnxruntime", "model_path": str(path), "include_tests": False}
    copier.run_copy(str(template), project, data=data, defaults=True, unsafe=True, quiet=True)
    assert (project / "model" / "model.onnx").read_bytes() == path.read_bytes()
    assert (project / "model" / "weights" / "own.data").read_bytes() == bytes(4096)


NEWER = "nvcr.io/nvidia/tritonserver:26.10-py3"
NOT_SERVED: dict[str, tuple[str, str, bytes, str]] = {
    "weights left behind": (
        "triton-onnxruntime",
        "own.onnx",
        model_files.onnx(model_files.tensor({"location": "own.data"})),
        "'own.data', which is not in",
    ),
    "newer opset": (
        "triton-onnxruntime",
        "own.onnx",
        model_files.onnx(opset=23),
        "has opset 23, .* up to 21",
    ),
    "newer XGBoost": (
        "triton-fil",
        "own.json",
        model_files.xgboost_json((3, 1, 0)),
        "XGBoost 3.1.0, .* up to 3",
    ),
    "linear trees": ("triton-fil", "own.txt", b"tree\nis_linear=1\nend of trees\n", "linear trees"),
    "an old dump": ("triton-python", "own.joblib", b"", "arrays are in other files"),
    "a link": ("triton-tensorflow", "own", b"", "assets in it is a link to /etc"),
}


@pytest.mark.parametrize("name", NOT_SERVED)
def test_a_model_that_triton_would_not_serve_is_refused_before_anything_is_rendered(
    template: Path, tmp_path: Path, name: str
) -> None:
    config, file, content, words = NOT_SERVED[name]
    image = "nvcr.io/nvidia/tritonserver:24.08-py3"
    data = {"deployment_config": config, "model_path": str(tmp_path / file), "base_image": image}
    if file == "own":
        (tmp_path / "own").mkdir()
        (tmp_path / "own" / "assets").symlink_to("/etc")
        (tmp_path / "own" / "saved_model.pb").write_bytes(b"")
    else:
        (tmp_path / file).write_bytes(content)
        (tmp_path / "own.joblib_01.npy").write_bytes(b"")
        data["model_format"] = (tmp_path / file).suffix.removeprefix(".")
    options: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}
    with pytest.raises(UserMessageError, match=words):
        copier.run_copy(str(template), tmp_path / "p", data=data, **options)
    assert not (tmp_path / "p").exists()
    if name.startswith("newer"):  # than 24.08 reads
        copier.run_copy(str(template), tmp_path / "p", data=data | {"base_image": NEWER}, **options)
        assert "26.10" in (tmp_path / "p" / "serving" / "runtime" / "artifact.py").read_text()


def test_weights_without_code_are_no_torchscript(template: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "own.pt", "w") as archive:
        archive.writestr("own/data.pkl", b"")
    data = {"deployment_config": "triton-pytorch", "model_path": str(tmp_path / "own.pt")}
    for inputs, words in (
        ({"model_inputs": "FP32[8]"}, "weights without code"),
        ({}, "does not store the shapes"),
    ):
        if not inputs:
            with zipfile.ZipFile(tmp_path / "own.pt", "a") as archive:
                archive.writestr("own/code/__torch__.py", b"")
        with pytest.raises(UserMessageError, match=words):
            copier.run_copy(
                str(template), tmp_path / "p", data={**data, **inputs}, defaults=True, unsafe=True, quiet=True
            )
