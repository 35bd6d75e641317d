# Part of the library: `copier update` replaces this file.
"""Steps that take categories, as a table for each column: what `transform` returns for each of its values.

The tables are filled by the fitted steps themselves, so they hold for each of their options: categories that
are dropped, rare, unknown or missing.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from runtime.column import NUMBER, STRING, Column

MAX_CATEGORIES = 20_000  # of a column: a table has a row for each
MAX_ENTRIES = 2_000_000  # of a table, and of a result of `transform` while a table is made
UNKNOWN = "\0 unknown"
Encode = Callable[[str, Sequence[Any]], np.ndarray]
Codes: TypeAlias = list[int] | np.ndarray  # the number of each value


class NotCompiled(Exception):
    """A step of a model that cannot be compiled, and the reason."""


@dataclass(frozen=True)
class Table:
    """The columns of the output that one column of the input decides, by its value.

    The value with the number n sets the output at `places[n]` to `values[n]`; both have the shape (values,
    places). `numbers` has the number of each known value, and of None if it is accepted.
    """

    column: Column
    numbers: dict[Any, int]
    unknown: int | None  # the number of values that are not known, None if the pipeline answers them
    places: np.ndarray
    values: np.ndarray

    def look_up(self, cells: Sequence[Any]) -> tuple[Codes, int] | None:
        """Return the numbers of values, and how many are unknown. None if the pipeline has to answer."""
        if self.column.type != STRING and not set(map(type, cells)) <= self.types:
            return None  # True equals 1, but is no number
        if len(cells) > 1:
            with suppress(struct.error, TypeError):  # a value is not known
                packed = struct.pack(f"{len(cells)}n", *map(self.numbers.get, cells))
                return np.frombuffer(packed, np.intp), 0
        try:
            found = list(map(self.numbers.get, cells))
        except TypeError:  # a list or an object
            return None
        if None not in found:
            return found, 0  # type: ignore[return-value]
        lacking = [cell for cell, number in zip(cells, found, strict=True) if number is None]
        if self.unknown is None or set(map(type, lacking)) != {str}:
            return None
        return [self.unknown if number is None else number for number in found], len(lacking)

    @property
    def types(self) -> set[type]:
        """The types of accepted values."""
        known: set[type] = {int, float} if self.column.type == NUMBER else {bool}
        return {*known, type(None)} if None in self.numbers else known


def of_columns(columns: Sequence[Column], encode: Encode, unknown: bool) -> tuple[np.ndarray, list[Table]]:
    """Return one row of output, and the table of each column, for steps that treat each column on its own.

    `encode` returns the output for values of one column, with the examples of the others. With `unknown`, the
    tables have a row for values that are not known. Raise NotCompiled for other steps.
    """
    row = encode(columns[0].name, [columns[0].example])[0]
    base = row.copy()
    owned = np.zeros(len(base), dtype=bool)
    tables = []
    for column in columns:
        known = values_of(column)
        has_unknown = unknown and column.type == STRING and not column.refuses_unknown
        rows, places, values = _differences(row, _encoded(column, [*known, *[UNKNOWN] * has_unknown], encode))
        mine = np.unique(places)
        if owned[mine].any():
            raise NotCompiled(f"combines column {column.name!r} with others")
        owned[mine] = True
        count = len(known) + has_unknown
        rows, places, values = _fewer(base, count, rows, places, values)
        table = _arranged(base, count, rows, places, values)
        tables.append(
            Table(column, {v: n for n, v in enumerate(known)}, len(known) if has_unknown else None, *table)
        )
    return base, tables


def values_of(column: Column) -> list[Any]:
    """Return the accepted values of a column of categories, None for a missing one."""
    known: list[Any] = sorted(column.values or (), key=str)
    if len(known) > MAX_CATEGORIES:
        raise NotCompiled(f"has {len(known)} categories in column {column.name!r}")
    return [*known, None] if column.nullable else known


def _encoded(column: Column, values: list[Any], encode: Encode) -> Iterator[np.ndarray]:
    """Yield the output for values, in parts that fit in memory."""
    first = encode(column.name, values[:1])
    yield first
    rows = max(1, MAX_ENTRIES // max(1, first.shape[1]))
    for at in range(1, len(values), rows):
        yield encode(column.name, values[at : at + rows])


def _differences(base: np.ndarray, parts: Iterator[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where the rows of parts differ from a row: the numbers of rows, the places and the values."""
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    before = 0
    for part in parts:
        rows, places = np.nonzero(~((part == base) | (np.isnan(part) & np.isnan(base))))
        found.append((rows + before, places, part[rows, places]))
        before += len(part)
    rows, places, values = (np.concatenate(each) for each in zip(*found, strict=True))
    return rows, places, values


def _fewer(
    base: np.ndarray, count: int, rows: np.ndarray, places: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Set each place of `base` to a value that most rows share. Return the differences that remain.

    The place of the example's category is 0 for each other category, so one difference replaces many.
    """
    numbers, counts = np.unique(places, return_counts=True)
    for place in numbers[counts > count / 2]:
        at = places == place
        if (values[at] == values[at][0]).all():
            others = np.setdiff1d(np.arange(count), rows[at])
            kept, old = ~at, base[place]
            base[place] = values[at][0]
            rows = np.concatenate([rows[kept], others])
            places = np.concatenate([places[kept], np.full(len(others), place)])
            values = np.concatenate([values[kept], np.full(len(others), old)])
    return rows, places, values


def _arranged(
    base: np.ndarray, count: int, rows: np.ndarray, places: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return differences as two arrays with a row for each value of a column."""
    wide = np.bincount(rows, minlength=count)
    width = int(wide.max(initial=0))
    if count * width > MAX_ENTRIES:
        raise NotCompiled(f"has {width} places for each category")
    if not width:
        return np.zeros((count, 0), dtype=np.intp), np.zeros((count, 0))
    order = np.argsort(rows, kind="stable")
    rows, places, values = rows[order], places[order], values[order]
    at = np.arange(len(rows)) - np.concatenate([[0], np.cumsum(wide)])[rows]
    # A row with fewer differences repeats its first one, a row without any sets a place to its usual value.
    table_places = np.full((count, width), places[0], dtype=np.intp)
    table_values = np.full((count, width), base[places[0]])
    first = at == 0
    table_places[rows[first]], table_values[rows[first]] = places[first, None], values[first, None]
    table_places[rows, at], table_values[rows, at] = places, values
    return table_places, table_values
