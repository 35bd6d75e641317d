"""Pipelines of every kind that the server compiles, and some that it does not."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import sklearn
import sklearn.preprocessing as pre
from made import FRAME, NUMBERS, ROWS, TARGETS, TEXTS, by_age
from sklearn import ensemble, linear_model, svm
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.tree import DecisionTreeClassifier

random = np.random.default_rng(1)
HOLES = FRAME.assign(
    age=FRAME["age"].where(random.random(ROWS) > 0.1), plan=FRAME["plan"].where(random.random(ROWS) > 0.1)
)
HEADS = {
    "usual": (
        make_pipeline(SimpleImputer(), pre.StandardScaler()),
        pre.OneHotEncoder(handle_unknown="ignore"),
    ),
    "dropped": (
        SimpleImputer(strategy="median", add_indicator=True),
        pre.OneHotEncoder(drop="if_binary", handle_unknown="ignore"),
    ),
    "rare": (
        make_pipeline(SimpleImputer(), pre.MinMaxScaler(clip=True)),
        pre.OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=45),
    ),
    "ordinal": (
        make_pipeline(SimpleImputer(strategy="constant", fill_value=-1.0), pre.RobustScaler()),
        pre.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
    ),
    "filled": (
        make_pipeline(SimpleImputer(), pre.MaxAbsScaler(), pre.PolynomialFeatures(2)),
        make_pipeline(
            SimpleImputer(strategy="constant", fill_value="Bonn"), pre.OneHotEncoder(handle_unknown="ignore")
        ),
    ),
    "refused": (
        make_pipeline(
            SimpleImputer(), FeatureUnion([("a", pre.StandardScaler()), ("b", pre.KBinsDiscretizer(3))])
        ),
        make_pipeline(SimpleImputer(strategy="most_frequent"), pre.OneHotEncoder()),
    ),
    "kept": (
        make_pipeline(SimpleImputer(), pre.FunctionTransformer()),
        pre.OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    ),
}
VERSION = tuple(map(int, sklearn.__version__.split(".")[:2]))
if VERSION >= (1, 4):  # with several classes
    HEADS["target"] = (SimpleImputer(), pre.TargetEncoder(random_state=0, cv=2))
OPTIONS = {"random_state": 0}
TWO = {
    "logistic": linear_model.LogisticRegression(),
    "gradient descent": linear_model.SGDClassifier(loss="log_loss", **OPTIONS),
    "ridge": linear_model.RidgeClassifier(),
    "linear SVC": svm.LinearSVC(**OPTIONS),
    "SVC": svm.SVC(kernel="linear"),
    "SVC, rbf": svm.SVC(),
    "forest": ensemble.RandomForestClassifier(9, **OPTIONS),
    "extra trees": ensemble.ExtraTreesClassifier(9, max_depth=4, **OPTIONS),
    "histograms": ensemble.HistGradientBoostingClassifier(max_iter=9),
    "boosting": ensemble.GradientBoostingClassifier(n_estimators=9, **OPTIONS),
    "neighbors": KNeighborsClassifier(),
    "tree": DecisionTreeClassifier(max_depth=4),
}
THREE = ("logistic", "ridge", "SVC", "extra trees", "histograms", "boosting")
NUMBER = {
    "line": linear_model.LinearRegression(),
    "ridge": linear_model.Ridge(),
    "poisson": linear_model.PoissonRegressor(),
    "SVR": svm.SVR(kernel="linear"),
    "forest": ensemble.RandomForestRegressor(9, **OPTIONS),
    "histograms": ensemble.HistGradientBoostingRegressor(max_iter=9),
    "boosting": ensemble.GradientBoostingRegressor(n_estimators=9, **OPTIONS),
}
Case = tuple[str, Any, Any, Any, str]


def table(head: str, final: Any, *between: Any) -> Any:
    """Return a pipeline over all columns."""
    numbers, texts = HEADS[head]
    threshold = 0 if "Hist" in type(final).__name__ else 0.5
    steps = [("numbers", numbers, NUMBERS), ("texts", texts, TEXTS)]
    return make_pipeline(ColumnTransformer(steps, sparse_threshold=threshold), *between, final)


def libraries() -> dict[str, tuple[Any, Any]]:
    """Return models of XGBoost and LightGBM, if they are installed: of classes and of numbers."""
    found: dict[str, tuple[Any, Any]] = {}
    try:
        import xgboost

        found["xgboost"] = xgboost.XGBClassifier(n_estimators=9), xgboost.XGBRegressor(n_estimators=9)
    except ImportError:
        pass
    try:
        import lightgbm

        small = {"n_estimators": 9, "verbose": -1}
        found["lightgbm"] = lightgbm.LGBMClassifier(**small), lightgbm.LGBMRegressor(**small)
    except ImportError:
        pass
    return found


def cases() -> Iterator[Case]:
    """Yield names, models, what they are fitted on, and the path that serves them."""
    heads, positive = list(HEADS), TARGETS["number"] - TARGETS["number"].min() + 1
    two, number = dict(TWO), dict(NUMBER)
    for name, (classifier, regressor) in libraries().items():
        two[name], number[name] = classifier, regressor
    as_numbers = (TARGETS["two"] == "yes").astype(int)
    for turn, (name, final) in enumerate(two.items()):
        for head in {heads[turn % len(heads)], heads[(3 * turn + 1) % len(heads)]}:
            y = as_numbers if name == "xgboost" else TARGETS["two"]
            yield f"{head}, {name}", table(head, final), HOLES, y, "compiled"
    for turn, name in enumerate(THREE):
        head = heads[(turn + 2) % len(heads)]
        yield f"{head}, {name}, 3", table(head, TWO[name]), HOLES, TARGETS["three"], "compiled"
    for turn, (name, final) in enumerate(number.items()):
        head = heads[(turn + 4) % len(heads)]
        yield f"{head}, {name}, number", table(head, final), HOLES, positive, "compiled"
    yield from wrapped(positive)
    yield from other_inputs(positive)


def wrapped(positive: Any) -> Iterator[Case]:
    """Yield models around a pipeline, and with steps after the ColumnTransformer."""
    logistic, ridge = TWO["logistic"], NUMBER["ridge"]
    model = GridSearchCV(table("usual", logistic), {"logisticregression__C": [0.5, 1.0]}, cv=2)
    yield "search", model, HOLES, TARGETS["two"], "compiled"
    model = TransformedTargetRegressor(table("rare", ridge), func=np.log1p, inverse_func=np.expm1)
    yield "target", model, HOLES, positive, "compiled"
    model = table("kept", TransformedTargetRegressor(ridge, transformer=pre.StandardScaler()))
    yield "target inside", model, HOLES, positive, "compiled"
    for head in ("usual", "ordinal"):
        model = table(head, logistic, SelectKBest(k=3), pre.StandardScaler(with_mean=False))
        yield f"selected, {head}", model, HOLES, TARGETS["two"], "compiled"
    texts = make_pipeline(pre.OrdinalEncoder(), pre.StandardScaler(), TWO["forest"])
    yield "texts alone", texts, FRAME[TEXTS], TARGETS["two"], "compiled"
    categories = ensemble.HistGradientBoostingClassifier(max_iter=9, categorical_features=[2, 3])
    yield "categories of trees", table("ordinal", categories), HOLES, TARGETS["two"], "compiled"
    own = make_pipeline(ColumnTransformer([("own", pre.FunctionTransformer(by_age), ["age"])]), ridge)
    yield "own function", own, FRAME, positive, "scikit-learn"
    voting = ensemble.VotingClassifier([("a", table("usual", logistic))], voting="soft")
    yield "voting", voting, HOLES, TARGETS["two"], "scikit-learn"


def other_inputs(positive: Any) -> Iterator[Case]:
    """Yield models of numbers alone, and one whose trees take categories."""
    numbers = FRAME[NUMBERS]
    for final in (
        TWO["logistic"],
        TWO["forest"],
        TWO["histograms"],
        make_pipeline(*HEADS["usual"][:1], TWO["linear SVC"]),
    ):
        yield f"numbers, {type(final).__name__}", final, numbers, TARGETS["two"], "compiled"
    yield "numbers, neighbors", TWO["neighbors"], numbers, TARGETS["two"], "scikit-learn"
    typed = FRAME.astype(dict.fromkeys(TEXTS, "category"))
    if VERSION >= (1, 4):
        trees = ensemble.HistGradientBoostingRegressor(max_iter=9, categorical_features="from_dtype")
        yield "trees of categories", trees, typed, positive, "compiled"
