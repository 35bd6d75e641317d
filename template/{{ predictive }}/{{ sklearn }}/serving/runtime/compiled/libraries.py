# Part of the library: `copier update` replaces this file.
"""Estimators of XGBoost and LightGBM in a pipeline: their boosters without the checks around them."""

from typing import Any

import numpy as np


def is_known(model: Any) -> bool:
    """Return True for an estimator of XGBoost or LightGBM."""
    return type(model).__module__.partition(".")[0] in ("xgboost", "lightgbm")


def faster(model: Any) -> "Booster":
    """Return an object that predicts like an estimator of XGBoost or LightGBM."""
    return Xgboost(model) if type(model).__module__.startswith("xgboost.") else Lightgbm(model)


class Booster:
    """A booster, and how its output becomes labels."""

    def __init__(self, model: Any) -> None:
        self.classes = getattr(model, "classes_", None)

    def raw(self, rows: np.ndarray) -> np.ndarray:
        """Return the output of the booster: numbers, or the probabilities of the second class or of all."""
        raise NotImplementedError

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Return predictions."""
        if self.classes is None:
            return self.raw(rows)
        return np.asarray(self.classes).take(self.predict_proba(rows).argmax(axis=1))

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        """Return the probabilities of the classes."""
        found = self.raw(rows)
        return np.column_stack([1 - found, found]) if found.ndim == 1 else found


class Xgboost(Booster):
    """An estimator of XGBoost."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.booster, self.missing = model.get_booster(), model.missing
        best = getattr(self.booster, "best_iteration", None) if model.early_stopping_rounds else None
        self.trees = (0, 0 if best is None else best + 1)

    def raw(self, rows: np.ndarray) -> np.ndarray:
        """Return the output of the booster."""
        return self.booster.inplace_predict(rows, self.trees, missing=self.missing, validate_features=False)


class Lightgbm(Booster):
    """An estimator of LightGBM."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.booster = model.booster_

    def raw(self, rows: np.ndarray) -> np.ndarray:
        """Return the output of the booster."""
        return self.booster.predict(rows, num_threads=1)
