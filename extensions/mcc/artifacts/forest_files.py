"""Files of forests, read without the libraries that wrote them: which XGBoost, LightGBM or Treelite it was.

Only the standard library is used: the template reads a model with it before the copy, and a project of the
FIL backend before a build and when its server starts.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import xgboost_files

Version = tuple[int, ...]
NEWEST_LIGHTGBM = 4  # version of its text format


@dataclass(frozen=True)
class Runtime:
    """The Treelite by which the FIL of an image reads models, and the newest XGBoost that it reads.

    `dart` is the newest whose DART models it reads right.
    """

    name: str
    xgboost: str
    dart: str


def problem(model: Path, kind: str, runtime: Runtime | None) -> str:
    """Return why FIL cannot serve a model of `kind` (json, ubj, txt, tl), or ''.

    Without a runtime, as of an image that the catalog does not have, versions of XGBoost are not compared.
    """
    try:
        if kind in (xgboost_files.JSON, xgboost_files.UBJSON):
            return _xgboost_problem(xgboost_version(model, kind), xgboost_files.is_dart(model, kind), runtime)
        return _lightgbm_problem(model) if kind == "txt" else _treelite_problem(model)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    except ValueError as error:
        return str(error)


def xgboost_version(model: Path, kind: str) -> Version:
    """Return the XGBoost that wrote a file. Raises OSError, or ValueError for a file that is not complete."""
    found = xgboost_files.read(model)
    if found.is_complete:
        return tuple(int(part) for part in found.version.split("."))
    if kind == xgboost_files.UBJSON:
        raise ValueError(
            "it does not end with the version of XGBoost that wrote it: it is cut off or no UBJSON"
        )
    return _version_anywhere(model)  # written again by another program, in another order


def _xgboost_problem(version: Version, dart: bool, runtime: Runtime | None) -> str:
    if runtime is None:
        return ""
    what, newest = ("a DART model", runtime.dart) if dart else ("a model", runtime.xgboost)
    if version[:2] <= tuple(int(part) for part in newest.split(".")):
        return ""
    return (
        f"it is {what} of XGBoost {'.'.join(map(str, version))}, {runtime.name} reads up to {newest}. "
        f"Use a newer release of Triton (base_image), or train with XGBoost {newest}"
    )


def _lightgbm_problem(model: Path) -> str:
    linear = ended = False
    with model.open("rb") as file:
        for line in file:
            version = re.fullmatch(rb"version=v(\d+)\s*", line)
            if version and int(version[1]) > NEWEST_LIGHTGBM:
                return f"it is LightGBM's text format v{int(version[1])}, FIL reads up to v{NEWEST_LIGHTGBM}"
            linear = linear or line.startswith(b"is_linear=1")
            ended = ended or line.startswith(b"end of trees")
    if not ended:
        return "it is cut off: it has no line 'end of trees'"
    if linear:
        return "it has linear trees (linear_tree), whose leaves FIL reads as constants: train without them"
    return ""


def _treelite_problem(model: Path) -> str:
    with model.open("rb") as file:
        head = file.read(12)
    if len(head) < 12:
        return "it is cut off, or it is no Treelite checkpoint"
    major, minor, patch = (int.from_bytes(head[place : place + 4], "little") for place in (0, 4, 8))
    if major == 4 or (major, minor) == (3, 9):
        return ""
    if major > 99 or minor > 99:
        return "it is no Treelite checkpoint"
    return (
        f"it is a checkpoint of Treelite {major}.{minor}.{patch}, FIL reads those of 3.9 and 4: save it again"
    )


def _version_anywhere(model: Path) -> Version:
    """Return the version in a JSON file that ends with something else. Raises OSError or ValueError."""
    try:
        found = json.loads(model.read_bytes())
    except ValueError:
        raise ValueError("it is no JSON, or it is cut off") from None
    version = found.get("version") if isinstance(found, Mapping) else None
    if isinstance(version, list) and len(version) == 3 and all(type(part) is int for part in version):
        return tuple(version)
    raise ValueError("it does not state the version of XGBoost that wrote it: save it with save_model()")
