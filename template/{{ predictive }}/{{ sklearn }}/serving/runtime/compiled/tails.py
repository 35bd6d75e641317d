# Part of the library: `copier update` replaces this file.
"""The last step of a model, from the fastest way to compute it to a call with an array."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from runtime import forest
from runtime.compiled import boosting, libraries, linear
from runtime.compiled.head import Encoded, Head


class Called:
    """A last step that is called with the same array or sparse matrix as in the pipeline."""

    def __init__(self, model: Any, head: Head) -> None:
        self.model, self.given = model, head.result

    def predict(self, encoded: Encoded) -> np.ndarray | None:
        """Return predictions."""
        return self.model.predict(self.given(encoded))

    def predict_proba(self, encoded: Encoded) -> np.ndarray:
        """Return the probabilities of the classes."""
        return self.model.predict_proba(self.given(encoded))


class Joined(Called):
    """A last step of joined trees, which take a dense array."""

    def __init__(self, model: Any, head: Head) -> None:
        super().__init__(model, head)
        self.given = head.dense


Maker = Callable[[], Called | linear.Linear]


def candidates(model: Any, head: Head) -> Iterator[Maker]:
    """Yield ways to compute the last step, the fastest first. Any of them can raise an exception."""
    if linear.is_linear(model) and head.rest is None:
        yield from (partial(linear.Linear, model, head, link) for link in linear.links(model))
    if libraries.is_known(model):
        yield lambda: Called(libraries.faster(model), head)
    if is_joinable(model):
        yield lambda: Joined(joined(model), head)
    if getattr(model, "_preprocessor", None) is None:  # otherwise it is one of the steps before
        yield partial(Called, model, head)


def is_joinable(model: Any) -> bool:
    """Return True for a model of trees that can be joined."""
    if type(model) in forest.CLASSIFIERS + forest.REGRESSORS:
        return bool(model.n_outputs_ == 1)
    return type(model).__name__ in ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")


def joined(model: Any) -> Any:
    """Return an object with joined trees that predicts like a model."""
    is_forest = type(model) in forest.CLASSIFIERS + forest.REGRESSORS
    return forest.Forest(model) if is_forest else boosting.lean(model)


def thresholds(model: Any) -> dict[int, np.ndarray]:
    """Return the thresholds of a model of trees for each place of its input, {} for other models."""
    if not is_joinable(model):
        return {}
    if not hasattr(model, "estimators_"):
        return boosting.Boosting(model).thresholds()
    trees = [tree.tree_ for tree in model.estimators_]
    features = np.concatenate([tree.feature for tree in trees])
    values = np.concatenate([tree.threshold for tree in trees])
    return {place: values[features == place] for place in range(model.n_features_in_)}
