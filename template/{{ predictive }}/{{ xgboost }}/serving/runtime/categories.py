# Part of the library: `copier update` replaces this file.
"""Category columns of an XGBoost model: by name, which files of XGBoost 3.1 and later have, or by code."""

import json
import logging
from itertools import pairwise
from typing import Any

import numpy as np
from runtime.artifacts import Unsuitable
from runtime.codec import RequestError
from runtime.coded import Coded

CATEGORY = "c"
log = logging.getLogger("serving")


class Codes:
    """Checks the columns of a model whose categories have no names in its file: clients send codes."""

    def __init__(self, model: Any) -> None:
        kinds = model.feature_types or []
        self.columns = [at for at, kind in enumerate(kinds) if kind == CATEGORY]
        if self.columns:
            names = model.feature_names or [f"column {at + 1}" for at in range(len(kinds))]
            shown = ", ".join(names[at] for at in self.columns[:5])
            log.warning("the file has no names of the categories of %s: send their codes in training", shown)

    def checked(self, features: np.ndarray) -> np.ndarray:
        """Return features. Raise RequestError 400 for a category that is no code: XGBoost takes 1.5 for 1."""
        for at in self.columns:
            values = features[:, at]
            wrong = (values < 0) | (np.floor(values) != values) & ~np.isnan(values)
            if wrong.any():
                row = int(wrong.argmax())
                what = f"Row {row + 1}, column {at + 1} is {values[row]:g}, not the code of a category"
                raise RequestError(400, f"{what}. Send a whole number from 0, as in training.")
        return features


def of_model(model: Any, name: str) -> Coded | None:
    """Return the reader of a model whose file has the names of its categories, None for another model.

    Raise Unsuitable for names in a form that is not known.
    """
    kinds = model.feature_types or []
    encoded = _encoded(model) if CATEGORY in kinds else []
    if not encoded:
        return None
    try:
        categories = {at: _values(encoded[at]) for at, kind in enumerate(kinds) if kind == CATEGORY}
    except (KeyError, IndexError, TypeError, ValueError):
        categories = {}
    if not all(categories.values()) or not categories:
        what = f"{name} has category columns, whose names are in a form that this server does not read"
        raise Unsuitable(f"{what}. Train with text or whole numbers as categories.")
    names = model.feature_names or [str(at) for at in range(len(kinds))]
    return Coded(names, categories, refuses_unknown=True)


def _encoded(model: Any) -> list[dict[str, Any]]:
    """Return the names of the categories of each column as the file has them, [] without any."""
    # A slice of the model would be smaller, but XGBoost 3.2 leaves the names out of it.
    booster = json.loads(model.save_raw("json"))["learner"]["gradient_booster"]
    inner = booster.get("model") or booster.get("gbtree", {}).get("model", {})
    found: list[dict[str, Any]] = inner.get("cats", {}).get("enc", [])
    return found


def _values(encoded: dict[str, Any]) -> list[Any]:
    """Return the categories of a column in the order of their codes: texts, or whole numbers."""
    values = encoded["values"]
    if "offsets" in encoded:
        text = bytes(value & 0xFF for value in values)  # the file has signed bytes
        return [text[start:end].decode() for start, end in pairwise(encoded["offsets"])]
    if not all(type(value) is int for value in values):
        raise ValueError("a category is no whole number")
    return list(values)
