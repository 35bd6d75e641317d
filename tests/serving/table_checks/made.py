"""Make table models, serve them without HTTP, and compare. Runs in a project, among its libraries."""

import os
import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, "serving")

import numpy as np
import orjson
import pandas as pd
from model_handler import ModelHandler
from runtime.inference import Inference
from sklearn.base import BaseEstimator, clone
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

random = np.random.default_rng(0)
ROWS = 120
FRAME = pd.DataFrame(
    {
        "age": random.integers(18, 80, ROWS).astype(float),
        "income": random.normal(50_000, 9_000, ROWS),
        "city": random.choice(["Bonn", "Graz, old", 'Lund "S"'], ROWS),
        "plan": random.choice(["basic", "gold"], ROWS),
    }
)
TARGETS = {
    "two": random.choice(["no", "yes"], ROWS),
    "three": random.integers(0, 3, ROWS),
    "number": random.normal(size=ROWS) + FRAME["age"].to_numpy() / 10,
}
NUMBERS, TEXTS = ["age", "income"], ["city", "plan"]
JSON = "application/json"


def usual(model: Any, encoder: Any = None) -> Any:
    """Return a pipeline of the usual kind: numbers filled in and scaled, texts encoded."""
    encoder = encoder or OneHotEncoder(handle_unknown="ignore")
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return make_pipeline(make_column_transformer((numbers, NUMBERS), (clone(encoder), TEXTS)), model)


def by_age(frame: pd.DataFrame) -> pd.DataFrame:
    """Return numbers from a frame: a function that a pipeline can hold."""
    return frame[["age"]] * 2


class Own(BaseEstimator):
    """An estimator of another library."""

    def fit(self, frame: pd.DataFrame, _y: Any) -> "Own":
        """Remember the columns."""
        self.feature_names_in_, self.n_features_in_ = np.array([*frame.columns], dtype=object), frame.shape[1]
        return self

    def predict(self, rows: Any) -> Any:
        """Return the sum of each row."""
        return np.asarray(rows).sum(axis=1)


def served(model: Any) -> Inference:
    """Return a server of a model, as it is after its start."""
    os.environ["MODEL_DIR"] = "model"
    Path("model").mkdir(exist_ok=True)
    Path("model/model.pkl").write_bytes(pickle.dumps(model))
    ModelHandler.MODEL_FILE = "model.pkl"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Inference()


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON objects, with null for missing values."""
    rows = [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False)]
    return [{k: None if v != v else v for k, v in row.items()} for row in rows]


def answer(server: Inference, document: Any, content_type: str = JSON, accept: str | None = None) -> Any:
    """Return the answer to a document, or to bytes as they are: the message of an error."""
    body = (
        document if isinstance(document, bytes) else orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    )
    status, answered, media_type, _ = server.answer(body, content_type, accept, None)
    if media_type != JSON:
        return answered
    found = orjson.loads(answered)
    return found if status == 200 else f"{status} {found['message']}"


def same(one: Any, other: Any) -> bool:
    """Return whether predictions are equal, numbers to 1e-9; null is for one that is not finite."""
    one, other = np.asarray(one), np.asarray(other)
    if one.shape != other.shape:
        return False
    if one.dtype == other.dtype == object and ((one == None) == (other == None)).all():  # noqa: E711
        one, other = (np.array([x for x in side.flat if x is not None]) for side in (one, other))
    if one.dtype.kind == "f":
        return bool(np.allclose(one, other, rtol=1e-9, atol=1e-9, equal_nan=False))
    return bool((one == other).all())
