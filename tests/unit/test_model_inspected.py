"""The answers and the project that follow from a model's file: nothing but its path is given."""

import json
import tarfile
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml
from copier.errors import UserMessageError

from extensions.mcc.errors.errors import InvalidAnswer
from extensions.mcc.face import inspect_model
from extensions.mcc.interview import answers, defaults, model_path
from tests.conftest import REPOSITORY

INSPECTED, MODELS = (REPOSITORY / "tests" / "data" / name for name in ("inspected", "models"))
COLUMNS = INSPECTED / "columns.joblib"
REFUSED = {  # the model, other answers, the message
    "framework": (
        COLUMNS,
        {"framework": "xgboost"},
        "Pipeline of scikit-learn 1.9.1 (joblib dump), which framework=xgboost does not serve. "
        "Choose framework=sklearn and model_format=joblib, or omit both.",
    ),
    "format": (
        COLUMNS,
        {"model_format": "pkl"},
        "joblib dump, not model_format=pkl. Choose model_format=joblib",
    ),
    "version": (COLUMNS, {"framework_version": "1.7.1"}, "Choose framework_version=1.9.1, or leave it out."),
    "triton": (COLUMNS, {"deployment_config": "triton-fil"}, "Choose deployment_config=triton-python."),
    "lightgbm": (
        INSPECTED / "lightgbm.txt",
        {"framework": "sklearn"},
        "which framework=sklearn does not serve. Choose framework=lightgbm and model_format=txt, or",
    ),
    "catboost": (
        INSPECTED / "catboost.cbm",
        {"deployment_config": "triton-fil"},
        "which triton-fil does not serve. Choose deployment_config=http-fastapi.",
    ),
    "dictionary": (
        INSPECTED / "dictionary.pkl",
        {},
        "is a dictionary (Pipeline as 'model'), not a model. Save",
    ),
    "weights": (INSPECTED / "only.weights.h5", {}, "holds no Keras model: it has weights only"),
    "xgboost pickle": (MODELS / "xgboost-2.1.3.pkl", {}, 'call its save_model("model.json")'),
    "s3": (
        "s3://bucket/path/model.tar.gz",
        {"offline": "true"},
        "aws s3 cp s3://bucket/path/model.tar.gz model.tar.gz",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_contradiction_is_refused_with_both_facts(name: str) -> None:
    path, others, said = REFUSED[name]
    with pytest.raises(InvalidAnswer) as refused:
        answers.check({"model_path": str(path), **others})
    assert str(refused.value).startswith("model_path: ") and said in str(refused.value)


def test_answers_that_agree_are_accepted() -> None:
    for data in ({}, {"framework": "sklearn"}, {"framework_version": "1.9.1", "model_format": "joblib"}):
        answers.check({"model_path": str(COLUMNS), **data})
    answers.check({"model_path": str(INSPECTED / "columns-4.pkl"), "model_format": "joblib"})
    answers.check({"model_path": str(MODELS / "xgboost-3.4.1.ubj"), "framework_version": "3.4.1"})


def test_an_own_program_in_triton_can_load_any_pickle() -> None:
    for model in (MODELS / "xgboost-2.1.3.pkl", COLUMNS, INSPECTED / "main.pkl"):
        answers.check({"model_path": str(model), "deployment_config": "triton-python"})


def test_a_setting_from_outside_that_contradicts_a_file_is_refused_by_name() -> None:
    with pytest.raises(InvalidAnswer, match=r"does not serve.*\(framework is from MCC_FRAMEWORK\)"):
        defaults.check({"model_path": str(COLUMNS)}, False, {"MCC_FRAMEWORK": "xgboost"})


def copied(template: Path, project: Path, **data: str) -> dict[str, Any]:
    copier.run_copy(str(template), project, data=data, defaults=True, unsafe=True, quiet=True)
    stored: dict[str, Any] = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return stored


def test_a_project_fits_its_model_and_records_its_facts(template: Path, tmp_path: Path) -> None:
    stored = copied(template, tmp_path / "a", model_path=str(COLUMNS), project_id="c0ffee42")
    assert [stored[name] for name in ("framework", "model_format", "framework_version")] == [
        *("sklearn", "joblib", "1.9.1")
    ]
    about = json.loads((tmp_path / "a" / "model" / "about.json").read_text())
    assert (about["file"], about["classes"], about["size"]) == ("model.joblib", ["no", "yes"], 3290)
    assert about["sources"]["inputs"] == "file" and str(tmp_path) not in json.dumps(about)
    copied(template, tmp_path / "b", model_path=str(COLUMNS), project_id="c0ffee42")
    first, second = ((tmp_path / name / "model" / "about.json").read_bytes() for name in "ab")
    assert first == second


def test_the_model_of_an_mlflow_directory_is_copied(template: Path, tmp_path: Path) -> None:
    stored = copied(template, tmp_path / "made", model_path=str(INSPECTED / "mlflow"))
    assert stored["model_format"] == "pkl"
    model = tmp_path / "made" / "model"
    names = ["README.md", "about.json", "examples.json", "model.pkl"]
    assert sorted(path.name for path in model.iterdir()) == names
    assert model.joinpath("model.pkl").read_bytes() == (INSPECTED / "mlflow" / "model.pkl").read_bytes()
    about = json.loads((model / "about.json").read_text())
    assert (about["copied_from"], about["python"], about["sources"]["inputs"]) == (
        "model.pkl",
        "3.11.7",
        "MLmodel",
    )
    packed = tmp_path / "model.tar.gz"
    with tarfile.open(packed, "w:gz") as tar:
        tar.add(INSPECTED / "mlflow", "artifact")
    copied(template, tmp_path / "packed", model_path=str(packed))
    model = tmp_path / "packed" / "model"
    assert sorted(path.name for path in model.iterdir()) == names
    assert (model / "model.pkl").read_bytes() == (INSPECTED / "mlflow" / "model.pkl").read_bytes()
    unpacked = json.loads((model / "about.json").read_text())
    assert unpacked["copied_from"] == "artifact/model.pkl" and unpacked["sources"]["inputs"] == "MLmodel"
    examples = (tmp_path / "made" / "model" / "examples.json").read_text()
    assert (model / "examples.json").read_text() == examples


def test_the_model_in_an_archive_is_extracted(template: Path, tmp_path: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(MODELS / "xgboost-3.4.1.ubj", "xgboost-model")
        tar.add(Path(__file__), "code/inference.py")
    stored = copied(template, tmp_path / "made", model_path=str(archive))
    assert (stored["framework"], stored["model_format"]) == ("xgboost", "ubj")
    model = tmp_path / "made" / "model"
    assert sorted(path.name for path in model.iterdir()) == ["README.md", "about.json", "model.ubj"]
    script = tmp_path / "inference.py"
    script.write_text("def model_fn(model_dir):\n    return None\n")
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(MODELS / "xgboost-3.4.1.ubj", "xgboost-model")
        tar.add(script, "code/inference.py")
        tar.add(script, "code/lib/helper.py")
    copied(template, tmp_path / "scripted", model_path=str(archive))
    model = tmp_path / "scripted" / "model"
    names = {path.relative_to(model).as_posix() for path in model.rglob("*") if path.is_file()}
    assert names == {"README.md", "about.json", "xgboost-model", "code/inference.py", "code/lib/helper.py"}
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(COLUMNS, "../model.joblib")
    with pytest.raises(UserMessageError, match="not safe to extract"):
        copied(template, tmp_path / "other", model_path=str(archive))


def test_the_file_of_a_project_that_exists_decides_nothing(tmp_path: Path) -> None:
    (tmp_path / ".copier-answers.yml").write_text("framework: sklearn\nmodel_path: ''\n")
    conf = {"dst_path": tmp_path, "answers_file": ".copier-answers.yml", "overwrite": False, "data": {}}
    path = str(MODELS / "xgboost-3.4.1.ubj")
    for question, served in (("framework", "http-flask"), ("model_format", "xgboost")):
        assert model_path.stated(path, question, served, conf) == ""
        assert model_path.stated(path, question, served, {**conf, "dst_path": tmp_path / "new"})


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        (COLUMNS, 0, "-d framework=sklearn -d model_format=joblib"),
        (INSPECTED / "mlflow", 0, "Saved with: scikit-learn 1.9.1, Python 3.11.7"),
        (INSPECTED / "lightgbm.txt", 0, "-d framework=lightgbm -d model_format=txt"),
        (INSPECTED / "main.pkl", 0, "needs code that is not in it: __main__.Clip."),
        (INSPECTED / "own-layer.keras", 0, 'model.export("SavedModel")'),
        (INSPECTED / "make.py", 1, "is no model that this template recognizes"),
        (INSPECTED / "only.weights.h5", 1, "Save the whole model"),
        ("/nowhere/model.pkl", 2, "there is no file '/nowhere/model.pkl'"),
    ],
)
def test_make_inspect(
    path: Path, code: int, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["inspect", str(path)])
    assert inspect_model.main() == code
    captured = capsys.readouterr()
    assert words in " ".join((captured.out + captured.err).split())
    if code < 2:
        monkeypatch.setattr("sys.argv", ["inspect", str(path), "--json"])
        assert inspect_model.main() == code
        shown = json.loads(capsys.readouterr().out)
        assert bool(shown.get("problem")) == bool(code) and bool(shown.get("answers")) != bool(code)
