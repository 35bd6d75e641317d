"""Files of forests, read without the libraries that wrote them: which XGBoost, LightGBM or Treelite it was.

Only the standard library is used: the template reads a model with it before the copy, and a project of the
FIL backend before a build and when its server starts.
"""

import json
import mmap
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

Version = tuple[int, ...]
# XGBoost writes its version last, as JSON or as UBJSON: an array of length 3 of integers of 8 bits.
VERSION_IN_JSON = re.compile(rb'"version"\s*:\s*\[\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\]\s*\}\s*\Z')
VERSION_IN_UBJ = re.compile(rb"L\0{7}\x07version\[#L\0{7}\x03[iU](.)[iU](.)[iU](.)\}\Z", re.DOTALL)
# DART scales each tree by a weight, which stands in another place in XGBoost 3.3 and again in 3.4.
WEIGHTS_OF_DART = {"json": b'"weight_drop"', "ubj": b"weight_drop"}
NEWEST_LIGHTGBM = 4  # version of its text format


@dataclass(frozen=True)
class Runtime:
    """The Treelite by which the FIL of an image reads models, and the newest XGBoost that it reads.

    `dart` is the newest whose DART models it reads right.
    """

    name: str
    xgboost: str
    dart: str


@dataclass(frozen=True)
class XGBoostFile:
    """What an XGBoost file states of itself."""

    version: Version
    dart: bool


def read_xgboost(model: Path, kind: str) -> XGBoostFile:
    """Return the facts of an XGBoost file, `kind` json or ubj. Raises OSError or ValueError."""
    with model.open("rb") as file:
        if not model.stat().st_size:
            raise ValueError("it is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            dart = data.find(WEIGHTS_OF_DART[kind]) >= 0
            tail = data[-4096:]
    if kind == "ubj":
        if found := VERSION_IN_UBJ.search(tail):
            return XGBoostFile(tuple(part[0] for part in found.groups()), dart)
        raise ValueError(
            "it does not end with the version of XGBoost that wrote it: it is cut off or no UBJSON"
        )
    if found := VERSION_IN_JSON.search(tail):
        return XGBoostFile(tuple(int(part) for part in found.groups()), dart)
    return XGBoostFile(_version_anywhere(model), dart)  # written again by another program, in another order


def problem(model: Path, kind: str, runtime: Runtime | None) -> str:
    """Return why FIL cannot serve a model of `kind` (json, ubj, txt, tl), or ''.

    Without a runtime, as of an image that the catalog does not have, versions of XGBoost are not compared.
    """
    try:
        if kind in WEIGHTS_OF_DART:
            return _xgboost_problem(read_xgboost(model, kind), runtime)
        return _lightgbm_problem(model) if kind == "txt" else _treelite_problem(model)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    except ValueError as error:
        return str(error)


def _xgboost_problem(found: XGBoostFile, runtime: Runtime | None) -> str:
    if runtime is None:
        return ""
    what, newest = ("a DART model", runtime.dart) if found.dart else ("a model", runtime.xgboost)
    if found.version[:2] <= tuple(int(part) for part in newest.split(".")):
        return ""
    return (
        f"it is {what} of XGBoost {'.'.join(map(str, found.version))}, {runtime.name} reads up to {newest}. "
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
