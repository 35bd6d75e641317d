# Part of the library: `copier update` replaces this file.
"""Read rows of numbers from CSV."""

import contextlib
import csv
import io
from collections.abc import Iterator

import numpy as np
from runtime.row_errors import SAME_LENGTH, RequestError

PIECE_BYTES = 512 * 1024  # as in codec.py


def text_of(body: bytes) -> str:
    """Return the text of a CSV body, without a byte order mark."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RequestError(400, "The CSV body is not UTF-8 text.") from None


def read(body: bytes) -> np.ndarray:
    """Return the rows of a CSV body of numbers. Raise RequestError."""
    return numbers(text_of(body))


def numbers(text: str) -> np.ndarray:
    """Return the rows of a CSV text of numbers. Raise RequestError."""
    with contextlib.suppress(ValueError):
        return np.concatenate(list(map(_load_numbers, _lines_in_pieces(text))))
    try:
        return _decode_csv_cells(text)
    except csv.Error as error:
        raise RequestError(400, f"The body is not valid CSV: {error}") from None


def _lines_in_pieces(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        stop = text.find("\n", at + PIECE_BYTES) + 1 or len(text)
        yield text[at:stop]
        at = stop


def _load_numbers(text: str) -> np.ndarray:
    return np.loadtxt(io.StringIO(text), delimiter=",", comments=None, ndmin=2)


def _decode_csv_cells(text: str) -> np.ndarray:
    """Return the rows of a CSV text, read cell by cell: slower than loadtxt, but with the position of errors.

    An empty cell is NaN. Raise csv.Error if the text is not CSV.
    """
    rows: list[list[float]] = []
    for number, cells in enumerate(csv.reader(io.StringIO(text)), start=1):
        row = []
        for column, cell in enumerate(cells, start=1):
            try:
                row.append(_number(cell) if cell.strip() else float("nan"))
            except ValueError:
                problem = f"CSV row {number}, column {column} is {cell[:40]!r}, which is not a number."
                hint = " Send rows without a header." if number == 1 else ""
                raise RequestError(400, problem + hint) from None
        if rows and row and len(row) != len(rows[0]):
            problem = f"CSV row {number} has {len(row)} values, but the first row has {len(rows[0])}."
            raise RequestError(400, f"{problem} {SAME_LENGTH}")
        if row:
            rows.append(row)
    return np.array(rows)


def number_in(cell: str) -> float | str | None:
    """Return the number in a cell, None for an empty cell, or the cell if it is no number."""
    try:
        return _number(cell) if cell.strip() else None
    except ValueError:
        return cell


def _number(cell: str) -> float:
    """Return the number in a cell. Raise ValueError for text that only Python accepts, such as 1_0."""
    if "_" in cell or not cell.isascii():
        raise ValueError
    return float(cell)
