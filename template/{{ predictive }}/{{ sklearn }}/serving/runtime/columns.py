# Part of the library: `copier update` replaces this file.
"""The columns of a scikit-learn model: their types and accepted values, as its fitted steps state them."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import sklearn.utils
from runtime.column import ANY, BOOLEAN, NUMBER, STRING, Column, is_missing
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer

TYPICAL = ("statistics_", "mean_", "center_", "data_min_")  # attributes with one value per column
# Estimators that pass their rows on to others, and the attributes with the fitted ones.
WRAPPERS = (
    *("sklearn.model_selection", "sklearn.compose._target", "sklearn.calibration", "sklearn.multiclass"),
    *("sklearn.multioutput", "sklearn.ensemble._voting", "sklearn.ensemble._stacking", "sklearn.frozen"),
)
WRAPPED = (
    "best_estimator_",
    "regressor_",
    "calibrated_classifiers_",
    "estimators_",
    "estimator_",
    "estimator",
)


log = logging.getLogger("serving")


def of_model(model: Any) -> tuple[Column, ...]:
    """Return the columns of a model in the order of training, () if their number is unknown.

    Columns without a name are called by their position.
    """
    count = getattr(model, "n_features_in_", 0)
    names = [str(name) for name in getattr(model, "feature_names_in_", range(count))]
    found: dict[str, Column] = {}
    try:
        for use in _uses([model], names):
            found[use.name] = _both(found[use.name], use) if use.name in found else use
    except Exception as error:  # other estimators and releases can have other attributes
        log.warning("the types of the columns are not checked: %s: %s", type(error).__name__, error)
        found = {}
    return tuple(found.get(name, Column(name)) for name in names)


def accept_missing(model: Any) -> bool:
    """Return True if every column of a model accepts missing values."""
    found = of_model(model)
    if not found or any(column.type == ANY for column in found):
        return accepts_missing(model)
    return all(column.nullable for column in found)


def takes_texts(model: Any) -> bool:
    """Return True if a model begins with a vectorizer of texts, so that a row is one text."""
    if isinstance(model, Pipeline):
        return any(takes_texts(step) for _, step in model.steps[:1])
    if isinstance(model, FeatureUnion):
        return any(takes_texts(transformer) for _, transformer in model.transformer_list)
    return hasattr(model, "build_analyzer") or any(map(takes_texts, _wrapped(model)))


def needs_frame(model: Any) -> bool:
    """Return True if some step of a model selects columns by name, or might do so."""
    parts = [model, *getattr(model, "get_params", dict)().values()]
    return any(map(_selects, parts)) or any(map(needs_frame, _wrapped(model)))


def accepts_missing(estimator: Any) -> bool:
    """Return True if an estimator accepts NaN, by its tags, which scikit-learn 1.6 made public."""
    if hasattr(sklearn.utils, "get_tags"):
        return bool(sklearn.utils.get_tags(estimator).input_tags.allow_nan)
    tags: dict[str, Any] = estimator._get_tags() if hasattr(estimator, "_get_tags") else {}
    return bool(tags.get("allow_nan", False))


def is_check(function: Any) -> bool:
    """Return True for the check of numbers that histogram gradient boosting puts before its trees."""
    return isinstance(function, partial) and getattr(function.func, "__name__", "") == "check_array"


def chosen(columns: Any, names: Sequence[str]) -> list[str]:
    """Return the names that a column specification selects: names, positions, a slice or a mask."""
    if isinstance(columns, slice):
        ends = (names.index(end) if isinstance(end, str) else end for end in (columns.start, columns.stop))
        start, stop = ends
        by_name = isinstance(columns.stop, str)
        return list(names[slice(start, stop + 1 if by_name and stop is not None else stop, columns.step)])
    listed = list(np.atleast_1d(np.asarray(columns, dtype=object)))
    if listed and all(isinstance(item, (bool, np.bool_)) for item in listed):
        return [name for name, is_chosen in zip(names, listed, strict=True) if is_chosen]
    return [str(item) if isinstance(item, str) else names[item] for item in listed]


def _selects(part: Any) -> bool:
    if isinstance(part, FunctionTransformer):
        return part.func is not None and not isinstance(part.func, np.ufunc)
    if isinstance(part, ColumnTransformer) or getattr(part, "_preprocessor", None) is not None:
        return True
    return hasattr(part, "transform") and not type(part).__module__.startswith("sklearn.")


def _wrapped(estimator: Any) -> list[Any]:
    if not type(estimator).__module__.startswith(WRAPPERS):
        return []
    found: Any = next((getattr(estimator, name) for name in WRAPPED if hasattr(estimator, name)), [])
    return [each for each in found if not isinstance(each, str)] if isinstance(found, list) else [found]


def _uses(steps: Sequence[Any], names: Sequence[str]) -> Iterator[Column]:
    """Yield how the steps, in order, use each of the columns `names`, up to the step that gives it a type."""
    if not steps:
        yield from (_numeric(name) for name in names)
        return
    first, rest = steps[0], steps[1:]
    if isinstance(first, Pipeline):
        yield from _uses([*(step for _, step in first.steps), *rest], names)
    elif isinstance(first, FeatureUnion):
        for _, transformer in first.transformer_list:
            if not isinstance(transformer, str) or transformer != "drop":
                yield from _uses([transformer, *rest], names)
    elif isinstance(first, ColumnTransformer):
        for _, transformer, columns in first.transformers_:
            own = chosen(columns, names)
            if isinstance(transformer, str) and transformer == "drop":
                yield from (Column(name, used=False) for name in own)
            else:
                yield from _uses([transformer, *rest], own)
    elif wrapped := _wrapped(first):
        for estimator in wrapped:
            yield from _uses([estimator, *rest], names)
    elif getattr(first, "_preprocessor", None) is not None:  # of histogram gradient boosting
        yield from _uses([first._preprocessor], names)
    else:
        yield from _used_by(first, rest, names)


def _used_by(step: Any, rest: Sequence[Any], names: Sequence[str]) -> Iterator[Column]:
    if step is None or isinstance(step, str) or _passes_on(step):
        yield from _uses(rest, names)
    elif hasattr(step, "categories_"):
        for name, categories in zip(names, step.categories_, strict=False):
            yield _categorical(name, categories, step)
    elif type(step).__module__ == "sklearn.impute._base" and hasattr(step, "statistics_"):
        yield from _imputed(step, rest, names)
    elif type(step).__module__ == "sklearn.feature_extraction.text":
        yield from (Column(name, STRING, nullable=False, example="text") for name in names)
    elif not type(step).__module__.startswith("sklearn.") or isinstance(step, FunctionTransformer):
        yield from (Column(name) for name in names)
    else:
        nullable = _passes_missing([step, *rest])
        for name, example in zip(names, _typical(step, len(names)), strict=True):
            yield replace(_numeric(name, example), nullable=nullable)


def _passes_on(step: Any) -> bool:
    return isinstance(step, FunctionTransformer) and (step.func is None or is_check(step.func))


def _imputed(step: Any, rest: Sequence[Any], names: Sequence[str]) -> Iterator[Column]:
    """Yield the columns of an imputer, each with its use by the steps that follow."""
    statistics = dict(zip(names, step.statistics_.tolist(), strict=True))
    kept = [name for name in names if not is_missing(statistics[name]) or step.keep_empty_features]
    after = {use.name: use for use in _uses(rest, kept)}
    nullable = accepts_missing(step) or step.missing_values is None
    for name, value in statistics.items():
        known = after.get(name, Column(name))
        if known.values is None and step.statistics_.dtype.kind in "fiu":
            known = _numeric(name, _short(value) if value == value else 0.0)
        yield replace(known, nullable=nullable, missing=step.missing_values)


def _categorical(name: str, categories: Any, step: Any) -> Column:
    """Return the column of an encoder. The type of its categories is the type of the column."""
    values = categories.tolist() if hasattr(categories, "tolist") else list(categories)
    lacking = [value for value in values if is_missing(value)]
    known = [value.item() if isinstance(value, np.generic) else value for value in values]
    known = [value for value in known if not is_missing(value)]
    kinds = set(map(type, known))
    kind = STRING if kinds <= {str} else BOOLEAN if kinds == {bool} else ANY
    if kinds and kinds <= {int, float}:
        kind = NUMBER
    refuses = getattr(step, "handle_unknown", "ignore") == "error"
    return Column(
        name,
        kind,
        nullable=bool(lacking) or not refuses,
        values=frozenset(known),
        refuses_unknown=refuses,
        missing=lacking[0] if lacking else None,
        as_given=getattr(categories, "dtype", np.dtype(object)).kind == "O",
        example=known[0] if known else None,
    )


def _numeric(name: str, example: float = 0.0) -> Column:
    return Column(name, NUMBER, missing=float("nan"), example=example)


def _typical(step: Any, count: int) -> list[float]:
    """Return an example value for each of a step's columns."""
    for name in TYPICAL:
        values = np.ravel(np.asarray(getattr(step, name, None)))
        if values.dtype.kind == "f" and len(values) == count and np.isfinite(values).all():
            return [_short(value) for value in values]
    return [0.0] * count


def _passes_missing(steps: Sequence[Any]) -> bool:
    """Return True if the steps accept NaN, up to one that replaces it."""
    for step in steps:
        if step is None or isinstance(step, str):
            continue
        if not accepts_missing(step):
            return False
        if type(step).__module__.startswith("sklearn.impute"):
            return True
    return True


def _both(one: Column, other: Column) -> Column:
    """Return a column that two steps use: it accepts what both accept."""
    if not (one.used and other.used):
        return one if one.used else other
    known = max(one, other, key=lambda use: (use.values is not None, use.type != ANY))
    return replace(
        known,
        nullable=one.nullable and other.nullable,
        refuses_unknown=one.refuses_unknown or other.refuses_unknown,
    )


def _short(value: float) -> float:
    return float(f"{value:.6g}")
