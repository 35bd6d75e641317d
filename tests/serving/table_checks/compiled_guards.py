"""Attributes of scikit-learn that are gone, changed or misread cost speed, and change no answer."""

import contextlib
import logging
import sys
from collections.abc import Iterator
from typing import Any
from unittest import mock

import orjson
from made import FRAME, TARGETS, answer, records, same, served, usual
from runtime import forest
from runtime.compiled import boosting, categories, head, linear
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder, StandardScaler

logged: list[logging.LogRecord] = []
handler = logging.Handler()
handler.emit = logged.append  # type: ignore[method-assign]
logging.getLogger("serving").addHandler(handler)
logging.getLogger("serving").setLevel("INFO")


@contextlib.contextmanager
def unlike(owner: type, name: str, change: Any = None) -> Iterator[None]:
    """Change or remove an attribute for the modules of the server alone."""

    def read(self: Any) -> Any:
        value = self.__dict__[name]
        if not sys._getframe(1).f_globals["__name__"].startswith("runtime."):
            return value
        if change is None:
            raise AttributeError(f"{owner.__name__} has no {name}")
        return change(value)

    def write(self: Any, value: Any) -> None:
        self.__dict__[name] = value

    setattr(owner, name, property(read, write))
    try:
        yield
    finally:
        delattr(owner, name)


def broken(*_arguments: Any, **_named: Any) -> Any:
    raise TypeError("it takes other arguments now")


def double(value: Any) -> Any:
    return value * 2


def wrong(_base: Any, _count: int, rows: Any, places: Any, values: Any) -> Any:
    return rows, places, values + 1


def answered_as_the_model(model: Any) -> str:
    """Return the path that serves a model, after comparing its answers with those of the model."""
    logged.clear()
    server = served(model)
    for rows in (1, 9, len(FRAME)):
        some = FRAME[:rows]
        document = {"instances": records(some), "parameters": {"output": "both"}}
        found = answer(server, document)
        assert same(found["predictions"], model.predict(some)), rows
        assert same(found["probabilities"], model.predict_proba(some)), rows
    return str(orjson.loads(server.status())["path"])


sparse = "sparse_output" if "sparse_output" in OneHotEncoder().get_params() else "sparse"  # before 1.2
dense = OneHotEncoder(handle_unknown="ignore", **{sparse: False})
HGB = HistGradientBoostingClassifier
SMALL = (LogisticRegression(), RandomForestClassifier(5), HGB(max_iter=4))
MODELS = {type(model): usual(model, dense).fit(FRAME, TARGETS["two"]) for model in SMALL}
tree = type(MODELS[HGB][-1]._predictors[0][0])
NOT_LEFT = "scikit-learn"
BREAKS: list[tuple[str, type, Any, str]] = [
    ("no trees", HGB, unlike(HGB, "_predictors"), "compiled"),
    ("fewer trees", HGB, unlike(HGB, "_predictors", lambda trees: trees[:-1]), "compiled"),
    ("no start", HGB, unlike(HGB, "_baseline_prediction"), "compiled"),
    ("another start", HGB, unlike(HGB, "_baseline_prediction", lambda start: start + 1), "compiled"),
    ("no bins", HGB, unlike(HGB, "_bin_mapper"), "compiled"),
    ("other nodes", HGB, unlike(tree, "nodes", lambda nodes: nodes[["value"]]), "compiled"),
    ("no sets", HGB, unlike(tree, "raw_left_cat_bitsets"), "compiled"),
    ("other sums", HGB, mock.patch.object(boosting.Boosting, "raw", broken), "compiled"),
    ("no Tree", RandomForestClassifier, mock.patch.object(forest, "Tree", None), "compiled"),
    ("another Tree", RandomForestClassifier, mock.patch.object(forest, "Tree", broken), "compiled"),
    ("other leaves", RandomForestClassifier, mock.patch.object(forest.Forest, "_few", broken), "compiled"),
    ("no coefficients", LogisticRegression, unlike(LogisticRegression, "coef_"), "compiled"),
    ("other coefficients", LogisticRegression, unlike(LogisticRegression, "coef_", double), "compiled"),
    ("another start", LogisticRegression, unlike(LogisticRegression, "intercept_", double), "compiled"),
    ("other sums", LogisticRegression, mock.patch.object(linear, "_sums", broken), "compiled"),
    ("no scale", LogisticRegression, unlike(StandardScaler, "scale_"), NOT_LEFT),
    ("another scale", LogisticRegression, unlike(StandardScaler, "scale_", double), "compiled"),
    ("other tables", HGB, mock.patch.object(categories, "_fewer", wrong), NOT_LEFT),
    ("no places", HGB, mock.patch.object(head.leaves, "of_steps", broken), NOT_LEFT),
]
for kind, model in MODELS.items():
    assert answered_as_the_model(model) == "compiled", kind
for name, kind, change, expected in BREAKS:
    with change:
        path = answered_as_the_model(MODELS[kind])
    lines = [record.getMessage() for record in logged]
    assert path == expected, (name, kind.__name__, path, lines)
    wanted = "serving with scikit-learn, because" if path == NOT_LEFT else " is not computed by "
    said = [line for line in lines if wanted in line]
    assert said or name in ("another scale", "no coefficients"), (name, lines)
    warned = [record for record in logged if record.levelno >= logging.WARNING]
    assert len(warned) == (path == NOT_LEFT), lines
assert answered_as_the_model(MODELS[HGB]) == "compiled"
print("guarded", len(BREAKS))
