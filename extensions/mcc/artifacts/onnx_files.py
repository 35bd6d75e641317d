"""ONNX files, read without the model's libraries: versions, and the files that hold their weights.

Only the standard library is used, and nothing of a model runs: the template reads a model with it before the
copy, and a project of Triton's ONNX Runtime backend before a build and when its server starts.
"""

import mmap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

# The fields of ONNX's protobuf messages that lead to tensors, by message: field number -> message inside.
GRAPH = "graph"
NESTED: dict[str, dict[int, str]] = {
    "model": {7: GRAPH, 20: "training", 25: "function"},
    "training": {1: GRAPH, 2: GRAPH},
    "function": {7: "node"},
    GRAPH: {1: "node", 5: "tensor", 15: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: GRAPH, 10: "tensor", 11: GRAPH, 22: "sparse", 23: "sparse"},
}
SECONDS = 3.0  # for one file
MAX_DEPTH = 200  # of messages in messages; graphs in graphs are for `If` and `Loop`
# Bits of an element by ONNX's number of its type; texts cannot be in another file.
BITS = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64}
BITS |= {15: 128, 16: 16, 17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8}


class Mapped(mmap.mmap):
    """A file of messages, which is read until its time is up."""

    deadline = float("inf")


@dataclass(frozen=True)
class Runtime:
    """An ONNX Runtime, the newest versions that it reads, and how to get a newer one."""

    name: str
    opset: int
    ir: int
    newer: str = "Use a newer release of Triton (base_image)"


@dataclass(frozen=True)
class External:
    """Bytes that a tensor has in another file: its `location` as written, and the size that it must have."""

    location: str
    size: int


@dataclass(frozen=True)
class OnnxFile:
    """Facts that an ONNX file states."""

    ir: int
    opset: int
    external: tuple[External, ...]


def read(model: Path) -> OnnxFile:
    """Return the facts of an ONNX file. Raises OSError, or ValueError for a file that is not whole."""
    with model.open("rb") as file:
        if not model.stat().st_size:
            raise ValueError("it is empty")
        with mapped(file) as data:
            versions = {1: 0, 8: 0}
            for number, value, start, end in fields(data, 0, len(data)):
                if number == 1 and value is not None:
                    versions[1] = value
                elif number == 8 and value is None:
                    versions[8] = max(versions[8], _opset(data, start, end))
            return OnnxFile(versions[1], versions[8], tuple(_external(data, "model", 0, len(data), 0)))


def mapped(file: BinaryIO) -> Mapped:
    """Return a file, which is not empty, to be read within a limit of time."""
    data = Mapped(file.fileno(), 0, access=mmap.ACCESS_READ)
    data.deadline = time.monotonic() + SECONDS
    return data


def weight_files(model: Path) -> list[Path]:
    """Return the external weight files of a model, relative to its folder, each once.

    Raise OSError, or ValueError if a file is missing, too short, or outside the folder of the model.
    """
    return _checked(model, read(model))


def problem(model: Path, runtime: Runtime | None) -> str:
    """Return why a model cannot be served by a runtime, or '': cut off, incomplete or too new.

    Without a runtime, as of an image that the catalog does not have, versions are not compared.
    """
    try:
        found = read(model)
        _checked(model, found)
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    except ValueError as error:
        return str(error)
    if runtime is None:
        return ""
    for what, seen, newest in (("opset", found.opset, runtime.opset), ("IR version", found.ir, runtime.ir)):
        if seen > newest:
            lower = f"opset {min(found.opset, runtime.opset)} and IR version {runtime.ir}"
            return (
                f"it has {what} {seen}, {runtime.name} reads up to {newest}. "
                f"{runtime.newer}, or export it with {lower}"
            )
    return ""


def _checked(model: Path, found: OnnxFile) -> list[Path]:
    sizes: dict[str, int] = {}
    for tensor in found.external:
        sizes[tensor.location] = max(tensor.size, sizes.get(tensor.location, 0))
    return [_inside(model, location, size) for location, size in sizes.items()]


def _inside(model: Path, location: str, size: int) -> Path:
    """Return the path of an external file after checking it. Raises ValueError."""
    path, folder = PurePosixPath(location), model.parent
    shown = repr(location[:100])
    if not location or path.is_absolute() or ".." in path.parts or "\0" in location:
        raise ValueError(
            f"its weights are in {shown}, outside the model's folder: save it again with "
            "the name of a file alone as location"
        )
    file = folder / path
    if not file.is_file():
        raise ValueError(f"its weights are in {shown}, which is not in {folder}: copy that file there, too")
    if not file.resolve().is_relative_to(folder.resolve()):
        raise ValueError(
            f"its weights are in {shown}, a link to {file.resolve()} outside the model's "
            "folder: copy the file itself there (cp -L)"
        )
    if file.samefile(model):
        raise ValueError(f"its weights refer to {shown}, which is the model itself")
    if (there := file.stat().st_size) < size:
        raise ValueError(f"its weights are in {shown}, which is cut off: {there} bytes of {size}")
    return Path(path)


def _external(data: Mapped, kind: str, start: int, end: int, depth: int) -> Iterator[External]:
    if depth > MAX_DEPTH:
        raise ValueError("its graphs are nested too deeply to be read")
    if kind == "tensor":
        yield from _tensor(data, start, end)
        return
    inside = NESTED[kind]
    for number, value, first, last in fields(data, start, end):
        if number in inside and value is None:
            yield from _external(data, inside[number], first, last, depth + 1)


def _tensor(data: Mapped, start: int, end: int) -> Iterator[External]:
    entries: dict[str, str] = {}
    elements, bits, elsewhere = 1, 0, False
    for number, value, first, last in fields(data, start, end):
        if number == 1 and value is None:  # dims, packed
            while first < last:
                size, first = _varint(data, first, last)
                elements *= size
        elif number == 1 and value is not None:
            elements *= value
        elif number == 2 and value is not None:
            bits = BITS.get(value, 0)
        elif number == 14:
            elsewhere = value == 1
        elif number == 13:
            pair = {name: data[begin:stop] for name, _, begin, stop in fields(data, first, last)}
            entries[text(pair.get(1, b""))] = text(pair.get(2, b""))
    if elsewhere:
        length = _number(entries, "length") if "length" in entries else -(-elements * bits // 8)
        yield External(entries.get("location", ""), _number(entries, "offset") + length)


def _number(entries: dict[str, str], key: str) -> int:
    text = entries.get(key, "0")
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ValueError(f"the {key} of its weights is {text[:40]!r}, not a number")
    return int(text)


def text(raw: bytes) -> str:
    """Return a text in a message. Raises ValueError."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise ValueError("a name of a file with its weights is not a text") from None


def _opset(data: Mapped, start: int, end: int) -> int:
    """Return the version of an opset import when it is ONNX's own, else 0."""
    version, domain = 0, ""
    for number, value, first, last in fields(data, start, end):
        if number == 1 and value is None:
            domain = text(data[first:last])
        elif number == 2 and value is not None:
            version = value
    return version if domain in ("", "ai.onnx") else 0


def fields(data: Mapped, start: int, end: int) -> Iterator[tuple[int, int | None, int, int]]:
    """Yield number, value (of a number), start and end (of anything else) of each field of a message."""
    while start < end:
        if time.monotonic() > data.deadline:
            raise ValueError(f"it has more parts than can be read in {SECONDS:g} s")
        key, start = _varint(data, start, end)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, start = _varint(data, start, end)
            yield number, value, start, start
            continue
        if wire == 2:
            length, start = _varint(data, start, end)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError("it is not an ONNX file, or it is damaged")
        if start + length > end:
            raise ValueError(
                "it is cut off, or it is not an ONNX file: a part of it runs past its end. "
                "Copy the file again, and compare its size"
            )
        yield number, None, start, start + length
        start += length


def _varint(data: Mapped, start: int, end: int) -> tuple[int, int]:
    """Return a number of protobuf's, and where it ends."""
    value = 0
    for place in range(start, min(start + 10, end)):
        value |= (data[place] & 127) << 7 * (place - start)
        if data[place] < 128:
            return value, place + 1
    raise ValueError("it is cut off, or it is not an ONNX file: a number in it does not end")
