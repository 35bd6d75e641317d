# Part of the library: `copier update` replaces this file.
"""Linear models. Each value of a table adds its own number, so the columns of the output are never built."""

from collections.abc import Callable
from typing import Any

import numpy as np
from runtime.compiled.categories import NotCompiled
from runtime.compiled.head import Encoded, Head
from scipy.special import expit
from sklearn.base import is_classifier
from sklearn.utils.extmath import softmax

MODULES = ("sklearn.linear_model.", "sklearn.svm.")
NEAR = 1e-9  # a label can depend on rounding if two scores differ by less, relative to their parts
Link = Callable[[np.ndarray], np.ndarray]


def _both(scores: np.ndarray) -> np.ndarray:
    second = expit(scores[:, 0])
    return np.column_stack([1 - second, second])


def _one_against_rest(scores: np.ndarray) -> np.ndarray:
    found = expit(scores)
    return found / found.sum(axis=1, keepdims=True)


def _softmax_of_both(scores: np.ndarray) -> np.ndarray:
    return softmax(np.column_stack([-scores[:, 0], scores[:, 0]]))


# Ways from scores to probabilities, or to predictions: a probe decides which of them a model has.
OF_TWO: tuple[Link, ...] = (_both, _softmax_of_both)
OF_MANY: tuple[Link, ...] = (softmax, _one_against_rest)
OF_NUMBERS: tuple[Link, ...] = (np.asarray, np.exp)


def is_linear(model: Any) -> bool:
    """Return True for a model with a coefficient for each of its inputs."""
    return type(model).__module__.startswith(MODULES) and hasattr(model, "coef_") and _is_plain(model)


def links(model: Any) -> tuple[Link, ...]:
    """Return the ways from scores to probabilities, or to predictions that are numbers."""
    if not is_classifier(model):
        return OF_NUMBERS
    return OF_TWO if len(model.classes_) == 2 else OF_MANY


def _is_plain(model: Any) -> bool:
    coefficients, intercept = model.coef_, np.asarray(model.intercept_)
    if not isinstance(coefficients, np.ndarray) or coefficients.dtype != np.float64:
        return False
    classes = getattr(model, "classes_", None)
    if getattr(model, "kernel", "linear") != "linear" or (is_classifier(model) and classes is None):
        return False
    # An SVC with more than two classes has a score for each pair of them.
    return not (hasattr(model, "kernel") and classes is not None and len(classes) > 2) and intercept.ndim < 2


class Linear:
    """A linear model after a head, as scores of rows that the head has encoded."""

    def __init__(self, model: Any, head: Head, link: Link) -> None:
        self.link = link
        weights = np.atleast_2d(model.coef_).T
        self.is_flat = model.coef_.ndim == 1 or hasattr(model, "kernel")
        self.classes = getattr(model, "classes_", None) if is_classifier(model) else None
        if not all(np.isfinite(table.values).all() for table in head.tables):
            raise NotCompiled("has no number for a value")
        self.parts = [
            (leaf, weights if leaf.output is None else weights[leaf.output]) for leaf in head.leaves
        ]
        base = np.zeros(len(weights)) if not len(head.base) else head.base
        self.start = base @ weights + model.intercept_
        self.added = [_sums(table.places, table.values, base, weights) for table in head.tables]
        sizes = [np.abs(each).max(initial=0) for each in (self.start, *self.added)]
        self.size = max(1.0, *map(float, sizes))

    def scores(self, encoded: Encoded) -> np.ndarray:
        """Return the scores of rows, of shape (rows, scores)."""
        total = self.start
        for leaf, weights in self.parts:
            total = total + leaf.computed(encoded) @ weights
        if len(encoded) == 1:
            for added, (number,) in zip(self.added, encoded.found, strict=True):
                total = total + added[number]
        else:
            for added, codes in zip(self.added, encoded.found, strict=True):
                total = total + added.take(codes, axis=0)
        return total if total.ndim == 2 else np.tile(total, (len(encoded), 1))

    def predict(self, encoded: Encoded) -> np.ndarray | None:
        """Return predictions. None if rounding could decide a label, so that the pipeline has to answer."""
        scores = self.scores(encoded)
        if self.classes is not None:
            return self._labels(scores, self.classes)
        found = self.link(scores)
        return found[:, 0] if self.is_flat else found

    def predict_proba(self, encoded: Encoded) -> np.ndarray:
        """Return the probabilities of the classes."""
        return self.link(self.scores(encoded))

    def _labels(self, scores: np.ndarray, classes: np.ndarray) -> np.ndarray | None:
        near = NEAR * max(self.size, float(np.abs(scores).max()))
        if scores.shape[1] == 1:
            first = scores[:, 0]
            is_sure = np.abs(first).min() > near
            return classes.take((first > 0).astype(np.intp)) if is_sure else None
        two = np.partition(scores, -2, axis=1)
        is_sure = (two[:, -1] - two[:, -2]).min() > near
        return classes.take(scores.argmax(axis=1)) if is_sure else None


def _sums(places: np.ndarray, values: np.ndarray, base: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the part of the scores that each value of a table adds, of shape (values, scores).

    A row of the table can have an entry twice, which counts once.
    """
    if places.shape[1] == 1:
        return (values - base[places]) * weights[places[:, 0]]
    found = np.zeros((len(places), weights.shape[1]))
    for number, (at, value) in enumerate(zip(places, values, strict=True)):
        each, first = np.unique(at, return_index=True)
        found[number] = (value[first] - base[each]) @ weights[each]
    return found
