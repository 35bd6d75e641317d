# Part of the library: `copier update` replaces this file.
"""Category columns of the DataFrame that a LightGBM model was trained with: their values and codes."""

import re
from collections.abc import Sequence
from typing import Any

from runtime.artifacts import Unsuitable
from runtime.coded import Coded

LISTED = re.compile(r"^\[categorical_feature: ([\d,]+)\]", re.MULTILINE)
RANGES = re.compile(r"^feature_infos=(.*)", re.MULTILINE)
UNKNOWN = (
    "The file does not state which of its columns these categories belong to. Set CATEGORY_COLUMNS in "
    "serving/model_handler.py to their names."
)


def of_model(booster: Any, name: str, stated: Sequence[str] = ()) -> Coded | None:
    """Return the reader of a model with category columns, None for others. Raise Unsuitable if it is unclear.

    The file has the categories in the order of the columns, but not the columns: these are `stated`, or the
    only ones whose values in training can be codes of these categories.
    """
    lists: list[list[Any]] = booster.pandas_categorical or []
    if not any(lists):
        return None
    names, text = booster.feature_name(), booster.model_to_string(num_iteration=1)
    listed, ranges = LISTED.search(text), RANGES.search(text)
    coded = set(map(int, listed[1].split(","))) if listed else set()
    infos = ranges[1].split() if ranges else []
    chosen = [at for at, each in enumerate(names) if not stated or each in stated]
    fitting = [[at for at in chosen if _fits(infos[at], at in coded, len(each))] for each in lists]
    columns = _first(fitting)
    last = _first([[-at for at in reversed(each)] for each in reversed(fitting)])
    if not columns or columns != [-at for at in reversed(last)] or not set(stated) <= set(names):
        raise Unsuitable(f"{name} was trained with category columns of a DataFrame. {UNKNOWN}")
    return Coded(names, dict(zip(columns, lists, strict=True)), refuses_unknown=False)


def _first(fitting: list[list[int]]) -> list[int]:
    """Return the first choice of one number of each list, in ascending order; [] if there is none."""
    found: list[int] = []
    for numbers in fitting:
        after = [number for number in numbers if not found or number > found[-1]]
        if not after:
            return []
        found.append(after[0])
    return found


def _fits(info: str, is_coded: bool, count: int) -> bool:
    """Return whether the values of a column in training can be codes of so many categories."""
    if info == "none":  # the column has one value
        return True
    if is_coded:
        return not info.startswith("[") and all(int(code) < count for code in info.split(":"))
    low, _, high = info.strip("[]").partition(":")  # as of ordered categories
    return float(low).is_integer() and float(low) >= 0 and float(high).is_integer() and float(high) < count
