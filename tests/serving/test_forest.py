"""The fast path of random forests gives scikit-learn's own numbers, for every kind it takes on."""

import pytest

from tests.conftest import Render
from tests.serving.test_contract import run_among_libraries

COMPARE = """
import sys
sys.path.insert(0, "serving")
import numpy as np
from runtime.forest import BLOCK_ROWS, FEW_ROWS, fast_predict
from sklearn.datasets import make_classification, make_regression
from sklearn.ensemble import (ExtraTreesClassifier, ExtraTreesRegressor, GradientBoostingRegressor,
                              RandomForestClassifier, RandomForestRegressor)

# A row on each threshold of a forest, and on its neighbours among the numbers of 32 bits.
def on_thresholds(model):
    trees = [estimator.tree_ for estimator in model.estimators_]
    feature = np.concatenate([tree.feature[tree.feature >= 0] for tree in trees])
    on = np.concatenate([tree.threshold[tree.feature >= 0] for tree in trees]).astype(np.float32)
    rows = np.random.default_rng(0).normal(size=(3, len(on), model.n_features_in_)).astype(np.float32)
    for some, value in zip(rows, (on, *(np.nextafter(on, np.float32(to)) for to in (-9e9, 9e9)))):
        some[np.arange(len(on)), feature] = value
    return rows.reshape(-1, model.n_features_in_).astype(np.float64)

X, y = make_regression(400, 6, noise=5, random_state=1)
C, c = make_classification(400, 6, n_informative=4, n_classes=3, random_state=1)
names = np.array(["ant", "bee", "cat"])[c]
for kind in (RandomForestRegressor, ExtraTreesRegressor):
    for trees in (1, 2, 7, 100):
        model = kind(trees, random_state=0).fit(X, y)
        fast = fast_predict(model)
        for rows in (1, 2, FEW_ROWS, FEW_ROWS + 1, 400):
            assert abs(fast(X[:rows]) - model.predict(X[:rows])).max() < 1e-9, (kind, trees, rows)
        edges = on_thresholds(model)
        assert len(edges) > (trees > 1) * BLOCK_ROWS
        assert abs(fast(edges) - model.predict(edges)).max() < 1e-9, (kind, trees)
for kind in (RandomForestClassifier, ExtraTreesClassifier):
    model = kind(25, random_state=0).fit(C, names)
    fast = fast_predict(model)
    for rows in (1, 100):
        assert (fast(C[:rows]) == model.predict(C[:rows])).all(), (kind, rows)
holes = X.copy()
holes[::7, 2] = np.nan
for trained_on in (holes, X):
    model = RandomForestRegressor(20, random_state=0).fit(trained_on, y)
    for rows in (8, 400):
        assert abs(fast_predict(model)(holes[:rows]) - model.predict(holes[:rows])).max() < 1e-9
assert fast_predict(GradientBoostingRegressor().fit(X, y)) is None
assert fast_predict(RandomForestRegressor(3).fit(X, np.c_[y, y])) is None
print("same")
"""

WITHOUT_PRIVATE_NAMES = """
import contextlib, importlib, logging, sys
from unittest import mock
sys.path.insert(0, "serving")
import numpy as np
import sklearn.ensemble._gradient_boosting as boosting
import sklearn.tree._tree as tree
from runtime import forest
from sklearn.datasets import make_regression
from sklearn.ensemble import RandomForestRegressor

X, y = make_regression(50, 4, random_state=1)
model = RandomForestRegressor(5, random_state=0).fit(X, y)
said = []
handler = logging.Handler()
handler.emit = said.append
logging.getLogger("serving").addHandler(handler)

@contextlib.contextmanager
def missing(module, name):
    value = getattr(module, name)
    delattr(module, name)
    try:
        yield
    finally:
        setattr(module, name, value)

def broken(*arguments):
    raise TypeError("it takes other arguments now")

class Raises:
    def __getattr__(self, name):
        raise ValueError("built for another numpy")

BREAKS = {
    "Tree is gone": missing(tree, "Tree"),
    "predict_stages is gone": missing(boosting, "predict_stages"),
    "_tree is gone": mock.patch.dict(sys.modules, {"sklearn.tree._tree": None}),
    "_gradient_boosting is gone": mock.patch.dict(sys.modules, {"sklearn.ensemble._gradient_boosting": None}),
    "_tree cannot be loaded": mock.patch.dict(sys.modules, {"sklearn.tree._tree": Raises()}),
    "Tree has changed": mock.patch.object(tree, "Tree", broken),
    "predict_stages has changed": mock.patch.object(boosting, "predict_stages", broken),
}
assert forest.fast_predict(model) is not None and not said
for name, change in BREAKS.items():
    with change:
        importlib.reload(forest)
        assert forest.fast_predict(model) is None, name
        messages = [record.getMessage() for record in said]
        said.clear()
        assert len(messages) == 1 and "serving with model.predict" in messages[0], (name, messages)
        answers = (forest.fast_predict(model) or model.predict)(X)
        said.clear()
    assert np.allclose(answers, model.predict(X)), name
importlib.reload(forest)
assert forest.fast_predict(model) is not None
print("served")
"""


@pytest.mark.xdist_group("http-flask")
def test_private_modules_of_scikit_learn_cost_speed_and_not_the_server(render: Render) -> None:
    project = render(deployment_config="http-flask")
    answer = run_among_libraries(project, "sklearn", "http-flask", WITHOUT_PRIVATE_NAMES)
    assert answer.stdout.strip() == "served", answer.stderr


@pytest.mark.xdist_group("http-flask")
def test_forests_predict_what_scikit_learn_predicts(render: Render) -> None:
    project = render(deployment_config="http-flask")
    answer = run_among_libraries(project, "sklearn", "http-flask", COMPARE)
    assert answer.stdout.strip() == "same", answer.stderr
