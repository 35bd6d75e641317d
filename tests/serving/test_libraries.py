"""Handlers of libraries answer what the library itself predicts, and refuse at the start what they cannot."""

import pytest

from tests.conftest import Render
from tests.serving.test_contract import run_among_libraries

# What the sources below start with: `served` returns the predictions of a project's handler for a model.
START = """
import os, pickle, sys
sys.path.insert(0, "serving")
from pathlib import Path
import numpy as np
import model_handler
from runtime.codec import RequestError

rows = np.random.default_rng(0).random((500, 4))
texts = np.where(rows[:, 0] > 0.5, "b", np.where(rows[:, 1] > 0.5, "a", "c"))

def loaded(path):
    handler = model_handler.ModelHandler()
    handler.load(Path(path))
    return handler

def served(path, rows):
    handler = loaded(path)
    return handler.postprocess(handler.predict(handler.preprocess(rows)))

def refusal(path, kind=ValueError):
    try:
        loaded(path)
    except kind as error:
        return str(error)
    raise AssertionError(f"{path} was loaded")

some = [[0.1, 0.2, 0.3, 0.4], [0.9, None, 0.1, 0.0], [0.3, 0.9, 0.5, 0.5]]
array = np.array([[np.nan if value is None else value for value in row] for row in some])
"""
LIGHTGBM_TEXT = """
import lightgbm
quiet = {"verbose": -1, "num_threads": 1, "num_leaves": 7}
for objective, target in (
    ({"objective": "regression"}, rows[:, 0]),
    ({"objective": "binary"}, rows[:, 0] > 0.5),
    ({"objective": "multiclass", "num_class": 3}, (rows[:, 1] * 3).astype(int)),
):
    booster = lightgbm.train({**quiet, **objective}, lightgbm.Dataset(rows, target), 5)
    booster.save_model("own.txt")
    assert served("own.txt", some) == booster.predict(array).tolist(), objective
    assert loaded("own.txt").row_shape == (4,)
text = Path("own.txt").read_text()
Path("own.txt").write_text(text.replace("pandas_categorical:null", 'pandas_categorical:[["x", "y"]]'))
assert "trained with category columns of a DataFrame. Rows have only numbers" in refusal("own.txt")
assert len(refusal("own.txt")) < 300  # the server's limit
Path("own.txt").write_text(text[: len(text) // 2])
assert refusal("own.txt") == "own.txt is cut off, or no text file of LightGBM: it has no line 'end of trees'"
assert not model_handler.ModelHandler.LOAD_AFTER_FORK  # with one thread, workers share the model
os.environ["OMP_NUM_THREADS"] = "2"
del sys.modules["model_handler"]
import model_handler
assert model_handler.ModelHandler.LOAD_AFTER_FORK
print("all tried")
"""
LIGHTGBM_PICKLE = """
import joblib, lightgbm
from sklearn.pipeline import make_pipeline
options = {"n_estimators": 5, "verbose": -1, "n_jobs": 1}
classifier = lightgbm.LGBMClassifier(**options).fit(rows, texts)
regressor = lightgbm.LGBMRegressor(**options).fit(rows, rows[:, 0])
for model in (classifier, regressor, regressor.booster_):
    for dump in (lambda: pickle.dump(model, open("own.pkl", "wb")), lambda: joblib.dump(model, "own.pkl")):
        dump()
        assert served("own.pkl", some) == model.predict(array).tolist(), model
assert set(served("own.pkl", some)) != set("abc")
joblib.dump(make_pipeline(regressor), "own.pkl")
assert "has a Pipeline, which is no model of LightGBM itself. Use framework=sklearn" in refusal("own.pkl")
print("all tried")
"""
CASES = {  # framework, format, server with which test_contract.py makes the environment
    "LightGBM text": ("lightgbm", "txt", "http-flask", LIGHTGBM_TEXT),
    "LightGBM pickle": ("lightgbm", "pkl", "http-fastapi", LIGHTGBM_PICKLE),
}


@pytest.mark.parametrize("case", [pytest.param(c, marks=pytest.mark.xdist_group(CASES[c][2])) for c in CASES])
def test_predictions_are_the_library_s_own(render: Render, case: str) -> None:
    framework, model_format, server, source = CASES[case]
    project = render(deployment_config=server, framework=framework, model_format=model_format)
    done = run_among_libraries(project, framework, server, START + source)
    assert done.stdout.splitlines()[-1:] == ["all tried"], done.stdout + done.stderr
    assert done.stderr == ""
