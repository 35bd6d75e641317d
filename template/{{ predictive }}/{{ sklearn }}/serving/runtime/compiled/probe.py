# Part of the library: `copier update` replaces this file.
"""Rows that would show an error of a compiled model, and the comparison with the model itself."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from runtime import unknown
from runtime.column import Column
from runtime.compiled.categories import UNKNOWN
from runtime.compiled.head import Encoded, Head
from runtime.tables import Named

ROWS = 192
SIZES = (24, 64, ROWS)
SINGLE_ROWS = 64
MAX_VALUES = 64  # of a column of categories
TOLERANCE = 1e-9
SPREAD = 3.0


def rows_of(head: Head, thresholds: dict[int, np.ndarray], recorded: Sequence[Named]) -> Named:
    """Return rows by column: every category, unknown and missing values, and numbers at thresholds."""
    random = np.random.default_rng(0)
    numbers = _numbers(head, thresholds, random)
    named = Named()
    for name, column in head.columns.items():
        own = _values(head, column) if column.values is not None else []
        if not column.used:
            named[name] = [None] * ROWS
        elif own and name not in numbers:
            named[name] = [column.example, *(own[at % len(own)] for at in random.permutation(ROWS)[1:])]
        else:
            named[name] = [column.example, *numbers.get(name, [column.example] * ROWS)[1:]]
    named.rows = ROWS
    for rows in recorded:
        if head.encode(rows) is not None:
            for name in named:
                named[name] += rows[name]
            named.rows += rows.rows
    return named


def part(rows: Any, first: int, last: int) -> Any:
    """Return some of the rows, by column or of an array."""
    if not isinstance(rows, Named):
        return rows[first:last]
    named = Named({name: values[first:last] for name, values in rows.items()})
    named.rows = last - first
    return named


def difference(
    rows: Any,
    encode: Callable[[Any], Encoded | None],
    predict: Callable[[Encoded], Any],
    expected: np.ndarray,
    singles: int,
) -> str:
    """Return how predictions differ from those of the model in a size of request, "" if they do not.

    `singles` is the number of requests with one row.
    """
    count = len(expected)
    parts = [(at, at + 1) for at in range(min(singles, count))]
    parts += [(0, min(size, count)) for size in SIZES]
    compared = 0
    for first, last in parts:
        with unknown.uncounted():
            encoded = encode(part(rows, first, last))
        found = None if encoded is None else predict(encoded)
        if found is None:  # the model itself answers such a request
            continue
        compared += 1
        if not equal(found, expected[first:last]):
            return f"another prediction for row {first + 1} of the probe, in a request of {last - first} rows"
    return "" if compared else "no row of the probe is accepted"


def difference_on_thresholds(tail: Any, model: Any, thresholds: dict[int, np.ndarray]) -> str:
    """Return how predictions of trees differ from those of the model on numbers at thresholds, or ""."""
    on = {place: found[np.isfinite(found)] for place, found in thresholds.items()}
    if not any(found.size for found in on.values()) or getattr(model, "_preprocessor", None) is not None:
        return ""
    random = np.random.default_rng(0)
    rows = random.normal(size=(SIZES[1], len(on)))
    for place, found in on.items():
        if found.size:
            rows[:, place] = random.choice(found, len(rows))
    expected = model.predict(rows)
    for size in (1, *SIZES[:2]):
        for first in range(0, len(rows), size) if size == 1 else (0,):
            if not equal(tail.predict(rows[first : first + size]), expected[first : first + size]):
                return f"another prediction on thresholds, in a request of {size} rows"
    return ""


def equal(found: Any, expected: Any) -> bool:
    """Return True for the same labels, and for numbers that are equal to 1e-9, of the same type."""
    found, expected = np.asarray(found), np.asarray(expected)
    if found.dtype != expected.dtype or found.shape != expected.shape:
        return False
    if expected.dtype.kind != "f":
        return bool(np.array_equal(found, expected))
    return bool(np.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))


def _values(head: Head, column: Column) -> list[Any]:
    known = sorted(column.values or (), key=str)[:MAX_VALUES]
    tables = [table for table in head.tables if table.column is column]
    if tables and all(table.unknown is not None for table in tables):
        known.append(UNKNOWN)
    return [*known, None] if column.nullable else known


def _numbers(head: Head, thresholds: dict[int, np.ndarray], random: Any) -> dict[str, list[Any]]:
    """Return values of columns of numbers, whose results are at thresholds, or usual for the next step."""
    count = len(head.names)
    if not count:
        return {}
    start = np.array([head.columns[name].example for name in head.names])
    found = start + random.normal(size=(ROWS, count)) * np.maximum(1.0, np.abs(start)) * SPREAD
    for leaf in head.leaves:
        places = np.arange(count) if leaf.columns is None else np.arange(count)[leaf.columns]
        zero, one = (leaf.operation(np.full((1, len(places)), value))[0] for value in (0.0, 1.0))
        if len(zero) != len(places):
            continue
        output = np.arange(len(zero)) if leaf.output is None else np.arange(len(head.base))[leaf.output]
        with np.errstate(all="ignore"):
            for at, (place, out) in enumerate(zip(places, output, strict=True)):
                slope = one[at] - zero[at]
                wanted = random.normal(size=ROWS) * SPREAD
                on = thresholds.get(int(out), np.empty(0))
                if head.rest is None and (on := on[np.isfinite(on)]).size:
                    wanted = random.choice(on, ROWS)
                values = (wanted - zero[at]) / slope
                found[:, place] = np.where(np.isfinite(values), values, found[:, place])
    found[1::3] = np.nextafter(found[1::3], -np.inf)
    found[2::3] = np.nextafter(found[2::3], np.inf)
    named = {}
    for at, name in enumerate(head.names):
        values = found[:, at].tolist()
        if head.columns[name].nullable:
            values[at % 7 :: 7] = [None] * len(values[at % 7 :: 7])
        named[name] = values
    return named
