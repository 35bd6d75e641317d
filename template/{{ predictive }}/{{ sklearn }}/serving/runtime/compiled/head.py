# Part of the library: `copier update` replaces this file.
"""The steps of a model before its last one: numbers are computed, categories are looked up in tables."""

import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from runtime import columns, unknown
from runtime.column import BOOLEAN, NUMBER, STRING, Column
from runtime.compiled import categories, leaves, numbers
from runtime.compiled.categories import Codes, NotCompiled
from runtime.compiled.leaves import Leaf
from runtime.compiled.numbers import Operation
from runtime.tables import Named
from runtime.tables import Table as Reader
from scipy import sparse
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

# Steps for which all values that are not known are alike. TargetEncoder exists since scikit-learn 1.3.
ALIKE = (SimpleImputer, OneHotEncoder, OrdinalEncoder)
ALIKE_BY_NAME = ("TargetEncoder",)
SAMPLE_ROWS = 32
FEW_ROWS = 16


@dataclass(frozen=True)
class Encoded:
    """Rows as numbers: those of columns of numbers, and of each table the numbers of its values."""

    block: np.ndarray
    found: list[Codes]
    rows: Any  # as they were decoded

    def __len__(self) -> int:
        return len(self.block)


@dataclass(frozen=True)
class NumberLeaf:
    """Steps on columns of numbers: the places of the columns in the block, and those of the output."""

    columns: Any
    output: slice | None
    operation: Operation

    def computed(self, encoded: Encoded) -> np.ndarray:
        """Return the output of the steps."""
        block = encoded.block
        return self.operation(block if self.columns is None else block[:, self.columns])


class Head:
    """The steps before the last one, compiled."""

    def __init__(self, steps: Sequence[Any], reader: Reader | None, found: Sequence[Column]) -> None:
        """`found` are the columns of the model. Raise NotCompiled for a step that is not supported."""
        self.reader, self.columns = reader, {column.name: column for column in found}
        self.order = {name: at for at, name in enumerate(self.columns)}
        self.parts, rest, self.is_sparse = leaves.of_steps(steps, list(self.columns))
        taken = {
            name for leaf in self.parts if not leaf.takes_categories(self.columns) for name in leaf.columns
        }
        self.names = [name for name in self.columns if name in taken]
        self.block_columns = leaves.places([self.order[name] for name in self.names], len(self.columns))
        self.base = np.zeros(sum(leaf.width for leaf in self.parts))
        self.leaves: list[NumberLeaf] = []
        self.tables: list[categories.Table] = []
        for leaf in self.parts:
            try:
                self._add(leaf, leaves.repeated(self.parts))
            except NotCompiled as error:
                raise NotCompiled(f"{leaf.name} {error}") from None
        self.rest: Any = None
        if rest:
            self.rest = (
                partial(_in_turn, rest) if self.is_sparse else numbers.chain(rest, self._sample_output())
            )

    def encode(self, rows: Named) -> Encoded | None:
        """Return rows as numbers. None if the reader has to check them or the pipeline has to answer."""
        cells = [rows[name] for name in self.names]
        for name, values in zip(self.names, cells, strict=True):
            accepted = NUMBER_OR_NULL if self.columns[name].nullable else NUMBERS
            if not set(map(type, values)) <= accepted:
                return None
        try:
            block = _block(cells, rows.rows)
        except (OverflowError, ValueError):
            return None
        if not rows.rows or np.isinf(block).any():
            return None
        found, lacking = [], []
        for table in self.tables:
            looked_up = table.look_up(rows[table.column.name])
            if looked_up is None:
                return None
            found.append(looked_up[0])
            lacking.append(looked_up[1])
        for table, count in zip(self.tables, lacking, strict=True):
            if count:
                unknown.categories.add(table.column.name, count)
        return Encoded(block, found, rows)

    def of_array(self, rows: np.ndarray) -> Encoded:
        """Return rows of numbers, in the order of the model's columns."""
        block = rows if self.block_columns is None else rows[:, self.block_columns]
        return Encoded(block, [], rows)

    def result(self, encoded: Encoded) -> Any:
        """Return the input of the last step: an array, or a sparse matrix where the pipeline has one."""
        found = self.matrix(encoded)
        given = sparse.csr_matrix(found) if self.is_sparse else found
        return given if self.rest is None else self.rest(given)

    def dense(self, encoded: Encoded) -> np.ndarray:
        """Return the input of the last step as a dense array."""
        if self.rest is None:
            return self.matrix(encoded)
        found = self.result(encoded)
        return found.toarray() if sparse.issparse(found) else found

    def matrix(self, encoded: Encoded) -> np.ndarray:
        """Return the output of the first step, a dense array."""
        if not self.tables and len(self.leaves) == 1 and self.leaves[0].output is None:
            return self.leaves[0].computed(encoded)
        count = len(encoded)
        found = np.empty((count, len(self.base)))
        found[:] = self.base
        for leaf in self.leaves:
            found[:, leaf.output] = leaf.computed(encoded)
        if count == 1:
            row = found[0]
            for table, (number,) in zip(self.tables, encoded.found, strict=True):
                row[table.places[number]] = table.values[number]
        else:
            every = np.arange(count)[:, None]
            for table, codes in zip(self.tables, encoded.found, strict=True):
                found[every, table.places.take(codes, axis=0)] = table.values.take(codes, axis=0)
        return found

    def name_of_difference(self, found: np.ndarray, expected: np.ndarray) -> str:
        """Return the name of the step whose numbers differ first."""
        if self.rest is None and found.shape == expected.shape:
            unlike = ~((found == expected) | (np.isnan(found) & np.isnan(expected))).all(axis=0)
            for leaf in self.parts:
                if leaf.output is not None and unlike[leaf.output].any():
                    return leaf.name
        return "a step before the last one"

    def _add(self, leaf: Leaf, repeated: set[str]) -> None:
        if leaf.takes_categories(self.columns):
            self._add_tables(leaf, repeated)
            return
        own = [self.columns[name] for name in leaf.columns]
        if wrong := [column.name for column in own if column.type != NUMBER or column.as_stated]:
            raise NotCompiled(f"takes column {wrong[0]!r}, whose values are not known")
        if any(map(columns.needs_frame, leaf.steps)):
            raise NotCompiled("needs a DataFrame")
        at = leaves.places([self.names.index(each) for each in leaf.columns], len(self.names))
        operation = numbers.chain(leaf.steps, self._sample(leaf.columns))
        self.leaves.append(NumberLeaf(at, leaf.output, operation))

    def _add_tables(self, leaf: Leaf, repeated: set[str]) -> None:
        own = [self.columns[name] for name in leaf.columns]
        if not leaf.steps:
            raise NotCompiled("passes categories on")
        if others := [column.name for column in own if column.type not in (NUMBER, STRING, BOOLEAN)]:
            raise NotCompiled(f"takes column {others[0]!r}, whose values have several types")
        alike = all(isinstance(s, ALIKE) or type(s).__name__ in ALIKE_BY_NAME for s in leaf.steps)
        alike = alike and not any(isinstance(column.missing, str) for column in own)
        encode = partial(self._encoded, leaf)
        base, tables = categories.of_columns(own, encode, alike and not repeated & set(leaf.columns))
        if leaf.output is None:
            self.base = base
        else:
            self.base[leaf.output] = base
        start = leaf.output.start if leaf.output else 0
        self.tables += [replace(table, places=table.places + start) for table in tables]

    def _encoded(self, leaf: Leaf, name: str, values: Sequence[Any]) -> np.ndarray:
        """Return the output of a leaf for values of one column, and the examples of the others."""
        assert self.reader is not None
        rows = Named({c.name: [c.example] * len(values) for c in self.columns.values()})
        rows[name], rows.rows = list(values), len(values)
        frame = self.reader.features(rows)
        at = [self.order[each] for each in leaf.columns]
        found = frame.iloc[:, at] if self.reader.frame else frame[:, at]
        for step in leaf.steps[:-1]:
            found = step.transform(found)
        return numbers.dense(leaf.steps[-1], found)

    def _sample(self, chosen: Sequence[str]) -> np.ndarray:
        """Return rows of numbers to compare steps on, with missing values where they are accepted."""
        random = np.random.default_rng(0)
        found = [self.columns[name] for name in chosen]
        size = 10 ** random.uniform(-3, 4, (SAMPLE_ROWS, len(found)))
        sample = np.array([column.example for column in found]) + random.normal(size=size.shape) * size
        for at, column in enumerate(found):
            if column.nullable:
                sample[at % 5 :: 5, at] = np.nan
        return sample

    def _sample_output(self) -> np.ndarray:
        random = np.random.default_rng(0)
        block = self._sample(self.names) if self.names else np.empty((SAMPLE_ROWS, 0))
        found = [random.integers(0, len(table.places), SAMPLE_ROWS).tolist() for table in self.tables]
        return self.matrix(Encoded(block, found, None))


NUMBERS, NUMBER_OR_NULL = {int, float}, {int, float, type(None)}


def _block(cells: Sequence[Sequence[Any]], count: int) -> np.ndarray:
    """Return columns of numbers as an array. Raise OverflowError or ValueError."""
    if count > FEW_ROWS and cells:
        with suppress(struct.error):  # a third of the time of numpy, if no value is missing
            pack = struct.Struct(f"{count}d").pack
            return np.frombuffer(bytearray().join(pack(*values) for values in cells)).reshape(-1, count).T
    return np.array(cells, dtype=np.float64).T if cells else np.empty((count, 0))


def _in_turn(steps: Sequence[Any], rows: Any) -> Any:
    for step in steps:
        rows = step.transform(rows)
    return rows
