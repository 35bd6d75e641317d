"""The facts in files of forests: XGBoost's JSON and UBJSON, LightGBM's text, and CatBoost's own format."""

import json
import mmap
import re
from pathlib import Path

from ..artifacts.artifact_facts import Artifact
from ..artifacts.streams import HEAD_BYTES
from .findings import CATBOOST, LIGHTGBM_TEXT, Findings, Tensor

SHOWN = 1_000  # names that are kept
WIDEST = 4_000_000  # bytes of the names in a file
LENGTH = rb"L\0{4}...."  # of a text in UBJSON, as XGBoost writes it
NAMES = re.compile(rb'"feature_names"\s*:\s*(\[[^\]]{0,%d}\])' % WIDEST)
TYPES = re.compile(rb'"feature_types"\s*:\s*(\[[^\]]{0,%d}\])' % WIDEST)
OBJECTIVE = re.compile(rb"(?:reg|binary|multi|rank|count|survival):[a-z0-9_]{2,30}")
NUMBERS = {
    name: re.compile(rb'%s"?(?:\s*:\s*"|S%s)(\d{1,8})' % (name, LENGTH), re.DOTALL)
    for name in (b"num_feature", b"num_class", b"num_target")
}
CATBOOST_VERSION = re.compile(rb"(?:tags/v|Boost release )(\d{1,2}\.\d{1,3}(?:\.\d{1,3})?)")


def xgboost(path: Path, artifact: Artifact) -> Findings:
    """Return the facts in a file that XGBoost wrote as JSON or UBJSON."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        head, tail = data[:HEAD_BYTES], data[-HEAD_BYTES:]
        if b"feature_names" in head and not TYPES.search(head):
            head = data[:WIDEST]  # a very wide model
    names = _texts(head, NAMES, b"feature_names")
    kinds = _texts(head, TYPES, b"feature_types")
    kinds += [""] * (len(names) - len(kinds))
    known = {"c": "category", "float": "number", "int": "integer", "i": "switch", "q": "number"}
    inputs = [Tensor(name, known.get(kind, "")) for name, kind in zip(names, kinds, strict=False)]
    count = _number(b"num_feature", tail) or _number(b"num_feature", head)
    objective = OBJECTIVE.search(tail)
    classes = _number(b"num_class", tail)
    return Findings(
        artifact,
        inputs=tuple(inputs[:SHOWN]),
        input_count=count,
        objective=objective[0].decode() if objective else "",
        classes=tuple(str(number) for number in range(min(classes, SHOWN))) if classes > 1 else (),
    )


def lightgbm(path: Path) -> Findings:
    """Return the facts in LightGBM's text. It states the version of the format, not of the library."""
    with path.open("rb") as file:
        head = file.read(WIDEST)
        size = file.seek(0, 2)
        file.seek(max(0, size - HEAD_BYTES))
        tail = file.read()
    fields = {}
    for line in head.partition(b"\n\n")[0].split(b"\n", SHOWN)[:SHOWN]:
        key, _, value = line.partition(b"=")
        fields[key] = value.decode("utf-8", "replace")
    names = fields.get(b"feature_names", "").split(maxsplit=SHOWN)[:SHOWN]
    ranges = fields.get(b"feature_infos", "").split(maxsplit=SHOWN)[:SHOWN]
    categories = iter(_categories(tail))
    inputs = []
    for name, kind in zip(names, [*ranges, *[""] * (len(names) - len(ranges))], strict=False):
        is_category = bool(kind) and kind[0] not in "[n"
        values = next(categories, ()) if is_category else ()
        inputs.append(Tensor(name, "category" if is_category else "number", values=values))
    count, classes = fields.get(b"max_feature_idx", ""), fields.get(b"num_class", "")
    is_generated = all(re.fullmatch(r"Column_\d+", name) for name in names)
    return Findings(
        Artifact(LIGHTGBM_TEXT, "lightgbm"),
        inputs=() if is_generated else tuple(inputs[:SHOWN]),
        input_count=int(count) + 1 if re.fullmatch(r"\d{1,8}", count) else 0,
        objective=fields.get(b"objective", ""),
        classes=_classes(int(classes)) if re.fullmatch(r"\d{1,4}", classes) else (),
    )


def catboost(path: Path) -> Findings:
    """Return the facts in CatBoost's own format."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(b"catboost_version_info")
        nearby = data[max(0, at - 4096) : at + 4096] if at >= 0 else b""
        at = data.find(b'"loss_function"')
        loss = re.search(rb'"type"\s*:\s*"(\w{1,40})"', data[at : at + 300]) if at >= 0 else None
        at = data.find(b"class_names")
        found = re.search(rb"\[[^\]]{1,4000}\]", data[at : at + 4096]) if at >= 0 else None
    version = CATBOOST_VERSION.search(nearby)
    return Findings(
        Artifact(CATBOOST, "catboost", version[1].decode() if version else ""),
        objective=loss[1].decode() if loss else "",
        classes=tuple(_strings(found[0])) if found else (),
    )


def _classes(count: int) -> tuple[str, ...]:
    return tuple(str(number) for number in range(count)) if count > 1 else ()


def _number(name: bytes, data: bytes) -> int:
    found = NUMBERS[name].findall(data)
    return int(found[-1]) if found else 0


def _texts(data: bytes, pattern: "re.Pattern[bytes]", name: bytes) -> list[str]:
    if found := pattern.search(data):
        return _strings(found[1])
    return _ubjson(data, data.find(name + b"["))


def _ubjson(data: bytes, at: int) -> list[str]:
    """Return the texts of an array in UBJSON: each has its length in front of it."""
    start = data.find(b"[", at) + 1 if at >= 0 else 0
    if not start or data[start : start + 2] != b"#L":
        return []
    place, found = start + 10, []
    for _ in range(min(int.from_bytes(data[start + 2 : start + 10], "big"), SHOWN)):
        length = int.from_bytes(data[place + 2 : place + 10], "big")
        if data[place : place + 2] != b"SL" or length > HEAD_BYTES:
            break
        found.append(data[place + 10 : place + 10 + length].decode("utf-8", "replace"))
        place += 10 + length
    return found


def _strings(raw: bytes) -> list[str]:
    try:
        items = json.loads(raw)
    except (ValueError, RecursionError):
        return []
    return [str(item) for item in items[:SHOWN]] if isinstance(items, list) else []


def _categories(tail: bytes) -> list[tuple[str, ...]]:
    found = re.search(rb"^pandas_categorical:(\[.*\])\s*$", tail, re.MULTILINE)
    try:
        lists = json.loads(found[1]) if found else []
    except (ValueError, RecursionError):
        return []
    return [tuple(map(str, each[:SHOWN])) for each in lists if isinstance(each, list)]
