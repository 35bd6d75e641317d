"""Make the model of this folder, and the predictions of XGBoost for a DataFrame.

Run with XGBoost 3.2.0 and pandas: `python make.py`.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost

HERE = Path(__file__).parent
ROWS = 200
random = np.random.default_rng(0)
cities = pd.CategoricalDtype(["Lund", "Bonn", "Grätz, old"])
codes = pd.CategoricalDtype([7, 5, 9])
frame = pd.DataFrame(
    {
        "city": pd.Series(random.choice(cities.categories, ROWS)).astype(cities),
        "age": random.integers(18, 80, ROWS).astype(float),
        "code": pd.Series(random.choice(codes.categories, ROWS)).astype(codes),
    }
)
target = (frame["city"] == "Bonn") * 3.0 + (frame["code"] == 7) * 2.0 + frame["age"] / 50
options = {"max_depth": 2, "tree_method": "hist", "nthread": 1, "max_cat_to_onehot": 1}
booster = xgboost.train(options, xgboost.DMatrix(frame, target, enable_categorical=True), 4)
booster.save_model(HERE / "xgboost-3.2.0.json")
asked = frame[:6].copy()
asked.loc[0, "city"], asked.loc[1, "code"] = None, None
predicted = booster.predict(xgboost.DMatrix(asked, enable_categorical=True))
rows = [{k: None if v != v else v for k, v in row.items()} for row in asked.astype(object).to_dict("records")]
expected = {"rows": rows, "predictions": [float(value) for value in predicted]}
(HERE / "xgboost-3.2.0-expected.json").write_text(json.dumps(expected, ensure_ascii=False) + "\n")
