"""Write models of scikit-learn: of an array, of a DataFrame and of texts."""

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from cases import ASKED, NUMBER, YES, X, random, records, request, write
from sklearn import linear_model
from sklearn.compose import make_column_transformer as columns
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

warnings.simplefilter("ignore")
VERSION = tuple(map(int, sklearn.__version__.split(".")[:2]))
LR = linear_model.LogisticRegression
OPTIONS = {"random_state": 0}
FRAME = pd.DataFrame(
    {
        "age": (X[:, 0] * 10 + 40).round(1),
        "income": (X[:, 1] * 9000 + 50000).round(),
        "children": random.integers(0, 4, len(X)),
        "member": X[:, 2] > 0,
        "city": random.choice(["Bonn", "Graz, old", 'Lund "S"'], len(X)),
        "plan": random.choice(["basic", "gold"], len(X)),
        "note": random.choice(["late again", "paid in time", "asked for help", "paid late"], len(X)),
    }
)
HOLES = FRAME.copy()
HOLES.loc[::7, "age"] = np.nan
HOLES.loc[::9, "city"] = np.nan
NUMBERS, TEXTS = ["age", "income", "children"], ["city", "plan"]
scaled = make_pipeline(SimpleImputer(), StandardScaler())


def predicted(model: Any, rows: Any, sent: Any) -> list[dict[str, Any]]:
    found = [request(sent, model.predict(rows)), request(sent[:1], model.predict(rows[:1]))]
    if hasattr(model, "predict_proba") and not isinstance(model.predict_proba(rows), list):
        found.append(request(sent, model.predict_proba(rows), output="probabilities"))
    return found


def save(model: Any, path: Path) -> None:
    path.write_bytes(pickle.dumps(model))


def of_numbers(name: str, model: Any, target: Any = NUMBER, **more: Any) -> None:
    """Write a model of an array."""
    model.fit(X, target)
    rows = X[:ASKED]
    write(name, lambda path: save(model, path), predicted(model, rows, rows), **more)


def of_frame(name: str, model: Any, target: Any = YES, frame: Any = HOLES, **more: Any) -> None:
    """Write a model of a DataFrame, asked by name, in order and as CSV."""
    model.fit(frame, target)
    rows = frame[:ASKED]
    asked = predicted(model, rows, records(rows))
    listed = [list(row.values()) for row in records(rows)]
    asked += [request(listed, model.predict(rows))]
    asked += [request(rows.to_csv(index=False), model.predict(rows), "text/csv")]
    write(name, lambda path: save(model, path), asked, **more)


def of_texts(name: str, model: Any, **more: Any) -> None:
    """Write a model of a list of texts."""
    texts = FRAME["note"].tolist()
    model.fit(texts, YES)
    rows = [*texts[:ASKED], "never seen before"]
    asked = [*predicted(model, rows, rows), request([[text] for text in rows], model.predict(rows))]
    asked += [request("\n".join(rows) + "\n", model.predict(rows), "text/csv")]
    write(name, lambda path: save(model, path), asked, **more)


def usual(encoder: Any, final: Any, numbers: Any = scaled) -> Any:
    """Return a pipeline of the usual kind."""
    return make_pipeline(columns((numbers, NUMBERS), (encoder, TEXTS)), final)
