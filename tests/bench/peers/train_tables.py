"""Train the pipelines that `make bench` serves: `train_tables.py FOLDER`.

Writes FOLDER/{lr,hgb,rf}/model.pkl and 1,000 rows in FOLDER/rows.csv: three columns of numbers, and three of
text with 20, 10 and 2 categories.
"""

import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROWS, SHOWN = 5000, 1000
NUMBERS = ["age", "income", "hours"]
TEXTS = {"city": 20, "plan": 10, "channel": 2}
MODELS = {
    "lr": LogisticRegression(max_iter=1000),
    "hgb": HistGradientBoostingClassifier(max_iter=100, random_state=0),
    "rf": RandomForestClassifier(n_estimators=100, random_state=0),
}


def frame_of(random: np.random.Generator) -> pd.DataFrame:
    """Return random rows."""
    columns = {
        "age": random.uniform(18, 90, ROWS).round(1),
        "income": random.lognormal(10, 0.6, ROWS).round(2),
        "hours": random.normal(36, 9, ROWS).round(1),
    }
    texts = {name: [f"{name}-{n}" for n in random.integers(0, count, ROWS)] for name, count in TEXTS.items()}
    return pd.DataFrame({**columns, **texts})


def main(folder: Path) -> None:
    """Train and save."""
    random = np.random.default_rng(7)
    frame = frame_of(random)
    score = (frame.age - 50) / 20 + (frame.income - 26000) / 20000 + (frame.plan == "plan-3") * 1.5
    score += (frame.city.str[-1] == "7") * 1.0 + random.normal(0, 0.7, ROWS)
    target = np.where(score > 0, "yes", "no")
    frame[:SHOWN].to_csv(folder / "rows.csv", index=False)
    for name, model in MODELS.items():
        numbers = make_pipeline(SimpleImputer(), StandardScaler())
        texts = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        head = ColumnTransformer([("numbers", numbers, NUMBERS), ("texts", texts, list(TEXTS))])
        (folder / name).mkdir(exist_ok=True)
        joblib.dump(make_pipeline(head, model).fit(frame, target), folder / name / "model.pkl")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
