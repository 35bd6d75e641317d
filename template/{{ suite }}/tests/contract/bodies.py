"""Request bodies of every content type and size, made from one row."""

from __future__ import annotations

import json
import pickle
import struct
from dataclasses import dataclass
from typing import Any

from .client import NotApplicable

JSON, JSON_LINES, CSV, NPY = "application/json", "application/jsonlines", "text/csv", "application/x-npy"


@dataclass(frozen=True)
class Bodies:
    """A row (nested lists) and its shape, in which None is a length that may be any."""

    row: Any
    shape: tuple[int | None, ...]

    @property
    def text(self) -> str:
        """Return the row as JSON."""
        return json.dumps(self.row, separators=(",", ":"))

    def bare(self, rows: int = 1) -> bytes:
        """Return a JSON list of rows."""
        return f"[{','.join([self.text] * rows)}]".encode()

    def json(self, rows: int = 1) -> bytes:
        """Return a JSON object whose "instances" are rows."""
        return b'{"instances": %s}' % self.bare(rows)

    def lines(self, rows: int = 1) -> bytes:
        """Return one JSON row a line."""
        return f"{self.text}\n".encode() * rows

    def csv(self, rows: int = 1, end: str = "\n") -> bytes:
        """Return one row of comma-separated values a line."""
        if len(self.shape) != 1:
            raise NotApplicable(f"CSV rows are flat, this model's have shape {list(self.shape)}")
        return f"{self.text[1:-1]}{end}".encode() * rows

    def npy(self, rows: int = 1) -> bytes:
        """Return a float64 array as numpy.save writes it."""
        values = flat(self.row)
        if not all(isinstance(value, (int, float)) for value in values):
            raise NotApplicable("the row holds text, an array holds numbers")
        return self.npy_header("<f8", rows) + struct.pack(f"<{len(values)}d", *values) * rows

    def pickled(self) -> bytes:
        """Return a .npy file of Python objects, which runs code when it is loaded."""
        return self.npy_header("|O", 1) + pickle.dumps(self.row)

    def npy_header(self, dtype: str, rows: int) -> bytes:
        """Return what stands before the data in a .npy file."""
        header = (
            f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {(rows, *sizes(self.row))}, }}".encode()
        )
        header += b" " * (-(len(header) + 11) % 64) + b"\n"
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header

    def rows_in(self, megabytes: int) -> int:
        """Return how many rows make a JSON body of this size."""
        return max(1, megabytes * 1_000_000 // (len(self.text) + 1))

    def npy_rows_in(self, megabytes: int) -> int:
        """Return how many rows make a .npy body of this size."""
        return max(1, megabytes * 1_000_000 // (8 * len(flat(self.row))))

    def ragged(self) -> bytes:
        """Return a JSON list of two rows, one longer than the other."""
        return json.dumps([self.row, [*self.row, *self.row[:1]]]).encode()

    def with_first(self, value: Any) -> Bodies:
        """Return bodies whose row starts with `value`."""
        return Bodies(with_first(self.row, value), self.shape)

    def too_long(self) -> Bodies:
        """Return bodies whose row has one value too many."""
        fixed = [axis for axis, size in enumerate(self.shape) if size is not None]
        if not fixed:
            raise NotApplicable("the model takes rows of any length")
        return of_shape(tuple((size or 1) + (axis == fixed[-1]) for axis, size in enumerate(self.shape)))


def of_shape(shape: tuple[int | None, ...]) -> Bodies:
    """Return bodies for a model whose rows have this shape, filled with 0.5."""
    row: Any = 0.5
    for size in reversed(shape):
        row = [row] * (size or 1)
    return Bodies(row, shape)


def sizes(row: Any) -> tuple[int, ...]:
    """Return the shape of nested lists."""
    return (len(row), *sizes(row[0])) if isinstance(row, list) and row else ()


def flat(row: Any) -> list[Any]:
    """Return all values of nested lists, in order."""
    return [value for part in row for value in flat(part)] if isinstance(row, list) else [row]


def with_first(row: Any, value: Any) -> Any:
    """Return nested lists with the first value replaced."""
    return [with_first(row[0], value), *row[1:]] if isinstance(row, list) else value
