"""Make the models of this folder. Run by hand, with uv:

PACKAGES=scikit-learn,pandas,cloudpickle,lightgbm,catboost,keras,jax,mlflow-skinny
KERAS_BACKEND=jax uv run --no-project --with $PACKAGES python tests/data/inspected/make.py
"""

import os
import pickle
import shutil
from pathlib import Path

import catboost
import cloudpickle
import joblib
import keras
import lightgbm
import mlflow
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

os.chdir(Path(__file__).resolve().parent)
rng = np.random.default_rng(0)
rows = pd.DataFrame({"city": ["Rome", "Oslo", "Rome", "Bonn"] * 10, "age": rng.integers(1, 90, 40)})
rows["income"] = rng.random(40)
labels = np.array(["no", "yes"] * 20)


class Clip:
    """A class that exists in this script only."""


@keras.saving.register_keras_serializable(package="mine")
class Own(keras.layers.Layer):
    """A layer that Keras does not have."""

    def call(self, inputs):
        """Return the inputs."""
        return inputs


def of_scikit_learn() -> None:
    """Make pickles and dumps, and an MLflow directory of one."""
    numeric = ("numeric", make_pipeline(StandardScaler()), ["age", "income"])
    encoder = ColumnTransformer([("city", OneHotEncoder(), ["city"]), numeric])
    model = make_pipeline(encoder, LogisticRegression()).fit(rows, labels)
    joblib.dump(model, "columns.joblib")
    for protocol in (0, 2, 4, 5):
        with open(f"columns-{protocol}.pkl", "wb") as file:
            pickle.dump(model, file, protocol)
    with open("dictionary.pkl", "wb") as file:
        pickle.dump({"model": model, "threshold": 0.5}, file)
    with open("main.pkl", "wb") as file:
        pickle.dump(Clip(), file)
    with open("cloudpickle.pkl", "wb") as file:
        own = make_pipeline(FunctionTransformer(lambda numbers: numbers), LogisticRegression())
        cloudpickle.dump(own.fit(rng.random((4, 2)), [0, 1, 0, 1]), file)
    shutil.rmtree("mlflow", ignore_errors=True)
    signature = mlflow.models.infer_signature(rows, model.predict(rows))
    mlflow.sklearn.save_model(
        model, "mlflow", serialization_format="cloudpickle", input_example=rows[:2], signature=signature
    )
    for extra in ("conda.yaml", "python_env.yaml", "requirements.txt", "serving_input_example.json"):
        Path("mlflow", extra).unlink()


def of_others() -> None:
    """Make files of LightGBM, CatBoost and Keras."""
    categories = rows.assign(city=rows.city.astype("category"))
    model = lightgbm.LGBMClassifier(n_estimators=2, min_child_samples=2, verbose=-1)
    model.fit(categories, [0, 1] * 20).booster_.save_model("lightgbm.txt")
    joblib.dump(model, "lightgbm.joblib")
    model = catboost.CatBoostClassifier(iterations=2, verbose=0, allow_writing_files=False)
    model.fit(rows, labels, cat_features=["city"]).save_model("catboost.cbm")
    keras.Sequential([keras.Input((4,), name="rows"), keras.layers.Dense(2), Own()]).save("own-layer.keras")
    first, second = keras.Input((4,), name="first"), keras.Input((3,), name="second")
    keras.Model([first, second], keras.layers.Concatenate()([first, second])).save("two-inputs.h5")
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save_weights("only.weights.h5")


if __name__ == "__main__":
    of_scikit_learn()
    of_others()
