"""What the repositories of Triton's projects say of their models is what the models are.

Each sample model is trained by the project's own code. Its config.pbtxt is read by Triton's own schema, and
the model in the repository runs in a runtime of its format, by the names, types and dims of config.pbtxt.
Treelite is the library by which FIL reads and runs forests. Of Triton's own backends only Python's is here.
"""

import json
import shutil
import zipfile
from pathlib import Path

import copier
import pytest

from tests.conftest import TRITON_LANGUAGE_MODELS, TRITON_MODELS, Render
from tests.model_config import model_config_pb2, parsed, problems, type_name
from tests.serving.triton_projects import call, do, lend_environment, rendered, run_among_libraries, trained

FIL = "triton-fil"
every = pytest.mark.parametrize(
    ("config", "model_format"),
    [pytest.param(*pair, marks=pytest.mark.xdist_group(f"{pair[0]}-{pair[1]}")) for pair in TRITON_MODELS],
)


def model_of(project: Path) -> Path:
    [config] = (project / "model_repository").glob("*/config.pbtxt")
    return config.parent


def tensors(model: Path) -> list[list[object]]:
    """Return name, type and dims of each input and output that a config.pbtxt describes."""
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
    """Return a project without a model, with the libraries that read one."""
    answers = {"deployment_config": config, "model_format": model_format, **answers}
    project = rendered(template, folder / "own", **answers)
    lend_environment(project, config, model_format)
    return project


@pytest.mark.parametrize("model_format", ["json", "txt", "tl"])
def test_a_forest_for_classes_is_described_as_one(template: Path, tmp_path: Path, model_format: str) -> None:
    project = own(template, tmp_path, FIL, model_format)
    run_among_libraries(project, "make", model_format)
    taken = do(project, "repository", f"own.{model_format}")
    assert taken.returncode == 0 and "output__0: FP32[-1, 3]" in taken.stderr, taken.stderr
    model = model_of(project)
    assert problems(model) == []
    assert tensors(model) == [["input__0", "TYPE_FP32", 4], ["output__0", "TYPE_FP32", 3]]
    parameters = parsed(model / "config.pbtxt").parameters
    assert {parameters[name].string_value for name in ("output_class", "predict_proba")} == {"true"}

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
    assert refused.returncode == 1 and "cannot read what" in refused.stderr


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
    assert sum(line.startswith("cannot read what") for line in said) == 1, refused.stderr
    assert not list((project / "model_repository").rglob("config.pbtxt"))


def test_a_forest_that_fil_does_not_serve_is_refused(template: Path, tmp_path: Path) -> None:
    project = own(template, tmp_path, FIL, "json")
    run_among_libraries(project, "make", "several targets")
    refused = do(project, "repository", "targets.json")
    assert refused.returncode == 1 and "it has several targets, FIL serves one" in refused.stderr


def test_a_name_that_is_no_folder_is_refused(template: Path, tmp_path: Path) -> None:
    project = own(template, tmp_path, "triton-python", "joblib")
    settings = project / "model_repository" / "settings.toml"
    settings.write_text(settings.read_text().replace('name = "own"', 'name = "a/b"'))
    sample = model_of(trained(template, "triton-python", "joblib")) / "1" / "model.joblib"
    refused = do(project, "repository", str(sample))
    assert refused.returncode == 1 and "name 'a/b' cannot name a folder" in refused.stderr
    assert do(project, "repository", "nowhere").returncode == 2


def test_the_hook_after_a_copy_makes_the_repository_of_a_model_that_is_given(
    template: Path, tmp_path: Path
) -> None:
    """As `copier copy -d model_path=…` does: the environment is made by the project itself, with uv."""
    sample = model_of(trained(template, FIL, "json")) / "1" / "xgboost.json"
    model = tmp_path / "my model.json"
    shutil.copy(sample, model)
    data = {"deployment_config": FIL, "model_path": str(model)}
    copier.run_copy(str(template), tmp_path / "churn", data=data, defaults=True, unsafe=True, quiet=True)
    found = model_of(tmp_path / "churn")
    assert problems(found) == [] and found.name == "churn"
    assert (found / "1" / "xgboost.json").read_bytes() == model.read_bytes()
    assert not (tmp_path / "churn" / "sample_model").exists()
