"""Models of scikit-learn: pipelines over tables and texts, kinds of files, and those of estimators.py.

`few` on the command line makes only the kinds that break between versions.
"""

import pickle
import sys

import joblib
import numpy as np
import pandas as pd
from cases import ASKED, NUMBER, THREE, YES, X, write
from sklearn import (
    calibration,
    cluster,
    ensemble,
    linear_model,
    model_selection,
    naive_bayes,
    preprocessing,
    svm,
)
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.compose import make_column_transformer as columns
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn_cases import (
    FRAME,
    HOLES,
    LR,
    NUMBERS,
    OPTIONS,
    TEXTS,
    VERSION,
    of_frame,
    of_numbers,
    of_texts,
    predicted,
    save,
    scaled,
    usual,
)


def kept(frame: pd.DataFrame) -> pd.DataFrame:
    """Return some columns: a function of this script, which is not in the pickle."""
    return frame[["age", "income"]].fillna(0)


def few() -> None:
    """Write the kinds that break between versions of scikit-learn."""
    of_numbers("forest", ensemble.RandomForestClassifier(5, **OPTIONS), YES)
    of_numbers("gradient boosting", ensemble.GradientBoostingRegressor(n_estimators=5, **OPTIONS))
    of_numbers("histogram boosting", ensemble.HistGradientBoostingClassifier(max_iter=5, **OPTIONS), YES)
    of_numbers("logistic regression", make_pipeline(StandardScaler(), LR()), THREE)
    of_frame("table, one-hot", usual(OneHotEncoder(handle_unknown="ignore"), LR()))
    of_texts("tf-idf", make_pipeline(TfidfVectorizer(), LR()))


def tables() -> None:
    """Write pipelines over DataFrames."""
    ignore = OneHotEncoder(handle_unknown="ignore")
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    filled = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(drop="first"))
    boosted = ensemble.HistGradientBoostingClassifier(max_iter=4, **OPTIONS)
    of_frame(
        "table, rare categories",
        usual(OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=20), LR()),
    )
    of_frame("table, ordinal", usual(ordinal, ensemble.RandomForestClassifier(4, **OPTIONS)))
    of_frame("table, filled", usual(filled, boosted))
    of_frame(
        "table, regression",
        usual(ignore, ensemble.GradientBoostingRegressor(n_estimators=4, **OPTIONS)),
        NUMBER,
    )
    of_frame("table, svc", usual(ignore, svm.SVC()), THREE)
    of_frame(
        "table, power", usual(ignore, LR(), make_pipeline(SimpleImputer(), preprocessing.PowerTransformer()))
    )
    of_frame(
        "table, quantile",
        usual(
            ignore, LR(), make_pipeline(SimpleImputer(), preprocessing.QuantileTransformer(n_quantiles=20))
        ),
    )
    of_frame(
        "table, binned",
        usual(ignore, LR(), make_pipeline(SimpleImputer(), preprocessing.KBinsDiscretizer(3))),
    )
    of_frame(
        "table, logarithm", usual(ignore, LR(), make_pipeline(SimpleImputer(), FunctionTransformer(np.log1p)))
    )
    of_frame(
        "table, robust",
        usual(ignore, LR(), make_pipeline(SimpleImputer(add_indicator=True), preprocessing.RobustScaler())),
    )
    passed = ColumnTransformer([("texts", ignore, [*TEXTS, "note"])], remainder="passthrough")
    of_frame("table, the rest passed", make_pipeline(passed, boosted), frame=HOLES.astype({"member": float}))
    selected = columns(
        (scaled, make_column_selector(dtype_include="number")),
        (ignore, make_column_selector(dtype_exclude="number")),
    )
    of_frame("table, columns by type", make_pipeline(selected, LR()))
    of_frame(
        "table, booleans and integers",
        make_pipeline(columns((OneHotEncoder(), ["member", "children"])), LR()),
    )
    noted = columns((TfidfVectorizer(), "note"), (scaled, NUMBERS), (ignore, TEXTS))
    of_frame("table, with text", make_pipeline(noted, LR()))
    of_frame(
        "table, search",
        model_selection.GridSearchCV(usual(ignore, LR()), {"logisticregression__C": [0.5, 1]}, cv=2),
    )
    of_frame("table, calibrated", calibration.CalibratedClassifierCV(usual(ignore, svm.LinearSVC()), cv=2))
    of_frame(
        "table, target scaled",
        TransformedTargetRegressor(usual(ignore, linear_model.Ridge()), transformer=StandardScaler()),
        NUMBER,
    )
    of_frame("table, clusters", usual(ignore, cluster.KMeans(2, n_init=2, **OPTIONS)))
    of_frame("table of numbers", LR(), frame=FRAME[NUMBERS])
    of_frame("table of numbers, boosted", boosted, frame=HOLES[NUMBERS])
    if hasattr(preprocessing, "TargetEncoder"):
        encoder = preprocessing.TargetEncoder(cv=2, **OPTIONS)
        of_frame("table, target encoder", usual(encoder, LR()))
    if VERSION >= (1, 4):
        typed = HOLES[[*NUMBERS, *TEXTS]].astype(dict.fromkeys(TEXTS, "category"))
        own = ensemble.HistGradientBoostingClassifier(max_iter=4, categorical_features="from_dtype")
        of_frame("table, category types", own, frame=typed)
        of_frame(
            "table, polars or pandas output",
            usual(OneHotEncoder(sparse_output=False), LR()).set_output(transform="pandas"),
            frame=FRAME,
        )
    of_frame("table, own function", make_pipeline(FunctionTransformer(kept), LR()), expected="refused")


def texts() -> None:
    """Write models of texts, and of arrays of texts."""
    of_texts("counted words", make_pipeline(CountVectorizer(ngram_range=(1, 2)), naive_bayes.MultinomialNB()))
    of_texts(
        "hashed words", make_pipeline(HashingVectorizer(n_features=64), linear_model.SGDClassifier(**OPTIONS))
    )
    both = FeatureUnion([("words", TfidfVectorizer()), ("letters", TfidfVectorizer(analyzer="char"))])
    of_texts("words and letters", make_pipeline(both, LR()))
    of_texts(
        "tf-idf, search",
        model_selection.GridSearchCV(
            make_pipeline(TfidfVectorizer(), LR()), {"logisticregression__C": [1, 2]}, cv=2
        ),
    )
    cells = FRAME[TEXTS].to_numpy(dtype=object)
    model = make_pipeline(OneHotEncoder(), LR()).fit(cells, YES)
    write("array of texts", lambda path: save(model, path), predicted(model, cells[:ASKED], cells[:ASKED]))


def files() -> None:
    """Write a model in every kind of file."""
    model, rows = make_pipeline(StandardScaler(), LR()).fit(X, YES), X[:ASKED]
    asked = predicted(model, rows, rows)
    for method in ("zlib", "gzip", "bz2", "xz", "lzma"):
        write(
            f"joblib, {method}",
            lambda path, method=method: joblib.dump(model, path, compress=(method, 3)),
            asked,
            "model.joblib",
        )
    write("joblib", lambda path: joblib.dump(model, path), asked, "model.joblib")
    for protocol in (2, 3, 4):
        write(
            f"pickle, protocol {protocol}",
            lambda path, protocol=protocol: path.write_bytes(pickle.dumps(model, protocol)),
            asked,
        )
    write("pickle called joblib", lambda path: save(model, path), asked, "model.joblib")
    write("joblib called pickle", lambda path: joblib.dump(model, path), asked)
    held = {"model": model, "threshold": 0.5}
    write("dictionary", lambda path: save(held, path), asked, expected="refused")
    write("list", lambda path: save([model, model], path), asked, expected="refused")
    write("array", lambda path: joblib.dump(X, path), asked, "model.joblib", expected="refused")
    write("cut off", lambda path: path.write_bytes(pickle.dumps(model)[:-40]), asked, expected="refused")
    not_fitted = make_pipeline(StandardScaler(), LR())
    write("not fitted", lambda path: save(not_fitted, path), asked, expected="refused")


if __name__ == "__main__":
    few()
    if "few" not in sys.argv:
        import estimators

        for make in (
            estimators.regressors,
            estimators.classifiers,
            estimators.without_target,
            tables,
            texts,
            files,
        ):
            make()
