"""The facts in zip archives: Keras, skops, TorchScript, torch.save, torch.export and arrays of numpy."""

import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..artifacts import pickles
from ..artifacts.artifact_facts import KERAS, Artifact, NotUnderstood
from ..artifacts.model_reader import open_zip
from ..artifacts.streams import Stream
from .findings import SKOPS, TORCH_EXPORT, TORCH_SAVE, TORCHSCRIPT, Findings, Tensor, unservable
from .pickled import LIBRARIES, PLAIN

MEMBER_BYTES = 4_000_000
SHOWN, DEPTH = 1_000, 60
DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    RuntimeError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
)
# Run with PyTorch 2.13: ONNX Runtime loads what they write.
TO_ONNX = "dynamo=True), and choose framework=onnxruntime"
EXPORT = (
    'Create the model, load them, and export it: torch.onnx.export(model.eval(), (rows,), "model.onnx", '
    f'dynamic_shapes=({{0: "rows"}},), {TO_ONNX}; or torch.jit.script(model).save("model.pt"), and choose '
    "deployment_config=triton-pytorch."
)
CONVERT = (
    "Convert it where PyTorch and onnxscript are installed: "
    f'torch.onnx.export(torch.export.load(FILE), f="model.onnx", {TO_ONNX}.'
)


def of_zip(path: Path) -> Findings:
    """Return the facts in a zip archive. Raise NotUnderstood for a damaged one, or one of another kind."""
    with open_zip(path) as archive:
        names = archive.namelist()
        if {"metadata.json", "config.json"} <= set(names):
            return _keras(archive)
        if "schema.json" in names:
            return _skops(archive)
        if export := next((name for name in names if name.endswith("/archive_format")), ""):
            return _export(archive, names, export)
        if data := next((name for name in names if re.fullmatch(r"[^/]+/data\.pkl", name)), ""):
            return _torch(archive, names, data)
        if names and all(name.endswith(".npy") for name in names):
            return unservable("numpy archive", "holds arrays, not a model.", "Give the path of the model.")
        if any(name.rpartition("/")[2] == "MLmodel" for name in names):
            problem = "is a zip archive of an MLflow model directory."
            return unservable("zip archive", problem, f"Extract it, and give the folder: unzip {path.name}")
    raise NotUnderstood


def keras_config(config: Any, artifact: Artifact) -> Findings:
    """Return the facts in the configuration of a Keras model."""
    inputs, custom = [], []
    for layer in _mappings(config, DEPTH):
        inside = layer.get("config")
        name, module = layer.get("registered_name"), str(layer.get("module") or "")
        kind = str(layer.get("class_name"))
        if kind == "InputLayer" and isinstance(inside, dict):
            inputs.append(_keras_input(inside))
        elif (name and not module.startswith("keras")) or ">" in kind or kind == "Lambda":
            custom.append("Lambda (a Python function)" if kind == "Lambda" else str(name or kind))
    found = tuple(dict.fromkeys(custom))[:SHOWN]
    return Findings(artifact, inputs=tuple(inputs[:SHOWN]), custom=found)


def _mappings(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    """Yield each mapping with a class name in a configuration."""
    if depth == 0:
        return
    if isinstance(value, dict):
        if "class_name" in value:
            yield value
        for inside in value.values():
            yield from _mappings(inside, depth - 1)
    elif isinstance(value, list):
        for inside in value:
            yield from _mappings(inside, depth - 1)


def _keras_input(config: dict[str, Any]) -> Tensor:
    shape = config.get("batch_shape") or config.get("batch_input_shape")
    sizes = [size if type(size) is int else 0 for size in shape] if isinstance(shape, list) else []
    kind = config.get("dtype")
    return Tensor(str(config.get("name") or ""), kind if isinstance(kind, str) else "", tuple(sizes[:16]))


def _json(archive: zipfile.ZipFile, name: str) -> Any:
    """Return a small member as JSON. Raise NotUnderstood if it is not."""
    try:
        with archive.open(name) as member:
            raw = member.read(MEMBER_BYTES + 1)
        if len(raw) > MEMBER_BYTES:
            raise NotUnderstood
        return json.loads(raw)
    except (*DAMAGED, RecursionError):
        raise NotUnderstood from None


def _keras(archive: zipfile.ZipFile) -> Findings:
    metadata, config = _json(archive, "metadata.json"), _json(archive, "config.json")
    version = metadata.get("keras_version") if isinstance(metadata, dict) else ""
    return keras_config(config, Artifact(KERAS, "keras", version if isinstance(version, str) else ""))


def _skops(archive: zipfile.ZipFile) -> Findings:
    schema = _json(archive, "schema.json")
    if not isinstance(schema, dict) or "_skops_version" not in schema:
        raise NotUnderstood
    modules = set(re.findall(r'"__module__": ?"([\w.]+)"', json.dumps(schema)))
    version = re.search(r'"_sklearn_version"[^}]{0,200}?"content": ?"\\"(\d+\.\d+\.?\w*)', json.dumps(schema))
    root = f"{schema.get('__module__', '')}.{schema.get('__class__', '')}".strip(".")
    custom = sorted(name for name in modules if name.partition(".")[0] not in PLAIN | LIBRARIES)
    artifact = Artifact(SKOPS, "scikit-learn", version[1] if version else "", root)
    return Findings(artifact, custom=tuple(custom), libraries={"skops": str(schema["_skops_version"])})


def _torch(archive: zipfile.ZipFile, names: list[str], data: str) -> Findings:
    folder = data.partition("/")[0]
    if any(name.startswith(f"{folder}/code/") for name in names):
        return Findings(Artifact(TORCHSCRIPT, "torch"))
    try:
        with archive.open(data) as member:
            stream = Stream(io.BytesIO(member.read(MEMBER_BYTES)), None)
    except DAMAGED:
        raise NotUnderstood from None
    followed = pickles.follow(stream)
    modules = followed.artifact().modules
    tops = {module for module in modules if module not in PLAIN | LIBRARIES}
    named = f"{each.module}.{each.name}" if (each := _own(followed, tops)) else ""
    if not named:
        return unservable(TORCH_SAVE, "holds weights without code, not a model.", EXPORT, "torch")
    problem = f"is a torch.save of {named}, which loads only with its Python source code."
    return unservable(
        TORCH_SAVE, problem, EXPORT.replace("Create the model, load them, and", "Load it, and"), "torch"
    )


def _own(followed: pickles.Followed, tops: set[str]) -> Any:
    return next((each for each in followed.globals if each.module.partition(".")[0] in tops), None)


def _export(archive: zipfile.ZipFile, names: list[str], mark: str) -> Findings:
    folder = mark.rpartition("/")[0]
    path = f"{folder}/models/model.json"
    model = _json(archive, path) if path in names else {}
    version = model.get("torch_version") if isinstance(model, dict) else ""
    artifact = Artifact(TORCH_EXPORT, "torch", version if isinstance(version, str) else "")
    problem = "is a program of torch.export, which no server of this template loads."
    return Findings(artifact, problem=problem, fix=CONVERT)


def h5(path: Path, artifact: Artifact) -> Findings:
    """Return the facts in the configuration that Keras writes into HDF5 as text."""
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        start, raw = 0, b""
        while start < min(size, 100 * MEMBER_BYTES) and not raw:
            block = file.read(MEMBER_BYTES)
            at = block.find(b'{"class_name"')
            if at >= 0:
                file.seek(start + at)
                raw = file.read(MEMBER_BYTES)
            start += max(1, len(block) - 20)
            file.seek(start)
    try:
        config, _ = json.JSONDecoder().raw_decode(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return Findings(artifact)
    return keras_config(config, artifact)
