"""The facts in an MLflow model directory: its `MLmodel` file, and the model that it names."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from .findings import Findings, Tensor, unservable

KIND = "MLflow model directory"
TEXT_BYTES = 500_000
# flavor -> the keys that name its file or folder, its version, and its package
FLAVORS: Mapping[str, tuple[tuple[str, ...], str, str]] = {
    "sklearn": (("pickled_model",), "sklearn_version", "scikit-learn"),
    "xgboost": (("data",), "xgb_version", "xgboost"),
    "lightgbm": (("data",), "lgb_version", "lightgbm"),
    "catboost": (("data",), "catboost_version", "catboost"),
    "onnx": (("data",), "onnx_version", "onnx"),
    "tensorflow": (("saved_model_dir", "data"), "tensorflow_version", "tensorflow"),
    "keras": (("data",), "keras_version", "keras"),
}
TYPES = {"double": "number", "float": "number", "long": "integer", "integer": "integer", "boolean": "switch"}
TYPES |= {"string": "text"}
Look = Callable[[Path], Findings]


def of_folder(folder: Path, look: Look) -> Findings:
    """Return the facts in a directory with an MLmodel file; `look` inspects the model that it names."""
    described = _mlmodel(folder / "MLmodel")
    flavors = described.get("flavors")
    flavors = flavors if isinstance(flavors, dict) else {}
    name = next((name for name in FLAVORS if isinstance(flavors.get(name), dict)), "")
    if not name:
        listed = ", ".join(sorted(map(str, flavors))[:5]) or "none"
        fix = f"Save it with one of these flavors: {', '.join(FLAVORS)}."
        return unservable(KIND, f"has no flavor that can be served (flavors: {listed}).", fix)
    keys, version, package = FLAVORS[name]
    flavor = flavors[name]
    written = next((str(flavor[key]) for key in keys if flavor.get(key)), "")
    model = _inside(folder, name, written)
    if model is None:
        problem = f"names {written or 'no file'!r} as its model, which is not in the folder."
        return unservable(KIND, problem, "Download all files of the model directory again.")
    found = look(model)
    python = _mapping(flavors.get("python_function")).get("python_version")
    libraries = {package: str(flavor[version])} if flavor.get(version) else {}
    signature = _mapping(described.get("signature"))
    sample = _mapping(described.get("saved_input_example_info")).get("artifact_path")
    sample = sample if isinstance(sample, str) and (folder / PurePosixPath(sample).name).is_file() else ""
    stated = {"python": "MLmodel"} if python else {}
    inputs, outputs = _tensors(signature.get("inputs")), _tensors(signature.get("outputs"))
    stated |= {key: "MLmodel" for key, value in (("inputs", inputs), ("outputs", outputs)) if value}
    return replace(
        found,
        model=str(model.relative_to(folder)),
        container="MLflow",
        python=str(python or "")[:20] or found.python,
        libraries={**found.libraries, **libraries},
        inputs=inputs or found.inputs,
        outputs=outputs or found.outputs,
        sample=PurePosixPath(sample).name,
        files=("code",) if (folder / "code").is_dir() else (),
        sources={**found.sources, **stated},
    )


def _mlmodel(path: Path) -> Mapping[str, Any]:
    try:
        raw = path.read_bytes()[:TEXT_BYTES]
        return _mapping(yaml.load(raw, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except (OSError, ValueError, TypeError, yaml.YAMLError, RecursionError):
        return {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _inside(folder: Path, flavor: str, written: str) -> Path | None:
    """Return the model that a flavor names, None if it is outside the folder or does not exist."""
    name = PurePosixPath(written)
    if not written or name.is_absolute() or ".." in name.parts or "\0" in written:
        return None
    model = folder / name
    try:
        if not model.resolve().is_relative_to(folder.resolve()) or not model.exists():
            return None
    except OSError:
        return None
    if flavor in ("tensorflow", "keras") and model.is_dir() and not (model / "saved_model.pb").is_file():
        files = [
            path
            for path in sorted(model.rglob("*"))
            if re.search(r"\.(keras|h5)$|saved_model\.pb$", path.name)
        ]
        return next((path.parent if path.suffix == ".pb" else path for path in files), None)
    return model


def _tensors(written: Any) -> tuple[Tensor, ...]:
    """Return the columns of a signature, which MLflow writes as JSON in a text."""
    try:
        items = json.loads(written) if isinstance(written, str) else []
    except (ValueError, RecursionError):
        return ()
    found = []
    for item in items[:1000] if isinstance(items, list) else []:
        spec = _mapping(_mapping(item).get("tensor-spec"))
        shape = spec.get("shape")
        sizes = (
            [size if type(size) is int and size > 0 else 0 for size in shape]
            if isinstance(shape, list)
            else []
        )
        kind = str(spec.get("dtype") or _mapping(item).get("type") or "")
        name = str(_mapping(item).get("name") or "")
        found.append(Tensor(name, TYPES.get(kind, kind), tuple(sizes)))
    return tuple(found)
