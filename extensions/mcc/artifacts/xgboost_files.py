"""Files that XGBoost writes as JSON or UBJSON: the version that wrote them, and the kind of model.

Only the standard library is used, and nothing of a model runs.
"""

import mmap
import re
from dataclasses import dataclass
from pathlib import Path

JSON, UBJSON = "json", "ubj"
HEAD_BYTES = 65_536  # at each end of a file; XGBoost sorts keys, so the version comes last
STARTS = {JSON: re.compile(rb'\s*\{\s*"(?:learner|version|Config|Model)"'), UBJSON: re.compile(rb"\{L\0{7}")}
# In UBJSON, the version is an array of three integers of 8 bits.
VERSIONS = {
    UBJSON: re.compile(rb"L\0{7}\x07version\[#L\0{7}\x03[iU](.)[iU](.)[iU](.)", re.DOTALL),
    JSON: re.compile(rb'"version"\s*:\s*\[\s*(\d{1,4})\s*,\s*(\d{1,4})\s*,\s*(\d{1,4})\s*\]'),
}
ENDS = {JSON: re.compile(rb"\s*\}\s*"), UBJSON: re.compile(rb"\}")}
LEAF_SIZE = re.compile(rb'"?(?:\s*:\s*"|SL\0{7}.)(\d+)', re.DOTALL)
# DART scales each tree by a weight, whose place changed in XGBoost 3.3 and again in 3.4.
WEIGHTS_OF_DART = {JSON: b'"weight_drop"', UBJSON: b"weight_drop"}


@dataclass(frozen=True)
class XGBoostFile:
    """Facts in a file; `version` is empty where it states none.

    `is_complete` is true when the file ends with its version, as XGBoost writes it. `is_multi_output` is for
    trees with several numbers a leaf, `is_gamma` for reg:gamma.
    """

    version: str
    is_complete: bool
    is_multi_output: bool
    is_gamma: bool


def kind_of(head: bytes) -> str:
    """Return the format of a file that starts like this: json, ubj, or '' when it is not of XGBoost."""
    return next((kind for kind, start in STARTS.items() if start.match(head)), "")


def read(path: Path) -> XGBoostFile:
    """Return the facts in a file. Raise OSError, or ValueError for an empty file."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            raise ValueError("it is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            head, tail = data[:HEAD_BYTES], data[-HEAD_BYTES:]
            at = data.find(b"size_leaf_vector")
            leaf = LEAF_SIZE.match(data[at + 16 : at + 64]) if at >= 0 else None
    return XGBoostFile(
        version=version_in(tail, last=True) or version_in(head),
        is_complete=_is_complete(tail),
        is_multi_output=leaf is not None and int(leaf[1]) > 1,
        is_gamma=b"reg:gamma" in tail,
    )


def is_dart(path: Path, kind: str) -> bool:
    """Return whether a file of this kind, which is not empty, holds a DART model."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return data.find(WEIGHTS_OF_DART[kind]) >= 0


def version_in(data: bytes, last: bool = False) -> str:
    """Return the first version in a part of a file, or the last one, '' when there is none."""
    for kind, pattern in VERSIONS.items():
        if found := pattern.findall(data):
            parts: tuple[bytes, ...] = found[-1 if last else 0]
            return ".".join(str(part[0]) if kind == UBJSON else part.decode() for part in parts)
    return ""


def _is_complete(tail: bytes) -> bool:
    for kind, pattern in VERSIONS.items():
        for found in pattern.finditer(tail):
            if ENDS[kind].fullmatch(tail, found.end()):
                return True
    return False
