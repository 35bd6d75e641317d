# Part of the library: `copier update` replaces this file.
"""Messages about invalid rows, with the row, the column and the value. `before` rows precede those given."""

from collections.abc import Callable
from typing import Any

import numpy as np

Shape = tuple[int | None, ...]
Found = tuple[tuple[int, ...], Any]
SAME_LENGTH = "Send the same number of values in each row."
NO_MISSING = "The model does not accept missing values (null, NaN)."
NAMES = {None: "null", True: "true", False: "false"}
MAX_DIMENSIONS = 32


class RequestError(Exception):
    """An invalid request: the HTTP status, and a message that states what to change."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def no_number(rows: Any, allow_missing: bool, before: int) -> str:
    """Return a message about the first value that is not a number."""
    accepted = (int, float, type(None)) if allow_missing else (int, float)
    found = _find(rows, lambda value: not isinstance(value, accepted))
    problem = _described(found, before)
    if found and found[1] is None:
        return f"{problem}. {NO_MISSING}"
    return f"{problem}. Send unquoted numbers, or convert other data in preprocess()."


def boolean(rows: Any, before: int) -> str:
    """Return a message about the first boolean."""
    found = _find(rows, lambda value: isinstance(value, (bool, np.bool_)))
    return f"{_described(found, before)}. Send 1 for true and 0 for false."


def not_finite(array: np.ndarray, allow_missing: bool, before: int) -> str:
    """Return a message about the first infinite value, or missing value unless `allow_missing`."""
    wrong = np.isinf(array) if allow_missing else ~np.isfinite(array)
    at = np.unravel_index(wrong.argmax(), wrong.shape)
    where = _position(tuple(map(int, at)), before)
    if np.isinf(array[at]):
        return f"{where} is infinite. Send finite numbers."
    return f"{where} is missing. {NO_MISSING}"


def shape(row: int, found: Shape, expected: Shape) -> str:
    """Return a message about a row with another shape than the model expects."""
    return f"Row {row} has {_size(found)}. The model expects {_size(expected)}."


def length(rows: Any, before: int) -> str:
    """Return a message about the first row with another length than the first of `rows`."""
    for number, row in enumerate(rows, start=before + 1):
        if not isinstance(row, list):
            return f"Row {number} is not a list of numbers. {SAME_LENGTH}"
        if len(row) != len(rows[0]):
            return lengths(number, (len(row),), before + 1, (len(rows[0]),))
    return f"The lists within the rows differ in length. {SAME_LENGTH}"


def lengths(row: int, found: Shape, other: int, expected: Shape) -> str:
    """Return a message about two rows with different lengths."""
    return f"Row {row} has {_size(found)}, but row {other} has {_size(expected)}. {SAME_LENGTH}"


def text(shape: Shape) -> str:
    """Return a shape as text."""
    return " x ".join("any" if size is None else str(size) for size in shape) or "scalar"


def _size(shape: Shape) -> str:
    if len(shape) != 1 or shape[0] is None:
        return f"shape {text(shape)}"
    return "1 value" if shape[0] == 1 else f"{shape[0]} values"


def _find(values: Any, is_wrong: Callable[[Any], bool], at: tuple[int, ...] = ()) -> Found | None:
    """Return the position and the first wrong value in nested rows, or None."""
    if not isinstance(values, (list, np.ndarray)) or len(at) > MAX_DIMENSIONS:
        return (at, values) if is_wrong(values) else None
    found = (_find(value, is_wrong, (*at, number)) for number, value in enumerate(values))
    return next(filter(None, found), None)


def _position(at: tuple[int, ...], before: int) -> str:
    row, *columns = at
    inner = ", ".join(str(column + 1) for column in columns)
    return f"Row {before + row + 1}" + (f", column {inner}" if inner else "")


def _described(found: Found | None, before: int) -> str:
    if found is None:
        return "A value is not a number"
    at, value = found
    value = value.item() if isinstance(value, np.generic) else value
    is_name = value is None or isinstance(value, bool)
    return f"{_position(at, before)} is {NAMES[value] if is_name else repr(value)[:40]}"
