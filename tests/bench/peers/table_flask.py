"""The plain stack for tables: Flask, json, pandas and the model's own predict, as tutorials write it."""

import io
import json
import os

import joblib
import pandas as pd
from flask import Flask, Response, request

model = joblib.load(os.environ["MODEL"])
app = Flask(__name__)


@app.get("/ping")
def ping() -> str:
    """Answer 200."""
    return ""


@app.post("/invocations")
def invocations() -> Response:
    """Answer predictions."""
    if request.content_type == "text/csv":
        frame = pd.read_csv(io.BytesIO(request.data))
    else:
        document = json.loads(request.data)
        rows = document.get("instances")
        frame = pd.DataFrame(rows) if rows else pd.DataFrame(document["data"], columns=document["columns"])
    return Response(json.dumps({"predictions": model.predict(frame).tolist()}), mimetype="application/json")
