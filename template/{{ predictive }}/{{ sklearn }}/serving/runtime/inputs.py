# Part of the library: `copier update` replaces this file.
"""The input of a scikit-learn model: a table, texts, or the numbers of an array. And whether it predicts."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from runtime import columns, examples, recorded, tables
from runtime.artifacts import Unsuitable
from runtime.codec import RequestError
from runtime.column import ANY, BOOLEAN, DATETIME, INTEGER, NUMBER, STRING, Column
from runtime.tables import Table
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

STATED = {"text": STRING, "number": NUMBER, "integer": INTEGER, "switch": BOOLEAN, "datetime": DATETIME}
EXAMPLES = {STRING: "text", INTEGER: 0, BOOLEAN: False, DATETIME: "2026-01-31T12:00:00"}
TEXT = Column("text", STRING, nullable=False, example="text")


class Texts(Table):
    """Reads rows that are each one text, for a model that begins with a vectorizer of texts."""

    def __init__(self) -> None:
        super().__init__((TEXT,), frame=False)

    def _listed(self, found: Any, body: bytes, more_keys: int) -> Any:
        """Return a list of rows; a text alone is a row, too."""
        if isinstance(found, list):
            found = [[row] if isinstance(row, str) else row for row in found]
        return super()._listed(found, body, more_keys)

    def features(self, rows: Any) -> list[str]:
        """Return decoded rows as a list of texts."""
        texts: list[str] = super().features(rows)[:, 0].tolist()
        return texts


def of_model(model: Any, path: Path) -> Table | None:
    """Return the reader of a model's rows, None for a model that takes arrays of numbers.

    The steps of the model, its MLflow signature and its examples state the types of columns, in this order.
    """
    if columns.takes_texts(model):
        return Texts()
    found = columns.of_model(model)
    if not hasattr(model, "feature_names_in_"):  # trained on an array
        has_others = any(column.type in (STRING, BOOLEAN) for column in found)
        return Table(found, frame=False) if has_others else None
    frame = columns.needs_frame(model)
    if frame or tables.has_pandas():
        types = recorded.stated_types(path)
        found = tuple(_as_stated(column, types.get(column.name, "")) for column in found)
        if any(column.type == ANY and column.used for column in found):
            found = _as_in(examples.read(path.parent, path, quick=True).found, found)
    if not tables.has_pandas() and not frame:  # an estimator of another library, which takes numbers
        nullable = columns.accepts_missing(model)
        found = tuple(replace(c, type=NUMBER, nullable=nullable) if c.type == ANY else c for c in found)
    return Table(found, frame or any(column.type != NUMBER or column.as_given for column in found))


def _as_stated(column: Column, stated: str) -> Column:
    """Return a column with the type that the signature of its model states, unless its steps state more."""
    kind = STATED.get(stated)
    if kind is None or not column.used or column.values is not None:
        return column
    if kind == NUMBER:
        known = replace(column, type=NUMBER, missing=float("nan"), as_stated=True)
        return known if column.type == ANY else column
    if column.type != ANY and kind != BOOLEAN:
        return column
    # A column of numbers or booleans of Python cannot hold a missing value.
    nullable = column.nullable and kind in (STRING, DATETIME)
    return replace(column, type=kind, nullable=nullable, example=EXAMPLES[kind], as_stated=True)


def _as_in(known: Sequence[examples.Example], found: Sequence[Column]) -> tuple[Column, ...]:
    """Return the columns, those without a type with that of all their values in the examples of the model."""
    table = Table(found, frame=False)
    seen: dict[str, list[Any]] = {column.name: [] for column in found}
    for example in known:
        try:
            rows = table.named(table.decode(example.body, example.content_type))
        except RequestError:  # the warm-up reports it
            continue
        for name, values in rows.items():
            seen[name] += [value for value in values if value is not None]
    return tuple(_like(column, seen[column.name]) for column in found)


def _like(column: Column, values: Sequence[Any]) -> Column:
    """Return a column without a type as one of texts or numbers, if `values` are these alone."""
    kinds = {str: "text", int: "number", float: "number"}
    stated = {kinds.get(type(value), "") for value in values}
    if column.type != ANY or len(stated) != 1:
        return column
    return replace(_as_stated(column, stated.pop()), example=values[0])


def require_predictor(model: Any, name: str) -> None:
    """Raise Unsuitable for a model that cannot predict: another kind of object, or one without training."""
    if not hasattr(model, "predict"):
        what = f"{name} is of the class {_described(model)}, which has no predict."
        raise Unsuitable(f"{what} Save the pipeline or the estimator that predicts.")
    final = model.steps[-1][1] if isinstance(model, Pipeline) else model
    if type(final).__module__.startswith("sklearn."):
        try:
            check_is_fitted(final)
        except NotFittedError:
            what = f"{name} is of the class {_described(model)}, and was not trained."
            raise Unsuitable(f"{what} Call its fit, and save it again.") from None


def _described(model: Any) -> str:
    steps: Iterable[Any] = (step for _, step in model.steps) if isinstance(model, Pipeline) else ()
    inner = ", ".join(type(step).__name__ for step in steps)
    return type(model).__name__ + (f" ({inner})" if inner else "")
