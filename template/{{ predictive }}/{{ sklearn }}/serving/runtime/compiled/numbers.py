# Part of the library: `copier update` replaces this file.
"""Steps that take numbers, as functions of an array, with the same results as `transform`, bit by bit."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from runtime import columns
from scipy import sparse
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)

Operation = Callable[[np.ndarray], np.ndarray]


def is_identity(step: Any) -> bool:
    """Return True for a step that passes its input on."""
    if isinstance(step, FunctionTransformer):
        return step.func is None or columns.is_check(step.func)
    return step is None or (isinstance(step, str) and step == "passthrough")


def chain(steps: Sequence[Any], sample: np.ndarray) -> Operation:
    """Return the steps as one function. `sample` has rows of the input, on which each step is compared."""
    operations: list[Operation] = []
    for step in steps:
        if is_identity(step):
            continue
        known, expected = _known(step), dense(step, sample)
        is_proven = known is not None and same(known(sample), expected)
        operations.append(known if known is not None and is_proven else partial(dense, step))
        sample = expected
    return operations[0] if len(operations) == 1 else partial(_in_turn, operations)


def dense(step: Any, rows: Any) -> np.ndarray:
    """Return the result of `transform` of a step as an array of float64."""
    found = step.transform(rows)
    return np.asarray(found.toarray() if sparse.issparse(found) else found, dtype=np.float64)


def same(one: np.ndarray, other: np.ndarray) -> bool:
    """Return True if two arrays have the same numbers, NaN included."""
    return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True)


def _in_turn(operations: Sequence[Operation], rows: np.ndarray) -> np.ndarray:
    for operation in operations:
        rows = operation(rows)
    return rows


def _known(step: Any) -> Operation | None:
    """Return a faster `transform` of a step, in the same order of operations as scikit-learn."""
    kind = type(step)
    if kind is SimpleImputer:
        return None if step.add_indicator else partial(_filled, np.asarray(step.statistics_))
    if kind is StandardScaler:
        return partial(_shifted, step.mean_ if step.with_mean else None, step.scale_)
    if kind is RobustScaler:
        center, scale = step.with_centering, step.with_scaling
        return partial(_shifted, step.center_ if center else None, step.scale_ if scale else None)
    if kind is MaxAbsScaler:
        return partial(_shifted, None, step.scale_)
    if kind is MinMaxScaler:
        limits = step.feature_range if step.clip else None
        return partial(_stretched, step.scale_, step.min_, limits)
    if kind is FunctionTransformer and isinstance(step.func, np.ufunc) and not step.kw_args:
        return step.func
    return None


def _filled(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(rows), values, rows)


def _shifted(center: Any, scale: Any, rows: np.ndarray) -> np.ndarray:
    if center is not None:
        rows = rows - center
    return rows if scale is None else rows / scale


def _stretched(scale: Any, least: Any, limits: Any, rows: np.ndarray) -> np.ndarray:
    rows = rows * scale
    rows += least
    return rows if limits is None else np.clip(rows, *limits)
