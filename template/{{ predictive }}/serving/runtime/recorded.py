# Part of the library: `copier update` replaces this file.
"""`about.json` next to a model: the facts that an inspection recorded. It needs only the standard library."""

import json
from pathlib import Path
from typing import Any

from runtime import artifacts
from runtime.artifact_facts import UNKNOWN

FILE = "about.json"
ABOUT = 1  # version of the format


def difference(path: Path, largest: int | None = None) -> str:
    """Return how a model differs from the one that the file next to it describes, or "".

    A model of more than `largest` bytes is compared by its size alone. Without the file, nothing is compared.
    """
    about = facts(path.parent)
    if about.get("file") != path.name or not path.exists():
        return ""
    size = size_of(path)
    if about.get("size") != size:
        return f"it has {size} bytes, not {about.get('size')}{_versions(path, about)}"
    if largest is not None and size > largest:
        return ""
    same = about.get("sha256") == artifacts.digest(path)
    return "" if same else f"its content (sha256) is another one{_versions(path, about)}"


def stated_types(path: Path) -> dict[str, str]:
    """Return name -> type of the columns of a model, as its MLflow signature states them, {} without one."""
    about = facts(path.parent)
    sources = about.get("sources")
    is_stated = isinstance(sources, dict) and sources.get("inputs") == "MLmodel"
    if not is_stated or about.get("file") != path.name or difference(path, artifacts.LARGEST_HASHED):
        return {}
    return {str(item.get("name")): str(item.get("type")) for item in about.get("inputs", [])}


def facts(directory: Path) -> dict[str, Any]:
    """Return the facts that are recorded in a directory, {} without any or if they cannot be read."""
    try:
        found = json.loads((directory / FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files in a directory."""
    return sum(each.stat().st_size for each in artifacts.files_of(path))


def of_file(path: Path) -> dict[str, Any]:
    """Return the facts to record about a model, as far as its file states them."""
    found = artifacts.look(path)
    numpy = ".".join(map(str, found.needs_numpy))
    known: dict[str, Any] = {
        "about": ABOUT,
        "file": path.name,
        "size": size_of(path),
        "sha256": artifacts.digest(path),
        "kind": found.kind if found.kind != UNKNOWN else "",
        "class": found.root,
        "libraries": {found.library: found.version} if found.library and found.version else {},
        "numpy": f">={numpy}" if numpy else "",
    }
    return {name: value for name, value in known.items() if value}


def _versions(path: Path, about: dict[str, Any]) -> str:
    """Return the versions of the library in the facts and in the file, if both state one and they differ."""
    found, recorded = artifacts.look(path), about.get("libraries")
    before = recorded.get(found.library) if isinstance(recorded, dict) else None
    if not before or not found.version or before == found.version:
        return ""
    return f", and {found.library} {found.version} saved it, not {before}"
