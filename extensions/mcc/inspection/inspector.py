"""Inspect a model: its kind and its facts, by content, without running anything of it."""

import mmap
import re
from dataclasses import replace
from itertools import islice
from pathlib import Path

from ..artifacts import model_reader, pickles
from ..artifacts.artifact_facts import (
    HDF5,
    PICKLE,
    SAVED_MODEL,
    UNKNOWN,
    XGBOOST_JSON,
    XGBOOST_UBJ,
    Artifact,
    NotUnderstood,
)
from ..artifacts.streams import COMPRESSED, HEAD_BYTES
from . import archives, forests, mlflow, pickled, tars, tensors
from .findings import TREELITE, Findings, unservable

LISTED, DEPTH = 1_000, 3  # entries of a level of folders that are looked at, and levels
NAMED = {  # the start of a file that is no model that can be served -> its kind, and the next step
    "GGUF": (rb"GGUF", "Serve it as a language model: deployment_config=transformers-vllm."),
    "TensorFlow Lite": (rb".{4}TFL3", "Export the model as SavedModel: model.export('SavedModel')."),
    "PMML": (rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?<PMML", "Export the model to ONNX."),
    "safetensors": (rb'.{8}\{\s*"(?:__metadata__|[\w.-]+)"\s*:\s*\{', "Save the model that they belong to."),
    "LZ4": (rb"\x04\x22\x4d\x18", "Save it again: joblib.dump(joblib.load(FILE), FILE, compress=3)."),
    "CatBoost JSON": (
        rb'\s*\{\s*"(?:ctr_data|features_info|model_info|oblivious_trees|scale_and_bias|trees)"\s*:',
        'Save it as cbm: CatBoost().load_model(FILE, format="json").save_model("model.cbm").',
    ),
    "LightGBM JSON": (rb'\s*\{\s*"name"\s*:\s*"tree"', 'Save it as text: booster.save_model("model.txt").'),
    "dump of trees": (rb'\s*\[\s*\{\s*"nodeid"', 'Save the model: booster.save_model("model.json").'),
    "R object": (rb"(?:RDX|RDA)[23]\n|X\n\0\0\0[23]", "Export the model to ONNX."),
}


def inspect(path: Path) -> Findings:
    """Return the facts in a model: a file, a folder or a tar archive. Raise OSError if it cannot be read."""
    try:
        return _with_sources(_of_folder(path) if path.is_dir() else _of_file(path))
    except NotUnderstood:
        return Findings()


def _with_sources(found: Findings) -> Findings:
    """Return findings with the origin of each fact that has none yet."""
    origin = found.model or "file"
    facts = {
        "kind": found.is_understood,
        "version": found.artifact.version,
        **{name: getattr(found, name) for name in ("inputs", "outputs", "classes", "custom", "python")},
    }
    return replace(found, sources={**{name: origin for name, fact in facts.items() if fact}, **found.sources})


def _of_folder(path: Path) -> Findings:
    if (path / "MLmodel").is_file():
        return mlflow.of_folder(path, inspect)
    if saved := _saved_model(path):
        found = tensors.saved_model(saved) if saved.stat().st_size else Findings(Artifact(SAVED_MODEL))
        inner = saved.parent.relative_to(path).as_posix()
        return replace(found, model="" if inner == "." else inner)
    names = sorted(item.name for item in path.iterdir())[:5]
    problem = f"holds no saved_model.pb and no MLmodel file ({', '.join(names) or 'it is empty'})."
    return unservable(UNKNOWN, problem, "Give the path of the model's file.")


def _saved_model(folder: Path) -> Path | None:
    """Return the saved_model.pb of a folder, of the highest version if there are several below it."""
    if (folder / "saved_model.pb").is_file():
        return folder / "saved_model.pb"
    found = [path / "saved_model.pb" for path in _folders(folder) if (path / "saved_model.pb").is_file()]
    numbered = [(int(name) if name.isdecimal() else -1, path) for path in found if (name := path.parent.name)]
    return max(numbered)[1] if numbered else None


def _folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, as deep as exports have them, up to a number."""
    found, level = [], [folder]
    for _ in range(DEPTH):
        entries = [entry for each in level for entry in islice(each.iterdir(), LISTED)][:LISTED]
        level = [entry for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
        found += level
    return found


def _of_file(path: Path) -> Findings:
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head:
        return Findings()
    if head.startswith(b"PK\x03\x04"):
        return archives.of_zip(path)
    if head.startswith(b"tree\n"):
        return forests.lightgbm(path)
    if head.startswith(b"CBM1"):
        return forests.catboost(path)
    if head[257:262] == b"ustar" or (_is_compressed(head) and tars.is_tar(path)):
        return tars.of_tar(path, inspect)
    for kind, (start, fix) in NAMED.items():
        if re.match(start, head[:4096], re.DOTALL):
            return unservable(kind, f"is a {kind} file, which no server of this template loads.", fix)
    return _known(path, head)


def _is_compressed(head: bytes) -> bool:
    return any(head.startswith(magic) for magic in COMPRESSED)


def _known(path: Path, head: bytes) -> Findings:
    """Return the facts in a file of the kinds that a project checks too, or of an ONNX model."""
    with path.open("rb") as file, model_reader.pickle_in(path, file, head) as stream:
        if stream:
            found = pickled.findings(pickles.follow(stream), is_joblib=head[:1] not in (b"\x80", b"(", b"c"))
            return found if found.artifact.kind == PICKLE else Findings()
    artifact = model_reader.look(path)
    if artifact.kind in (XGBOOST_JSON, XGBOOST_UBJ):
        return forests.xgboost(path, artifact)
    if artifact.kind == HDF5:
        return _hdf5(path, artifact)
    if artifact.kind != UNKNOWN:
        return Findings(artifact)
    if head[:1] == b"\x08":
        return tensors.onnx(path)
    return Findings(Artifact(TREELITE)) if path.suffix == ".tl" else Findings()


def _hdf5(path: Path, artifact: Artifact) -> Findings:
    if artifact.has_model and artifact.version:
        return archives.h5(path, artifact)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        is_keras = data.find(b"keras_version") >= 0 or data.find(b"layer_names") >= 0
    if is_keras or not artifact.has_model:
        return Findings(artifact)
    problem = "holds no Keras model: it has weights only, or data of another program."
    return unservable(HDF5, problem, 'Save the whole model: model.save("model.keras").')
