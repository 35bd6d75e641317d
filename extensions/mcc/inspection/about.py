"""Writes `model/about.json` into a new project: the facts that were read in its model's file."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..artifacts import artifacts
from .findings import Findings, Tensor

FILE = "about.json"
ABOUT = 1  # version of the format
LONGEST = 200  # characters of a name


def facts(found: Findings) -> dict[str, Any]:
    """Return the facts as JSON has them, without those that are empty."""
    artifact = found.artifact
    numpy = ".".join(map(str, artifact.needs_numpy))
    versions = {artifact.library: artifact.version} if artifact.library and artifact.version else {}
    known: Mapping[str, Any] = {
        "kind": artifact.kind,
        "container": found.container,
        "class": artifact.root,
        "libraries": {**versions, **found.libraries},
        "numpy": f">={numpy}" if numpy else "",
        "python": found.python,
        "inputs": [_tensor(each) for each in found.inputs],
        "input_count": found.input_count or len(found.inputs),
        "outputs": [_tensor(each) for each in found.outputs],
        "classes": _short(found.classes),
        "objective": found.objective,
        "custom": _short(found.custom),
        "packages": list(found.packages),
        "handler": list(found.handler),
        "sample": found.sample,
        "files": _short(found.files),
        "sources": dict(sorted(found.sources.items())),
    }
    return {name: value for name, value in known.items() if value}


def write(found: Findings, model: Path, model_format: str) -> Path:
    """Write the facts about a project's model next to it, and return the file."""
    size = sum(path.stat().st_size for path in _files(model))
    origin = {"copied_from": found.model} if found.model else {}
    about = {
        "about": ABOUT,
        "file": model.name,
        "format": model_format,
        "size": size,
        "sha256": artifacts.digest(model),
        **origin,
        **facts(found),
    }
    target = model.parent / FILE
    target.write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return target


def _files(model: Path) -> list[Path]:
    return [path for path in model.rglob("*") if path.is_file()] if model.is_dir() else [model]


def _short(names: Iterable[str]) -> list[str]:
    return [name[:LONGEST] for name in names]


def _tensor(tensor: Tensor) -> dict[str, Any]:
    known = {
        "name": tensor.name[:LONGEST],
        "type": tensor.type,
        "shape": list(tensor.shape),
        "values": _short(tensor.values),
    }
    return {name: value for name, value in known.items() if value}
