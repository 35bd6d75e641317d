"""The facts in the files of models, read without their libraries."""

import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from extensions.mcc.inspection import about, choices, inspector
from tests.conftest import REPOSITORY
from tests.model_files import field, onnx, tensor

INSPECTED, MODELS = (REPOSITORY / "tests" / "data" / name for name in ("inspected", "models"))
COLUMNS: dict[str, Any] = {
    "libraries": {"scikit-learn": "1.9.1"},
    "inputs": [
        {"name": "city", "type": "text", "values": ["Bonn", "Oslo", "Rome"]},
        {"name": "age", "type": "number"},
        {"name": "income", "type": "number"},
    ],
    "input_count": 3,
    "classes": ["no", "yes"],
}
STATED: dict[str, dict[str, Any]] = {
    **{f"columns-{protocol}.pkl": COLUMNS for protocol in (0, 2, 4, 5)},
    "columns.joblib": COLUMNS,
    "cloudpickle.pkl": {"python": "3.11 or newer", "input_count": 2, "classes": ["0", "1"]},
    "dictionary.pkl": {"class": "dict"},
    "main.pkl": {"class": "__main__.Clip", "custom": ["__main__.Clip"]},
    "mlflow": {
        **COLUMNS,
        "container": "MLflow",
        "python": "3.11.7",
        "inputs": [
            {"name": "city", "type": "text"},
            {"name": "age", "type": "integer"},
            {"name": "income", "type": "number"},
        ],
        "outputs": [{"type": "str", "shape": [0]}],
        "sample": "input_example.json",
    },
    "lightgbm.txt": {"inputs": [{**COLUMNS["inputs"][0], "type": "category"}, *COLUMNS["inputs"][1:]]},
    "lightgbm.joblib": {"class": "lightgbm.sklearn.LGBMClassifier"},
    "catboost.cbm": {"libraries": {"catboost": "1.2.10"}, "classes": ["no", "yes"], "objective": "Logloss"},
    "own-layer.keras": {
        "libraries": {"keras": "3.15.1"},
        "inputs": [{"name": "rows", "type": "float32", "shape": [0, 4]}],
        "custom": ["mine>Own"],
    },
    "two-inputs.h5": {
        "libraries": {"keras": "3.15.1"},
        "inputs": [
            {"name": "first", "type": "float32", "shape": [0, 4]},
            {"name": "second", "type": "float32", "shape": [0, 3]},
        ],
    },
    "only.weights.h5": {"kind": "HDF5"},
}
# name -> the phrase, and the answers: the framework or backend, and the format
CHOSEN = {
    "columns-4.pkl": ("Pipeline of scikit-learn 1.9.1 (pickle)", "sklearn", "pkl"),
    "columns.joblib": ("Pipeline of scikit-learn 1.9.1 (joblib dump)", "sklearn", "joblib"),
    "main.pkl": ("Clip (pickle)", "sklearn", "pkl"),
    "mlflow": ("Pipeline of scikit-learn 1.9.1 (pickle)", "sklearn", "pkl"),
    "own-layer.keras": ("Keras archive 3.15.1", "tensorflow", "keras"),
    "two-inputs.h5": ("HDF5 of Keras 3.15.1", "tensorflow", "h5"),
    "lightgbm.txt": ("LightGBM text", "lightgbm", "txt"),
}


def test_every_model_of_the_folder_is_tried() -> None:
    assert {path.name for path in INSPECTED.iterdir() if path.suffix != ".py"} == set(STATED)


@pytest.mark.parametrize("name", STATED)
def test_the_facts_in_a_model(name: str) -> None:
    found = about.facts(inspector.inspect(INSPECTED / name))
    assert {fact: found.get(fact) for fact in STATED[name]} == STATED[name]
    assert set(found["sources"]) <= {*found, "version"}


@pytest.mark.parametrize("name", CHOSEN)
def test_the_answers_for_a_model(name: str) -> None:
    path, (phrase, served, model_format) = str(INSPECTED / name), CHOSEN[name]
    found = choices.of(path)
    assert found and choices.described(found) == phrase
    assert (choices.framework(path) or "triton-fil") == served
    assert choices.model_format(path, served) == model_format


def zipped(members: Mapping[str, bytes | str]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return whole.getvalue()


class OwnModule:
    """A model of PyTorch whose class is not in the file."""


def message(*parts: tuple[int, int | bytes]) -> bytes:
    return b"".join(field(place, value) for place, value in parts)


def value_info(name: bytes, kind: int, *sizes: int) -> bytes:
    shape = b"".join(field(1, field(1, size)) for size in sizes)
    return message((1, name), (2, field(1, message((1, kind), (2, shape)))))


SKOPS = json.dumps(
    {
        "__class__": "Ridge",
        "__module__": "sklearn.linear_model._ridge",
        "_skops_version": "0.16.0",
        "content": {"__module__": "mine", "content": {"_sklearn_version": {"content": '"1.9.1"'}}},
    }
)
FILES: dict[str, tuple[bytes, dict[str, Any], str]] = {  # content, facts, the problem
    "TorchScript": (zipped({"m/data.pkl": b"", "m/code/__torch__.py": b""}), {"kind": "TorchScript"}, ""),
    "weights": (zipped({"m/data.pkl": pickle.dumps({"w": 1})}), {}, "weights without code"),
    "module": (
        zipped({"m/data.pkl": pickle.dumps(OwnModule())}),
        {},
        "test_inspection.OwnModule, which loads only with its Python source",
    ),
    "pt2": (
        zipped({"m/archive_format": b"pt2", "m/models/model.json": '{"torch_version": "2.13.0"}'}),
        {"libraries": {"torch": "2.13.0"}},
        "torch.export",
    ),
    "skops": (
        zipped({"schema.json": SKOPS}),
        {"libraries": {"scikit-learn": "1.9.1", "skops": "0.16.0"}, "custom": ["mine"]},
        "",
    ),
    "npz": (zipped({"a.npy": b""}), {}, "holds arrays"),
    "zipped MLflow": (zipped({"m/MLmodel": b""}), {}, "zip archive of an MLflow model"),
    "ONNX": (
        onnx(tensor({"location": "w.data"}), nodes=field(11, value_info(b"rows", 1, 1, 8)))
        + message((2, b"pytorch"), (3, b"2.13")),
        {"inputs": [{"name": "rows", "type": "float32", "shape": [1, 8]}], "files": ["w.data"]},
        "",
    ),
    "GGUF": (b"GGUF\3\0\0\0", {"kind": "GGUF"}, "is a GGUF file"),
    "PMML": (b'<?xml version="1.0"?>\n<PMML version="4.4">', {"kind": "PMML"}, "is a PMML file"),
    "TFLite": (b"\x1c\0\0\0TFL3", {"kind": "TensorFlow Lite"}, "is a TensorFlow Lite file"),
    "safetensors": (b'\x20\0\0\0\0\0\0\0{"w":{"dtype"', {"kind": "safetensors"}, "is a safetensors file"),
    "list": (pickle.dumps([1, 2]), {"class": "list"}, "is a list (of plain values), not a model"),
    "nothing": (b"", {"kind": "unknown"}, ""),
}


@pytest.mark.parametrize("name", FILES)
def test_a_kind_is_recognized_by_content(tmp_path: Path, name: str) -> None:
    content, facts, problem = FILES[name]
    (tmp_path / "model").write_bytes(content)
    found = inspector.inspect(tmp_path / "model")
    stated = about.facts(found)
    assert {fact: stated.get(fact) for fact in facts} == facts
    assert problem in found.problem and bool(problem) == bool(found.problem) == bool(found.fix)


def test_the_next_step_for_pytorch_depends_on_what_the_file_has(tmp_path: Path) -> None:
    for name, step in (
        ("weights", "Create the model, load them, and export it: torch.onnx.export(model.eval(), (rows,)"),
        ("module", "Load it, and export it: torch.onnx.export(model.eval(), (rows,)"),
        ("pt2", "torch.onnx.export(torch.export.load(FILE)"),
    ):
        (tmp_path / name).write_bytes(FILES[name][0])
        assert step in inspector.inspect(tmp_path / name).fix


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x04\x22\x4d\x18" + bytes(20), "LZ4"),
        (b'{"features_info": {}, "oblivious_trees": []}', "CatBoost JSON"),
        (b'{"name":"tree","version":"v4"}', "LightGBM JSON"),
        (b'[\n  { "nodeid": 0, "depth": 0 }]', "dump of trees"),
    ],
)
def test_files_that_are_named_and_not_served(tmp_path: Path, head: bytes, kind: str) -> None:
    (tmp_path / "model.json").write_bytes(head)
    found = inspector.inspect(tmp_path / "model.json")
    assert found.artifact.kind == kind and "no server of this template" in found.problem
    assert "ave it" in found.fix or "Save the model" in found.fix


def test_an_archive_of_several_models_is_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "model.tar.gz"
    for names, model in ((("a.joblib", "b.joblib"), ""), (("model.joblib", "b.joblib"), "model.joblib")):
        with tarfile.open(path, "w:gz") as archive:
            for name in names:
                archive.add(INSPECTED / "columns.joblib", name)
        found = inspector.inspect(path)
        assert found.model == model and bool(found.problem) != bool(model)
    assert "holds several models (a.joblib, b.joblib)" in _problem_of(path, "a.joblib", "b.joblib")
    assert "holds no model (notes.txt)" in _problem_of(path, "notes.txt", content=__file__)


def _problem_of(path: Path, *names: str, content: str | Path = INSPECTED / "columns.joblib") -> str:
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            archive.add(content, name)
    return inspector.inspect(path).problem


def test_the_signature_of_a_saved_model(tmp_path: Path) -> None:
    shape = message((2, field(1, 2**64 - 1)), (2, field(1, 4)))
    rows = message((1, b"rows"), (2, message((1, b"x:0"), (2, 1), (3, shape))))
    signature = message((1, b"serving_default"), (2, field(1, rows)))
    graph = message((1, field(5, b"2.20.0")), (5, signature))
    (tmp_path / "export" / "Servo" / "2").mkdir(parents=True)
    (tmp_path / "export" / "Servo" / "10").mkdir()
    for version in ("2", "10"):
        content = message((1, 1), (2, graph))
        (tmp_path / "export" / "Servo" / version / "saved_model.pb").write_bytes(content)
    found = inspector.inspect(tmp_path)
    assert found.model == "export/Servo/10" and found.libraries == {"tensorflow": "2.20.0"}
    assert about.facts(found)["inputs"] == [{"name": "rows", "type": "float32", "shape": [0, 4]}]
    (tmp_path / "other").mkdir()
    assert "holds no saved_model.pb" in inspector.inspect(tmp_path / "other").problem


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_the_model_in_an_archive_of_sagemaker(tmp_path: Path, mode: Any) -> None:
    handler = tmp_path / "inference.py"
    handler.write_text("def model_fn(folder): ...\ndef predict_fn(rows, model): ...\ndef other(): ...\n")
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, mode) as archive:
        archive.add(INSPECTED / "columns.joblib", "./model.joblib")
        archive.add(handler, "code/inference.py")
    found = inspector.inspect(path)
    facts = about.facts(found)
    assert {name: facts[name] for name in COLUMNS} == COLUMNS
    assert (found.model, found.handler) == ("model.joblib", ("model_fn", "predict_fn"))
    assert found.is_script


@pytest.mark.parametrize(
    ("functions", "is_script"), [("input_handler output_handler", True), ("handler", False)]
)
def test_the_script_of_a_serving_container(tmp_path: Path, functions: str, is_script: bool) -> None:
    script = tmp_path / "inference.py"
    script.write_text("".join(f"def {name}(data, context): ...\n" for name in functions.split()))
    with tarfile.open(tmp_path / "model.tar", "w") as archive:
        archive.add(INSPECTED / "columns.joblib", "model.joblib")
        archive.add(script, "code/inference.py")
    assert inspector.inspect(tmp_path / "model.tar").is_script == is_script
