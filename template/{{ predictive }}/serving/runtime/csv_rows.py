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


def columns(text: str, width: int) -> list[list[str]] | None:
    """Return the cells of a CSV text by column, as the csv module reads them, in half of its time.

    None if the module has to read the text: because of a quote, an empty line within the text, or a row that
    does not have `width` cells.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if '"' in text or "\r" in text or "\0" in text or (width == 1 and "\n\n" in text):
        return None
    found: list[list[str]] = [[] for _ in range(width)]
    for piece in _lines_in_pieces(text):
        if not (lines := piece.strip("\n")):
            continue
        # Each line end is a cell of its own: at the same distance if all rows have the same length.
        cells = lines.replace("\n", ",\n,").split(",")
        ends, limit = lines.count("\n"), csv.field_size_limit()
        if len(cells) != ends + width * (ends + 1) or cells[width :: width + 1].count("\n") != ends:
            return None
        if len(lines) > limit and max(map(len, cells)) > limit:
            return None
        for at, column in enumerate(found):
            column += cells[at :: width + 1]
    return found


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


def numbers_in(cells: list[str]) -> list[float | str | None]:
    """Return the number in each cell, None for an empty cell, or the cell if it is no number."""
    text = "".join(cells)
    if "_" not in text and text.isascii():
        with contextlib.suppress(ValueError):
            return list(map(float, cells))
        with contextlib.suppress(ValueError):
            return [float(cell) if cell else None for cell in cells]
    return list(map(number_in, cells))


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
