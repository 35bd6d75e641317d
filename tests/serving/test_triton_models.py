"""The model repositories of Triton projects describe their models correctly.

The code of the project trains each sample model. Its config.pbtxt is parsed with Triton's schema, and the
model runs in a runtime of its format with the names, types and dims in config.pbtxt. Treelite is the library
with which FIL runs tree models. The Python backend is the only Triton backend in these tests.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests import model_files
from tests.conftest import TRITON_LANGUAGE_MODELS, TRITON_MODELS, Render
from tests.model_config import model_config_pb2, parsed, problems, type_name
from tests.serving.triton_projects import (
    call,
    do,
    lend_environment,
    model_of,
    rendered,
    run_among_libraries,
    trained,
)

FIL = "triton-fil"
every = pytest.mark.parametrize(
    ("config", "model_format"),
    [pytest.param(*pair, marks=pytest.mark.xdist_group(f"{pair[0]}-{pair[1]}")) for pair in TRITON_MODELS],
)


def tensors(model: Path) -> list[list[object]]:
    """Return the name, type and dims of each input and output in a config.pbtxt."""
    config = parsed(model / "config.pbtxt")
    described = (*config.input, *config.output)
    return [[tensor.name, type_name(tensor.data_type), *tensor.dims] for tensor in described]


@every
def test_a_sample_model_is_described_as_a_runtime_finds_it(
    template: Path, config: str, model_format: str
) -> None:
    project = trained(template, config, model_format)
    model = model_of(project)
    assert problems(model) == []
    found = parsed(model / "config.pbtxt")
    assert found.name == "abalone-age" and found.max_batch_size >= 4096
    assert found.dynamic_batching.max_queue_delay_microseconds == 500
    group = found.instance_group[0]
    assert (group.count, group.kind) == (2, model_config_pb2.ModelInstanceGroup.KIND_CPU)
    if config == "triton-python":  # runs in a real tritonserver: test_triton_serve.py
        assert tensors(model) == [["input", "TYPE_FP32", 8], ["output", "TYPE_FP64", 1]]
        return
    seen = json.loads(run_among_libraries(project, "run", model_format).splitlines()[-1])
    assert tensors(model) == seen["tensors"]
    examples = json.loads((project / "sample_model" / "examples.json").read_text())
    assert seen["predictions"] == pytest.approx(examples["predictions"], rel=1e-5)
    if config == "triton-pytorch":
        # libtorch reads format 10 since 1.12; the image of 24.08 has 2.5.
        with zipfile.ZipFile(model / "1" / "model.pt") as archive:
            [version] = [name for name in archive.namelist() if name.endswith("/version")]
            assert int(archive.read(version)) <= 10


@pytest.mark.parametrize("config", TRITON_LANGUAGE_MODELS)
def test_the_repository_of_a_language_model_is_right(render: Render, config: str) -> None:
    assert problems(model_of(render("chat", deployment_config=config, offline=True))) == []


def own(template: Path, folder: Path, config: str, model_format: str, **answers: str) -> Path:
    """Return a project without a model, with the libraries that read models."""
    answers = {"deployment_config": config, "model_format": model_format, **answers}
    project = rendered(template, folder / "own", **answers)
    lend_environment(project, config, model_format)
    return project


@pytest.mark.parametrize(
    ("model_format", "image", "class_parameter"),
    [
        ("json", "", "is_classifier"),  # the default release
        ("txt", "nvcr.io/nvidia/tritonserver:24.08-py3", "output_class"),
        ("tl", "nvcr.io/nvidia/tritonserver:26.10-py3", "is_classifier"),
    ],
)
def test_a_forest_for_classes_is_described_as_one(
    template: Path, tmp_path: Path, model_format: str, image: str, class_parameter: str
) -> None:
    project = own(template, tmp_path, FIL, model_format, **({"base_image": image} if image else {}))
    run_among_libraries(project, "make", model_format)
    taken = do(project, "repository", f"own.{model_format}")
    assert taken.returncode == 0 and "output__0: FP32[-1, 3]" in taken.stderr, taken.stderr
    model = model_of(project)
    assert problems(model) == []
    assert tensors(model) == [["input__0", "TYPE_FP32", 4], ["output__0", "TYPE_FP32", 3]]
    parameters = parsed(model / "config.pbtxt").parameters
    assert {parameters[name].string_value for name in (class_parameter, "predict_proba")} == {"true"}

    settings = project / "model_repository" / "settings.toml"
    settings.write_text(settings.read_text().replace("probabilities = true", "probabilities = false"))
    call(project, "build_repository", f"own.{model_format}")
    assert tensors(model)[1] == ["output__0", "TYPE_FP32", 1]


def test_several_inputs_and_a_fixed_batch_are_described_as_they_are(template: Path, tmp_path: Path) -> None:
    project = own(template, tmp_path, "triton-onnxruntime", "onnx")
    run_among_libraries(project, "make", "onnx")
    call(project, "build_repository", "any.onnx")
    model = model_of(project)
    found = parsed(model / "config.pbtxt")
    assert problems(model) == [] and found.max_batch_size == 4096
    assert tensors(model)[:2] == [["pixels", "TYPE_FP32", 3, -1], ["ids", "TYPE_INT64", 1]]
    assert found.input[1].HasField("reshape") and not found.input[1].reshape.shape
    call(project, "build_repository", "1.onnx")
    found = parsed(model / "config.pbtxt")
    assert problems(model) == [] and found.max_batch_size == 0 and not found.HasField("dynamic_batching")
    assert tensors(model)[:2] == [["pixels", "TYPE_FP32", 1, 3, -1], ["ids", "TYPE_INT64", 1]]


def test_weights_in_other_files_come_along_and_go_with_their_model(template: Path, tmp_path: Path) -> None:
    project = own(template, tmp_path, "triton-onnxruntime", "onnx")
    run_among_libraries(project, "make", "external")
    run_among_libraries(project, "make", "onnx")
    taken = do(project, "repository", "own.onnx")
    assert taken.returncode == 0, taken.stderr
    version = model_of(project) / "1"
    for name in ("own.data", "deep/er.data"):
        assert (version / name).read_bytes() == (project / name).read_bytes()
    run_among_libraries(project, "load", "onnx")

    # Builds and containers reject a model without its weights.
    (version / "own.data").rename(project / "lost.data")
    refused = do(project, "build")
    assert refused.returncode == 3 and "model-not-served" in refused.stderr, refused.stderr
    assert "'own.data', which is not in" in refused.stderr
    started = served(project)
    assert started.returncode == 3 and "version 1: its weights are in 'own.data'" in started.stderr
    (project / "lost.data").rename(version / "own.data")

    cut = project / "deep" / "er.data"
    cut.write_bytes(cut.read_bytes()[:-1])
    before = {path: path.stat().st_mtime_ns for path in version.rglob("*")}
    refused = do(project, "repository", "own.onnx")
    assert refused.returncode == 1 and "cut off: 63 bytes of 64" in refused.stderr, refused.stderr
    assert {path: path.stat().st_mtime_ns for path in version.rglob("*")} == before

    assert do(project, "repository", "any.onnx").returncode == 0
    assert [path.name for path in version.rglob("*") if path.is_file()] == ["model.onnx"]


def served(project: Path) -> "subprocess.CompletedProcess[str]":
    """Start the server of a project. It exits immediately if it cannot serve the model."""
    variables = {**os.environ, "MODEL_DIR": str(project / "model_repository")}
    command = [sys.executable, str(project / "serving" / "serve")]
    return subprocess.run(command, env=variables, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("", "it is a model of XGBoost 3.9.0, the Treelite 4.7.0 of Triton 26.07 reads up to 3.4"),
        (
            "nvcr.io/nvidia/tritonserver:24.08-py3",
            "it is a model of XGBoost 3.9.0, the Treelite 4.1.2 of Triton 24.08 reads up to 3.0",
        ),
    ],
)
def test_a_forest_that_the_release_would_not_read_is_refused_wherever_it_comes_from(
    template: Path, tmp_path: Path, image: str, words: str
) -> None:
    project = own(template, tmp_path, FIL, "json", **({"base_image": image} if image else {}))
    (project / "own.json").write_bytes(model_files.xgboost_json((3, 9, 0)))
    taken = do(project, "repository", "own.json")
    assert taken.returncode == 1 and words in taken.stderr, taken.stderr
    model = project / "model_repository" / "own" / "1" / "xgboost.json"
    model.parent.mkdir(parents=True)
    shutil.copy(project / "own.json", model)
    (model.parent.parent / "config.pbtxt").write_text('name: "own"\nbackend: "fil"\n')
    built = do(project, "build")
    assert built.returncode == 3 and words in built.stderr, built.stderr
    started = served(project)
    assert started.returncode == 3 and f"version 1: {words}" in started.stderr, started.stderr


def test_a_checkpoint_that_is_cut_off_is_refused(template: Path, tmp_path: Path) -> None:
    """Treelite reads missing data as zeros, without an error."""
    project = own(template, tmp_path, FIL, "tl")
    run_among_libraries(project, "make", "tl")
    whole = (project / "own.tl").read_bytes()
    for length in (len(whole) // 2, len(whole) - 1):
        (project / "cut.tl").write_bytes(whole[:length])
        refused = do(project, "repository", "cut.tl")
        assert refused.returncode == 1 and "cut off" in refused.stderr, refused.stderr
    assert do(project, "repository", "own.tl").returncode == 0


def test_declared_inputs_of_torchscript_are_tried_out(template: Path, tmp_path: Path) -> None:
    inputs = "FP32[3,-1,-1] INT64[2]"
    project = own(template, tmp_path, "triton-pytorch", "pt", model_inputs=inputs)
    run_among_libraries(project, "make", "pt")
    call(project, "build_repository", "own.pt")
    model = model_of(project)
    assert problems(model) == []
    assert tensors(model) == [
        ["INPUT__0", "TYPE_FP32", 3, -1, -1],
        ["INPUT__1", "TYPE_INT64", 2],
        ["OUTPUT__0", "TYPE_FP32", 3],
        ["OUTPUT__1", "TYPE_INT64", 2],
    ]
    settings = project / "model_repository" / "settings.toml"
    settings.write_text(settings.read_text().replace(inputs, "FP32[3,-1]"))
    refused = do(project, "repository", "own.pt")
    assert refused.returncode == 1 and "cannot read the inputs and outputs" in refused.stderr


BROKEN = {
    (FIL, "json"): '{"learner": {}}',
    (FIL, "txt"): "tree\nversion=v9\n",
    (FIL, "tl"): "garbage",
    ("triton-onnxruntime", "onnx"): "garbage",
    ("triton-pytorch", "pt"): "garbage",
    ("triton-python", "joblib"): "garbage",
}


@pytest.mark.parametrize(("config", "model_format"), BROKEN)
def test_a_model_that_cannot_be_read_costs_a_line_and_leaves_the_repository(
    template: Path, tmp_path: Path, config: str, model_format: str
) -> None:
    project = own(template, tmp_path, config, model_format)
    (tmp_path / "broken").write_text(BROKEN[config, model_format])
    refused = do(project, "repository", str(tmp_path / "broken"))
    said = refused.stderr.splitlines()
    assert refused.returncode == 1 and "Traceback" not in refused.stderr, refused.stderr
    reasons = ("cannot read the inputs and outputs", "cannot use ")
    assert sum(line.startswith(reasons) for line in said) == 1, refused.stderr
    assert not list((project / "model_repository").rglob("config.pbtxt"))


def test_a_forest_that_fil_does_not_serve_is_refused(template: Path, tmp_path: Path) -> None:
    project = own(template, tmp_path, FIL, "json")
    run_among_libraries(project, "make", "several targets")
    refused = do(project, "repository", "targets.json")
    assert refused.returncode == 1 and "it has several targets, but FIL supports only one" in refused.stderr


def test_a_name_that_is_no_folder_is_refused(template: Path, tmp_path: Path) -> None:
    project = own(template, tmp_path, "triton-python", "joblib")
    settings = project / "model_repository" / "settings.toml"
    settings.write_text(settings.read_text().replace('name = "own"', 'name = "a/b"'))
    sample = model_of(trained(template, "triton-python", "joblib")) / "1" / "model.joblib"
    refused = do(project, "repository", str(sample))
    assert refused.returncode == 1 and "name 'a/b' is not a valid folder name" in refused.stderr
    assert do(project, "repository", "nowhere").returncode == 2
