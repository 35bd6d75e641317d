# Part of the library: `copier update` replaces this file.
"""Requests in every format from a row, and the predictions in replies."""

import contextlib
import csv
import io
import json
import math
import re
import struct
from pathlib import Path
from typing import Any, NamedTuple

from .client import JSON, NONE, Failed, Headers, NotApplicable, Reply, Request, post

JSON_LINES, CSV, NPY = "application/jsonlines", "text/csv", "application/x-npy"
UNUSUAL_TYPES = ("image/png", "text/plain", "application/x-none")
ANY_NUMBER = 1_000_000_000
VALUE = re.compile(r"[^][,\s]+")


class Row(NamedTuple):
    """A row as JSON, its shape (None: any length), and the maximum number of rows in a request."""

    text: str
    shape: tuple[int | None, ...]
    most: int = ANY_NUMBER
    is_table: bool = False  # its values can be text
    own_types: tuple[str, ...] = ()  # content types that the model handler adds

    def unknown_types(self) -> list[str]:
        """Return content types that the server does not read. Raise NotApplicable if it reads all."""
        if "*/*" in self.own_types:
            raise NotApplicable("decode() of the model handler reads all content types")
        return [name for name in UNUSUAL_TYPES if name not in self.own_types]

    def bare(self, rows: int = 1) -> Request:
        return post(f"[{','.join([self.text] * rows)}]".encode(), JSON, rows)

    def json(self, rows: int = 1, content_type: str = JSON, headers: Headers = NONE) -> Request:
        return post(b'{"instances": %s}' % self.bare(rows).body, content_type, rows, headers)

    def lines(self, rows: int = 1) -> Request:
        return post(f"{self.text}\n".encode() * rows, JSON_LINES, rows)

    def csv(self, rows: int = 1, end: str = "\n") -> Request:
        if len(self.shape) != 1:
            raise NotApplicable(f"CSV rows are flat; rows of this model have shape {list(self.shape)}")
        text = f"{self.text[1:-1]}{end}"
        if self.is_table:
            line = io.StringIO()
            csv.writer(line, lineterminator=end).writerow(json.loads(self.text))
            text = line.getvalue()
        return post(text.encode() * rows, CSV, rows)

    def npy(self, rows: int = 1, pickled: bytes = b"") -> Request:
        """Return a request with an .npy file of float64 values or of pickled objects."""
        try:
            values = [] if pickled else [float(value) for value in VALUE.findall(self.text)]
        except ValueError:
            raise NotApplicable("the row has text, but an array has only numbers") from None
        dtype, shape = "|O" if pickled else "<f8", (rows, *(size or 1 for size in self.shape))
        header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
        header += b" " * (-(len(header) + 11) % 64) + b"\n"
        start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
        return post(start + (pickled or struct.pack(f"<{len(values)}d", *values) * rows), NPY, rows)

    def every_way(self) -> list[Request]:
        requests = [self.json(), self.lines()]
        for make in (self.csv, self.npy):
            with contextlib.suppress(NotApplicable):
                requests.append(make())
        return requests

    def rows_in(self, megabytes: int, value_bytes: int = 0) -> int:
        row_bytes = value_bytes * len(VALUE.findall(self.text)) or len(self.text) + 1
        return max(1, min(self.most, megabytes * 1_000_000 // row_bytes))

    def with_first(self, value: Any) -> "Row":
        """Return the row with another value in place of its first number."""
        if not self.is_table:
            return self._replace(text=VALUE.sub(json.dumps(value), self.text, count=1))
        values = json.loads(self.text)
        numbers = [at for at, each in enumerate(values) if type(each) in (int, float)]
        if not numbers:
            raise NotApplicable("the model has no column of numbers")
        values[numbers[0]] = value
        return self._replace(text=json.dumps(values, separators=(",", ":")))

    def longer(self) -> "Row":
        if self.shape[0] is None:
            raise NotApplicable("the model accepts rows of any length")
        return of_shape([self.shape[0] + 1, *self.shape[1:]])


def of_shape(shape: list[int | None], most: int = ANY_NUMBER) -> Row:
    """Return a row of this shape, filled with 0.5."""
    text = "0.5"
    for size in reversed(shape):
        text = f"[{','.join([text] * (size or 1))}]"
    return Row(text, tuple(shape), most)


def of_values(values: list[Any], most: int) -> Row:
    """Return a row of these values."""
    return Row(json.dumps(values, separators=(",", ":")), (len(values),), most)


def of_table(example: dict[str, Any], most: int) -> Row:
    """Return a row of a model with named columns."""
    return Row(json.dumps([*example.values()], separators=(",", ":")), (len(example),), most, is_table=True)


def chosen(about: dict[str, Any], given: Any, recorded: Any) -> Row:
    """Return the row to send: the one given, the recorded one if it fits, or one that /ping describes.

    Raise ValueError if there is none.
    """
    most, shape = int(about.get("max_rows", ANY_NUMBER)), about.get("row_shape")
    if isinstance(given, list) and given and not isinstance(given[0], list):
        return of_values(given, most)
    if given is None and about.get("example"):
        return of_table(fitting(recorded, about["example"]), most)
    if given is None and are_numbers(recorded, shape or [None]):
        return of_values(recorded, most)
    if given is None and shape:
        return of_shape(shape, most)
    raise ValueError("/ping does not return the shape of a row; example: --row '[0.5, 1.5]'")


def of_examples(directory: Path) -> Any:
    """Return the first row in a model's examples.json, None without one."""
    try:
        content = json.loads((directory / "examples.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if isinstance(content, dict):
        content = content.get("examples", [{"request": content}])
    entries = [entry for entry in content if isinstance(entry, dict)] if isinstance(content, list) else []
    requests = [entry["request"] for entry in entries if isinstance(entry.get("request"), dict)]
    found = [request.get("instances") for request in requests]
    return next((rows[0] for rows in found if isinstance(rows, list) and rows), None)


def fitting(row: Any, example: dict[str, Any]) -> dict[str, Any]:
    """Return a row by name, or `example` if it does not have the same columns."""
    if isinstance(row, list) and len(row) == len(example):
        return dict(zip(example, row, strict=True))
    if isinstance(row, dict) and example.keys() <= row.keys():
        return {name: row[name] for name in example}
    return example


def are_numbers(row: Any, shape: list[int | None]) -> bool:
    """Return True for a list of numbers of this shape."""
    if not isinstance(row, list) or not row or shape not in ([len(row)], [None]):
        return False
    return all(type(value) in (int, float) for value in row)


def predictions(reply: Reply) -> list[Any]:
    """Return the predictions in a reply. Raise Failed if there are none."""
    answer = reply.json() if reply.status == 200 else None
    found = answer.get("predictions") if isinstance(answer, dict) else None
    if not isinstance(found, list) or not found:
        raise Failed(f"status {reply.status}, no predictions: {reply.body[:120]!r}")
    return found


def same(one: Any, other: Any) -> bool:
    """Return True if two predictions are equal, except for rounding, which depends on the batch size."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-6)
    return bool(one == other) and one is not None
