# Part of the library: `copier update` replaces this file.
"""The values of a column: checked against it, and given the type that they had in training."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NoReturn

import numpy as np
from runtime import csv_rows, unknown
from runtime.codec import RequestError
from runtime.column import ANY, BOOLEAN, CATEGORY, DATETIME, INTEGER, NUMBER, STRING, Column
from runtime.row_errors import NAMES

TYPES = {
    NUMBER: (int, float),
    STRING: (str,),
    BOOLEAN: (bool,),
    CATEGORY: (str, int, float),
    INTEGER: (int, float),
    DATETIME: (str,),
    ANY: (int, float, str, bool),
}
WRONG_TYPE = {
    NUMBER: "not a number. Send unquoted numbers, and 1 and 0 for true and false.",
    STRING: "not text. Send it in quotes, as in training.",
    BOOLEAN: "not a boolean. Send true or false.",
    CATEGORY: "not text or a whole number. Send it as in training.",
    INTEGER: "not a whole number of 64 bits. Send it as in training.",
    DATETIME: "not a date and time of ISO 8601 without a time zone, such as 2026-01-31T12:00:00.",
    ANY: "not a number, text or boolean.",
}
FIRST_YEAR, LAST_YEAR = 1678, 2261  # that 64 bits of nanoseconds have whole
BOOLEANS = {"": None, "true": True, "false": False}


def of_cells(column: Column, cells: list[Any]) -> list[Any]:
    """Return the values of CSV cells. An empty one is missing; what does not fit the type remains text."""
    if column.type == BOOLEAN:
        return [BOOLEANS.get(cell.strip().lower(), cell) for cell in cells]
    if column.type in (STRING, CATEGORY, DATETIME):
        return [cell or None for cell in cells]
    values = csv_rows.numbers_in(cells)
    if column.type == ANY and any(isinstance(value, str) for value in values):
        return [cell or None for cell in cells]
    return values


def typed(column: Column, cells: Sequence[Any]) -> np.ndarray:
    """Return the values of a column with its type in training. Raise RequestError for others."""
    kinds = set(map(type, cells))
    accepted: set[type] = {*TYPES[column.type], type(None)} if column.nullable else {*TYPES[column.type]}
    if not kinds <= accepted:
        _refuse_type(column, cells, accepted)
    if column.values is not None and (found := set(cells) - column.values - {None}):
        if column.refuses_unknown:
            at = next(at for at, cell in enumerate(cells) if cell in found)
            known = f"one of the {len(column.values)} known values"
            raise RequestError(400, f"{place(at, column.name)} is {_shown_value(cells[at])}, not {known}.")
        unknown.categories.add(column.name, sum(cell in found for cell in cells))
    if column.type in (CATEGORY, INTEGER) and float in kinds:
        cells = [_whole(column, cells, at) for at in range(len(cells))]
    if column.type == INTEGER:
        return _integers(column, cells)
    if column.type == DATETIME:
        return np.array([_time(column, cells, at) for at in range(len(cells))], dtype="datetime64[ns]")
    numbers = column.type == NUMBER or (column.type == ANY and kinds <= {int, float, type(None)})
    if numbers and not column.as_given:
        array = np.array(cells, dtype=np.float64)
        if (infinite := np.isinf(array)).any():
            raise RequestError(400, f"{place(infinite.argmax(), column.name)} is infinite.")
        return array
    if kinds == {bool} and not column.as_given:
        return np.array(cells)
    objects = np.empty(len(cells), dtype=object)
    objects[:] = (
        [column.missing if cell is None else cell for cell in cells] if type(None) in kinds else cells
    )
    return objects


def _whole(column: Column, cells: Sequence[Any], at: int) -> Any:
    """Return a category, 2.0 as 2. Raise RequestError for one with a fraction."""
    cell = cells[at]
    if not isinstance(cell, float):
        return cell
    if cell.is_integer():
        return int(cell)
    raise RequestError(400, f"{place(at, column.name)} is {cell}, {WRONG_TYPE[column.type]}")


def _integers(column: Column, cells: Sequence[Any]) -> np.ndarray:
    try:
        return np.array(cells, dtype=np.int64)
    except OverflowError:
        at = next(at for at, cell in enumerate(cells) if not -(2**63) <= cell < 2**63)
        raise RequestError(400, f"{place(at, column.name)} is {WRONG_TYPE[INTEGER]}") from None


def _time(column: Column, cells: Sequence[Any], at: int) -> Any:
    """Return a date and time, NaT for null. Raise RequestError for another text, and outside 1678 to 2262."""
    if cells[at] is None:
        return np.datetime64("NaT")
    try:
        time = datetime.fromisoformat(cells[at])
        if time.tzinfo is None and FIRST_YEAR <= time.year <= LAST_YEAR:
            return np.datetime64(time, "ns")
    except ValueError:
        pass
    where = place(at, column.name)
    raise RequestError(400, f"{where} is {_shown_value(cells[at])}, {WRONG_TYPE[DATETIME]}")


def _refuse_type(column: Column, cells: Sequence[Any], accepted: set[type]) -> NoReturn:
    at = next(at for at, cell in enumerate(cells) if type(cell) not in accepted)
    where = place(at, column.name)
    if cells[at] is None:
        raise RequestError(400, f"{where} may not be missing (null).")
    raise RequestError(400, f"{where} is {_shown_value(cells[at])}, {WRONG_TYPE[column.type]}")


def place(at: Any, name: str) -> str:
    """Return the place of a value: its row, counted from 1, and its column."""
    return f"Row {int(at) + 1}, column {name!r}"


def _shown_value(value: Any) -> str:
    is_name = value is None or isinstance(value, bool)
    return NAMES[value] if is_name else repr(value)[:40]
