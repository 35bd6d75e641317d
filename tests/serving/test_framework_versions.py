"""The server rejects a model of another version with one line, even if the file hides the version."""

import shutil

import pytest

from tests.conftest import REPOSITORY, Render
from tests.serving.test_contract import run_among_libraries

MODELS = REPOSITORY / "tests" / "data" / "models"
START = """
import os, sys
sys.path.insert(0, "serving")
os.environ["MODEL_DIR"] = "model"
from runtime.inference import Inference
Inference()
print("loaded")
"""
HIDDEN = """
import pickle, sys
sys.path.insert(0, "serving")
from pathlib import Path
import sklearn
from runtime import artifacts
from sklearn.linear_model import Ridge
from model_handler import ModelHandler
model, path = Ridge().fit([[1.0], [2.0]], [1.0, 2.0]), Path("model.pkl")
saved = pickle.dumps(model)
assert saved.count(sklearn.__version__.encode()) == 1
look = artifacts.look
for version, refused in ((sklearn.__version__, False), ("1.7.0", False), ("1.6.0", True)):
    path.write_bytes(saved.replace(sklearn.__version__.encode(), version.encode()))
    for artifacts.look in (look, lambda path: artifacts.Artifact()):
        try:
            ModelHandler().load(path)
            assert not refused, version
        except artifacts.Unsuitable as error:
            assert refused and "saved by scikit-learn 1.6.0" in str(error), (version, error)
print("all tried")
"""
MOVED = """
import importlib, sys
sys.path.insert(0, "serving")
from sklearn.ensemble import RandomForestRegressor
model = RandomForestRegressor(3).fit([[1.0], [2.0]], [1.0, 2.0])
for name in ("sklearn.ensemble._gradient_boosting", "sklearn.tree._tree"):
    kept, sys.modules[name] = sys.modules[name], None
    forest = importlib.import_module("runtime.forest")
    assert forest.fast_predict(model) is None, name
    sys.modules[name] = kept
    del sys.modules["runtime.forest"]
forest = importlib.import_module("runtime.forest")
assert forest.fast_predict(model) is not None
print("served")
"""


@pytest.mark.xdist_group("http-flask")
@pytest.mark.parametrize(
    ("framework", "name", "message"),
    [
        ("sklearn", "sklearn-1.9.1.joblib", "saved by scikit-learn 1.9.1. Version 1.7.1 might fail"),
        ("xgboost", "xgboost-3.4.1.json", "saved by XGBoost 3.4.1. The older version 2.1.3 loads it"),
    ],
)
def test_a_model_of_another_version_ends_the_start_in_one_line(
    render: Render, framework: str, name: str, message: str
) -> None:
    project = render(deployment_config="http-flask", framework=framework)
    shutil.copy(
        MODELS / name, project / "model" / ("model" + {"sklearn": ".pkl", "xgboost": ".json"}[framework])
    )
    answer = run_among_libraries(project, framework, "http-flask", START)
    assert answer.returncode == 3 and "loaded" not in answer.stdout
    (line,) = answer.stderr.strip().splitlines()
    assert line.startswith("serve: cannot load the model model/model.") and message in line


@pytest.mark.xdist_group("http-flask")
def test_what_the_file_hides_the_warning_of_scikit_learn_tells(render: Render) -> None:
    answer = run_among_libraries(render(deployment_config="http-flask"), "sklearn", "http-flask", HIDDEN)
    assert answer.stdout.strip() == "all tried", answer.stderr


@pytest.mark.xdist_group("http-flask")
def test_a_private_module_that_moved_stops_no_server(render: Render) -> None:
    answer = run_among_libraries(render(deployment_config="http-flask"), "sklearn", "http-flask", MOVED)
    assert answer.stdout.strip() == "served", answer.stderr
