# Part of the library: `copier update` replaces this file.
"""Category columns of the DataFrame that a LightGBM model was trained with: their values and codes."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from runtime.artifacts import Unsuitable
from runtime.column import ANY, BOOLEAN, NUMBER, STRING, Column
from runtime.tables import Table

LISTED = re.compile(r"^\[categorical_feature: ([\d,]+)\]", re.MULTILINE)
RANGES = re.compile(r"^feature_infos=(.*)", re.MULTILINE)
TYPES = {
    frozenset({str}): STRING,
    frozenset({bool}): BOOLEAN,
    frozenset({int}): NUMBER,
    frozenset({float}): NUMBER,
}
UNKNOWN = (
    "The file does not state which of its columns these categories belong to. Train with unordered "
    "categories and without categorical_feature, or with numbers that you choose."
)


class Categories(Table):
    """Reads rows by name or in order, and replaces categories by codes, as LightGBM does for a DataFrame.

    A category that the model does not have is a missing value.
    """

    def __init__(self, names: list[str], categories: Mapping[int, list[Any]]) -> None:
        super().__init__([_column(name, categories.get(at)) for at, name in enumerate(names)], frame=False)
        self.codes = {
            at: {value: float(code) for code, value in enumerate(c)} for at, c in categories.items()
        }

    def features(self, rows: Any) -> np.ndarray:
        """Return decoded rows as an array of numbers and codes."""
        values = super().features(rows)
        array = np.empty(values.shape)
        for at in range(values.shape[1]):
            codes = self.codes.get(at)
            array[:, at] = [codes.get(v, np.nan) for v in values[:, at]] if codes else values[:, at]
        return array


def of_model(booster: Any, name: str) -> Categories | None:
    """Return the reader of a model with category columns, None for others. Raise Unsuitable if it is unclear.

    The file has the categories in the order of the columns, and the positions of all columns with codes.
    """
    lists: list[list[Any]] = booster.pandas_categorical or []
    if not any(lists):
        return None
    text = booster.model_to_string(num_iteration=1)
    listed, ranges = LISTED.search(text), RANGES.search(text)
    columns = sorted(set(map(int, listed[1].split(",")))) if listed else []
    infos = ranges[1].split() if ranges else []
    if len(columns) != len(lists) or not all(map(_fits, (infos[at] for at in columns), lists)):
        raise Unsuitable(f"{name} was trained with category columns of a DataFrame. {UNKNOWN}")
    return Categories(booster.feature_name(), dict(zip(columns, lists, strict=True)))


def _fits(info: str, categories: list[Any]) -> bool:
    """Return whether the codes of a column in training are those of these categories."""
    if info == "none":  # the column has one value
        return True
    return not info.startswith("[") and all(int(code) < len(categories) for code in info.split(":"))


def _column(name: str, categories: list[Any] | None) -> Column:
    if categories is None:
        return Column(name, NUMBER, missing=float("nan"))
    kind = TYPES.get(frozenset(map(type, categories)), ANY)
    example = categories[0] if categories else None
    return Column(name, kind, values=frozenset(categories), as_given=True, example=example)
