"""The plain stack that `make bench` compares with: Flask, json and the model's own predict, nothing else."""

import json
import os
from typing import Any

import numpy as np
from flask import Flask, Response, request


def load(framework: str, path: str) -> Any:
    """Return a function from rows to predictions, as tutorials write it."""
    if framework == "sklearn":
        import joblib

        return joblib.load(path).predict
    if framework == "xgboost":
        import xgboost

        booster = xgboost.Booster(model_file=path)
        return lambda rows: booster.predict(xgboost.DMatrix(rows))
    if framework == "lightgbm":
        import lightgbm

        return lightgbm.Booster(model_file=path).predict
    import tensorflow as tf

    model = tf.keras.models.load_model(path)
    return lambda rows: model.predict(rows, verbose=0)


predict = load(os.environ["FRAMEWORK"], os.environ["MODEL"])
app = Flask(__name__)


@app.get("/ping")
def ping() -> str:
    """Answer 200."""
    return ""


@app.post("/invocations")
def invocations() -> Response:
    """Answer predictions."""
    rows = np.array(json.loads(request.data)["instances"])
    return Response(json.dumps({"predictions": predict(rows).tolist()}), mimetype="application/json")
