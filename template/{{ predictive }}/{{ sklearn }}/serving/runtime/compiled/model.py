# Part of the library: `copier update` replaces this file.
"""A model as it is, and a model with its steps compiled."""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from runtime import columns, unknown
from runtime.column import NUMBER, Column
from runtime.compiled import linear, numbers, probe, tails
from runtime.compiled.categories import NotCompiled
from runtime.compiled.head import Encoded, Head
from runtime.compiled.leaves import flat
from runtime.tables import Named
from runtime.tables import Table as Reader
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline

# Estimators that only choose which one predicts, and the attribute that has it.
CHOOSERS = {
    "GridSearchCV": "best_estimator_",
    "RandomizedSearchCV": "best_estimator_",
    "HalvingGridSearchCV": "best_estimator_",
    "HalvingRandomSearchCV": "best_estimator_",
    "FrozenEstimator": "estimator",
}
log = logging.getLogger("serving")
Tail: TypeAlias = tails.Called | linear.Linear
FEW_SINGLE_ROWS = 4  # to compare a step that is called as in the model
Inverse = Callable[[np.ndarray], np.ndarray]


class Plain:
    """A model as it is. Its `reader` reads rows of named columns; without one, rows are arrays of numbers."""

    path = "scikit-learn"

    def __init__(self, model: Any, reader: Reader | None) -> None:
        self.model, self.reader = model, reader
        self.predict_proba = getattr(model, "predict_proba", None)

    def features(self, rows: Any) -> Any:
        """Return decoded rows as the input of `predict`. Raise RequestError to reject them."""
        assert self.reader is not None
        return self.reader.features(rows)

    def predict(self, features: Any) -> Any:
        """Return one prediction for each row."""
        return self.model.predict(features)

    def as_it_is(self) -> "Plain":
        """Return the model without compiled steps."""
        return Plain(self.model, self.reader)


class Compiled(Plain):
    """A model whose steps are compiled. What they do not support, the model itself answers."""

    path = "compiled"

    def __init__(self, model: Any, reader: Reader | None, recorded: list[Named]) -> None:
        """Compile a model, and compare it with itself on a probe and on recorded rows.

        Raise NotCompiled, or other exceptions for a release of scikit-learn with other attributes.
        """
        super().__init__(model, reader)
        self.before, self.final, self.inverse = split(model)
        self.labels: Tail | None = None
        self.probabilities: Tail | None = None
        with unknown.uncounted():
            self.head = Head(self.before, reader, reader.columns if reader else _columns_of_array(model))
            self._prove(recorded)
        if self.predict_proba:
            self.predict_proba = self._probabilities
        is_alone = not self.before and self.inverse is None and isinstance(self.labels, tails.Called)
        # A model without other steps is called with the array of a request as it is.
        self.direct = self.labels.model.predict if is_alone and self.labels else None

    @property
    def is_faster(self) -> bool:
        """True if some step is not called as it is in the model."""
        tail = self.labels
        return bool(self.before) or not isinstance(tail, tails.Called) or tail.model is not self.final

    def features(self, rows: Any) -> Any:
        """Return decoded rows as the input of `predict`. Raise RequestError to reject them."""
        assert self.reader is not None
        if self.reader.numeric and not isinstance(rows, Named):
            return self.reader.numbers(rows)
        named = self.reader.named(rows)
        encoded = self.head.encode(named)
        return self.reader.features(named) if encoded is None else encoded

    def predict(self, features: Any) -> Any:
        """Return one prediction for each row."""
        if self.direct and isinstance(features, np.ndarray):
            return self.direct(features)
        encoded, found = self._encoded(features), None
        if encoded is not None and self.labels is not None:
            found = self._predicted(self.labels, encoded)
        return self.model.predict(self._input(features)) if found is None else found

    def _probabilities(self, features: Any) -> Any:
        encoded = self._encoded(features)
        if encoded is None or self.probabilities is None:
            return self.model.predict_proba(self._input(features))
        return self.probabilities.predict_proba(encoded)

    def _predicted(self, tail: Tail, encoded: Encoded) -> Any:
        found = tail.predict(encoded)
        return found if found is None or self.inverse is None else self.inverse(found)

    def _encoded(self, features: Any) -> Encoded | None:
        if isinstance(features, Encoded):
            return features
        is_array = isinstance(features, np.ndarray) and features.dtype == np.float64
        return self.head.of_array(features) if is_array and not self.head.tables else None

    def _input(self, features: Any) -> Any:
        """Return the input of the model itself."""
        if isinstance(features, Encoded):
            return self.reader.features(features.rows) if self.reader else features.rows
        is_numbers = isinstance(features, np.ndarray) and self.reader is not None and self.reader.numeric
        return self.reader.features(features) if is_numbers and self.reader else features

    def _prove(self, recorded: list[Named]) -> None:
        thresholds = _thresholds(self.final)
        rows = probe.rows_of(self.head, thresholds, recorded)
        given: Any = self.reader.features(rows) if self.reader else _array(rows)
        encode: Any = self.head.encode if self.reader else self.head.of_array
        compared = rows if self.reader else given
        if (encoded := encode(compared)) is None:
            raise NotCompiled("the rows of the probe are not accepted")
        try:
            expected = self.model.predict(given)
            probabilities = self.predict_proba(given) if self.predict_proba else None
        except Exception as error:
            raise NotCompiled(f"the model fails on the rows of the probe: {error}") from error
        self._compare_head(given, encoded)
        self.labels = self._proven(compared, encode, self._predicted, expected, thresholds)
        if isinstance(probabilities, np.ndarray):  # a list for a model with several labels
            self.probabilities = self._proven(compared, encode, _probabilities, probabilities, thresholds)

    def _compare_head(self, given: Any, encoded: Encoded) -> None:
        """Raise NotCompiled if the steps before the last one return other numbers than those of the model."""
        if not self.before:
            return
        expected = given
        for step in self.before[:-1]:
            expected = step.transform(expected)
        found = self.head.dense(encoded)
        expected = numbers.dense(self.before[-1], expected)
        if not numbers.same(found, expected):
            raise NotCompiled(f"{self.head.name_of_difference(found, expected)} returns other numbers")

    def _proven(
        self, rows: Any, encode: Any, finish: Any, expected: Any, thresholds: dict[int, np.ndarray]
    ) -> Tail:
        """Return the fastest last step that predicts like the model. Raise NotCompiled if there is none."""
        reason = ""
        for make in tails.candidates(self.final, self.head):
            name = "the fast path"
            try:
                tail = make()
                name = type(tail).__name__
                is_itself = isinstance(tail, tails.Called) and tail.model is self.final
                singles = FEW_SINGLE_ROWS if is_itself else probe.SINGLE_ROWS
                reason = probe.difference(rows, encode, partial(finish, tail), expected, singles)
                if not reason and isinstance(tail, tails.Called) and not is_itself:
                    reason = probe.difference_on_thresholds(tail.model, self.final, thresholds)
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
            if not reason:
                return tail
            log.info("%s is not computed by %s: %s", type(self.final).__name__, name, reason)
        raise NotCompiled(f"{type(self.final).__name__}: {reason}")


def _thresholds(model: Any) -> dict[int, np.ndarray]:
    try:
        return tails.thresholds(model)
    except Exception:  # the trees then cannot be joined either
        return {}


def _probabilities(tail: Tail, encoded: Encoded) -> Any:
    return tail.predict_proba(encoded)


def split(model: Any) -> tuple[list[Any], Any, Inverse | None]:
    """Return the steps of a model before the last one, the last one, and what follows a prediction."""
    kind = type(model).__name__
    if kind in CHOOSERS and type(model).__module__.startswith("sklearn."):
        return split(getattr(model, CHOOSERS[kind]))
    if isinstance(model, Pipeline):
        steps = flat([model])
        steps = [step for step in steps if step is not None and not isinstance(step, str)]
        before, final, inverse = split(steps[-1])
        return [*steps[:-1], *before], final, inverse
    if isinstance(model, TransformedTargetRegressor):
        before, final, inverse = split(model.regressor_)
        if inverse is not None:
            raise NotCompiled("TransformedTargetRegressor has another one in it")
        return before, final, partial(_of_target, model.transformer_)
    if getattr(model, "_preprocessor", None) is not None:  # of histogram gradient boosting
        return [model._preprocessor], model, None
    return [], model, None


def _of_target(transformer: Any, found: np.ndarray) -> np.ndarray:
    if found.ndim > 1:
        return transformer.inverse_transform(found)
    return transformer.inverse_transform(found[:, None])[:, 0]


def _columns_of_array(model: Any) -> tuple[Column, ...]:
    """Return the columns of a model that takes arrays of numbers."""
    nullable = columns.accept_missing(model)
    found = tuple(replace(c, type=NUMBER, values=None, nullable=nullable) for c in columns.of_model(model))
    if not found:
        raise NotCompiled(f"the number of columns of {type(model).__name__} is unknown")
    return found


def _array(rows: Named) -> np.ndarray:
    return np.array(list(rows.values()), dtype=np.float64).T
