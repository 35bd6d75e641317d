"""Model directories of MLflow, and SageMaker's archives with and without an inference.py."""

import json
import tarfile
import warnings
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import mlflow
import numpy as np
import pandas as pd
import xgboost
from cases import ASKED, NUMBER, YES, X, random, records, request, write
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

warnings.simplefilter("ignore")
FRAME = pd.DataFrame(X, columns=["a", "b", "c", "d"]).assign(city=random.choice(["Bonn", "Oslo"], len(X)))
ROWS = FRAME[:ASKED]
SMALL = {"n_estimators": 3, "n_jobs": 1}
SCRIPT = """
import json, os
import joblib

def model_fn(model_dir):
    return joblib.load(os.path.join(model_dir, "model.joblib"))

def input_fn(body, content_type):
    return json.loads(body)["instances"]

def predict_fn(rows, model):
    return model.predict(rows)

def output_fn(prediction, accept):
    return json.dumps([round(value, 6) for value in prediction.tolist()]), accept
"""


class Python(mlflow.pyfunc.PythonModel):
    """A model that only MLflow runs."""

    def predict(self, context: Any, model_input: Any) -> Any:
        """Return the first column."""
        return model_input[:, 0]


def of_mlflow() -> None:
    """Write model directories."""
    encoder = make_column_transformer((OneHotEncoder(), ["city"]), (StandardScaler(), ["a", "b"]))
    table = make_pipeline(encoder, LogisticRegression()).fit(FRAME, YES)
    asked = [request(records(ROWS), table.predict(ROWS))]
    signature = mlflow.models.infer_signature(FRAME, table.predict(FRAME))
    for kind, expected in (("cloudpickle", "served"), ("pickle", "served"), ("skops", "refused")):
        more = {"serialization_format": kind, "signature": signature, "input_example": ROWS[:2]}
        write(
            f"mlflow sklearn {kind}",
            lambda path, m=more: mlflow.sklearn.save_model(table, str(path), **m),
            asked,
            "model",
            expected,
        )
    boosted = xgboost.XGBRegressor(**SMALL).fit(X, NUMBER)
    asked = [request(X[:ASKED], boosted.predict(X[:ASKED]))]
    write(
        "mlflow xgboost",
        lambda path: mlflow.xgboost.save_model(boosted, str(path)),
        asked,
        "model",
        tolerance=1e-6,
    )
    light = lightgbm.LGBMRegressor(min_child_samples=5, verbose=-1, **SMALL).fit(X, NUMBER)
    asked = [request(X[:ASKED], light.predict(X[:ASKED]))]
    write(
        "mlflow lightgbm", lambda path: mlflow.lightgbm.save_model(light.booster_, str(path)), asked, "model"
    )
    write(
        "mlflow lightgbm, wrapper",
        lambda path: mlflow.lightgbm.save_model(light, str(path)),
        asked,
        "model",
        "either",
    )
    write(
        "mlflow Python",
        lambda path: mlflow.pyfunc.save_model(str(path), python_model=Python()),
        asked,
        "model",
        "refused",
    )


def packed(path: Path, files: dict[str, Any]) -> None:
    """Write an archive. A value is a text, or an object that joblib dumps."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            inner = path.parent / name.replace("/", "-")
            if isinstance(content, str):
                inner.write_text(content)
            else:
                joblib.dump(content, inner)
            archive.add(inner, name)
            inner.unlink()


def archives() -> None:
    """Write SageMaker's archives."""
    model = Ridge().fit(X, NUMBER)
    answer = model.predict(X[:ASKED])
    asked = [request(X[:ASKED], answer)]
    write("model.tar.gz", lambda path: packed(path, {"model.joblib": model}), asked, "model.tar.gz")
    rounded = [request(X[:ASKED], np.round(answer, 6))]
    with_script = {"model.joblib": model, "code/inference.py": SCRIPT}
    write("model.tar.gz with inference.py", lambda path: packed(path, with_script), rounded, "model.tar.gz")
    boosted = xgboost.XGBRegressor(**SMALL).fit(X, NUMBER)
    text = bytes(boosted.get_booster().save_raw("json")).decode()
    asked = [request(X[:ASKED], boosted.predict(X[:ASKED]))]
    write(
        "model.tar.gz of XGBoost",
        lambda path: packed(path, {"model.json": text}),
        asked,
        "model.tar.gz",
        tolerance=1e-6,
    )
    named = {"model.joblib": model, "scaler.joblib": StandardScaler().fit(X)}
    asked = [request(X[:ASKED], answer)]
    write("model.tar.gz of a model and more", lambda path: packed(path, named), asked, "model.tar.gz")
    two = {"one.joblib": model, "two.joblib": model}
    write("model.tar.gz of two models", lambda path: packed(path, two), asked, "model.tar.gz", "refused")
    notes = {"notes.txt": json.dumps({"a": 1})}
    write("model.tar.gz without a model", lambda path: packed(path, notes), asked, "model.tar.gz", "refused")


if __name__ == "__main__":
    of_mlflow()
    archives()
