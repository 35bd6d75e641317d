"""Models of XGBoost, LightGBM and CatBoost: every kind of file, target and column.

The arguments are the folder and the library.
"""

import pickle
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from cases import ASKED, NUMBER, PAIR, THREE, YES, X, random, records, request, write

warnings.simplefilter("ignore")
ROWS = X[:ASKED]
HOLES = np.where(random.random(X.shape) < 0.1, np.nan, X)
FRAME = pd.DataFrame(
    {
        "age": HOLES[:, 0],
        "city": pd.Categorical(random.choice(["Bonn", "Graz, old", "Lund"], len(X))),
        "income": X[:, 1],
        "code": pd.Categorical(random.choice([1, 2, 5], len(X))),
        "member": pd.Categorical(random.random(len(X)) > 0.5),
    }
)
EFFECT = NUMBER + 3 * (FRAME["city"] == "Bonn").to_numpy() - 2 * (FRAME["code"] == 5).to_numpy()
ASKED_FRAME = FRAME[:ASKED]


def saved(model: Any) -> Callable[[Path], Any]:
    """Return a function that pickles a model."""
    return lambda path: path.write_bytes(pickle.dumps(model))


def by_name(answer: Any, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return requests for the rows of a frame: by name, in order, and as CSV."""
    listed = [list(row.values()) for row in records(frame)]
    csv = frame.to_csv(index=False)
    return [request(records(frame), answer), request(listed, answer), request(csv, answer, "text/csv")]


def xgboost() -> None:
    """Write models of XGBoost. Its files answer what the booster returns."""
    import xgboost as xgb

    version = tuple(map(int, xgb.__version__.split(".")[:2]))
    small = {"n_estimators": 4, "max_depth": 2, "n_jobs": 1}
    labels = THREE.astype(int)
    kinds = {
        "regression": (xgb.XGBRegressor(**small), NUMBER),
        "two classes": (xgb.XGBClassifier(**small), (NUMBER > 0).astype(int)),
        "three classes": (xgb.XGBClassifier(**small), labels),
        "counts": (xgb.XGBRegressor(objective="count:poisson", **small), np.abs(NUMBER)),
        "dart": (xgb.XGBRegressor(booster="dart", rate_drop=0.3, **small), NUMBER),
        "linear": (xgb.XGBRegressor(booster="gblinear", **small), NUMBER),
        "random forest": (xgb.XGBRFRegressor(**small), NUMBER),
        "ranking": (xgb.XGBRanker(**small), labels),
    }
    if version >= (2, 0):
        kinds["several numbers"] = (xgb.XGBRegressor(**small), PAIR)
        trees = xgb.XGBRegressor(multi_strategy="multi_output_tree", tree_method="hist", **small)
        kinds["several numbers a leaf"] = (trees, PAIR)
        kinds["quantiles"] = (
            xgb.XGBRegressor(objective="reg:quantileerror", quantile_alpha=[0.1, 0.9], **small),
            NUMBER,
        )
    for name, (model, target) in kinds.items():
        more = {"qid": np.arange(len(X)) // 10} if name == "ranking" else {}
        booster = model.fit(HOLES, target, **more).get_booster()
        asked = [request(HOLES[:ASKED], booster.predict(xgb.DMatrix(HOLES[:ASKED])))]
        for ending in ("json", "ubj"):
            file = f"model.{ending}"
            write(
                f"xgboost {name} {ending}",
                lambda path, b=booster: b.save_model(path),
                asked,
                file,
                tolerance=1e-6,
            )
    model, target = kinds["regression"]
    booster = model.get_booster()
    asked = [request(HOLES[:ASKED], booster.predict(xgb.DMatrix(HOLES[:ASKED])))]
    write("xgboost model", lambda path: booster.save_model(path), asked, "churn.model", tolerance=1e-6)
    if version < (3, 1):
        write(
            "xgboost-model of SageMaker, saved",
            lambda path: booster.save_model(path),
            asked,
            "xgboost-model",
            "either",
            1e-6,
        )
    write("xgboost-model of SageMaker, pickled", saved(booster), asked, "xgboost-model", "refused", 1e-6)
    write("xgboost pickle", saved(model), asked, "model.pkl", "refused", 1e-6)
    early = xgb.XGBRegressor(early_stopping_rounds=2, n_estimators=30, max_depth=2, n_jobs=1)
    early.fit(X[:60], NUMBER[:60], eval_set=[(X[60:], NUMBER[60:])], verbose=False)
    asked = [request(ROWS, early.predict(ROWS))]
    write("xgboost early stopping", lambda path: early.save_model(path), asked, "model.json", tolerance=1e-6)
    codes = np.c_[X[:, :1], random.integers(0, 3, len(X))]
    typed = xgb.DMatrix(codes, NUMBER + codes[:, 1], feature_types=["q", "c"], enable_categorical=True)
    coded = xgb.train({"max_depth": 2, "tree_method": "hist"}, typed, 4)
    answer = coded.predict(xgb.DMatrix(codes[:ASKED], feature_types=["q", "c"], enable_categorical=True))
    asked = [request(codes[:ASKED], answer)]
    write(
        "xgboost codes of categories",
        lambda path: coded.save_model(path),
        asked,
        "model.json",
        "either",
        1e-6,
    )
    frame = FRAME[["age", "city"]]
    named = xgb.XGBRegressor(enable_categorical=True, tree_method="hist", **small).fit(frame, EFFECT)
    asked = by_name(named.predict(ASKED_FRAME[["age", "city"]]), ASKED_FRAME[["age", "city"]])
    write(
        "xgboost categories of a frame",
        lambda path: named.save_model(path),
        asked,
        "model.json",
        "either",
        1e-6,
    )


def lightgbm() -> None:
    """Write models of LightGBM: text files answer what a booster returns, pickles what the model returns."""
    import lightgbm as lgb

    small = {"n_estimators": 4, "num_leaves": 4, "min_child_samples": 5, "verbose": -1, "n_jobs": 1}
    for name, (model, target) in {
        "regression": (lgb.LGBMRegressor(**small), NUMBER),
        "two classes": (lgb.LGBMClassifier(**small), YES),
        "three classes": (lgb.LGBMClassifier(**small), THREE),
        "quantile": (lgb.LGBMRegressor(objective="quantile", **small), NUMBER),
        "random forest": (
            lgb.LGBMRegressor(boosting_type="rf", bagging_freq=1, bagging_fraction=0.7, **small),
            NUMBER,
        ),
        "dart": (lgb.LGBMRegressor(boosting_type="dart", **small), NUMBER),
    }.items():
        booster = model.fit(HOLES, target).booster_
        asked = [request(HOLES[:ASKED], booster.predict(HOLES[:ASKED]))]
        write(f"lightgbm {name} txt", lambda path, b=booster: b.save_model(path), asked, "model.txt")
        asked = [request(HOLES[:ASKED], model.predict(HOLES[:ASKED]))]
        write(f"lightgbm {name} pkl", saved(model), asked)
        write(f"lightgbm {name} joblib", lambda path, m=model: joblib.dump(m, path), asked, "model.joblib")
    ranker = lgb.LGBMRanker(**small).fit(X, THREE, group=[10] * 9)
    write("lightgbm ranking pkl", saved(ranker), [request(ROWS, ranker.predict(ROWS))])
    for name, model, target in (
        ("lightgbm categories", lgb.LGBMRegressor(**small), EFFECT),
        ("lightgbm categories, labels", lgb.LGBMClassifier(**small), np.where(EFFECT > 0, "yes", "no")),
    ):
        model.fit(FRAME, target)
        asked = by_name(model.predict(ASKED_FRAME), ASKED_FRAME)
        odd = ASKED_FRAME.assign(city=pd.Categorical(["Oslo", None] * 3))
        asked.append(request(records(odd), model.predict(odd)))
        write(f"{name} pkl", saved(model), asked)
        asked = by_name(model.booster_.predict(ASKED_FRAME), ASKED_FRAME)
        write(f"{name} txt", lambda path, m=model: m.booster_.save_model(path), asked, "model.txt")
    ordered = FRAME.assign(city=FRAME["city"].cat.as_ordered())
    unclear = lgb.LGBMRegressor(**small).fit(ordered, EFFECT)
    asked = by_name(unclear.predict(ordered[:ASKED]), ordered[:ASKED])
    write("lightgbm ordered categories", saved(unclear), asked)
    write(
        "lightgbm cut off",
        lambda path: path.write_text(unclear.booster_.model_to_string()[:900]),
        asked,
        "model.txt",
        "refused",
    )


def catboost() -> None:
    """Write models of CatBoost."""
    import catboost as cat

    small = {"iterations": 4, "depth": 3, "verbose": 0, "thread_count": 1, "allow_writing_files": False}
    for name, (model, target) in {
        "regression": (cat.CatBoostRegressor(**small), NUMBER),
        "counts": (cat.CatBoostRegressor(loss_function="Poisson", **small), np.abs(NUMBER)),
        "several numbers": (cat.CatBoostRegressor(loss_function="MultiRMSE", **small), PAIR),
        "two classes": (cat.CatBoostClassifier(**small), YES),
        "three classes": (cat.CatBoostClassifier(**small), THREE),
        "ranking": (cat.CatBoostRanker(**small), NUMBER),
    }.items():
        more = {"group_id": np.arange(len(X)) // 10} if name == "ranking" else {}
        model.fit(HOLES, target, **more)
        answer = np.asarray(model.predict(HOLES[:ASKED]))
        answer = answer[:, 0] if answer.shape[1:] == (1,) else answer
        asked = [request(HOLES[:ASKED], answer)]
        write(f"catboost {name} cbm", lambda path, m=model: m.save_model(path), asked, "model.cbm")
    frame = FRAME.astype({"city": str, "code": int, "member": str})
    frame["note"] = random.choice(["late again", "paid in time", "asked for help"], len(X))
    rows = frame[:ASKED]
    for name, model, target in (
        ("catboost categories", cat.CatBoostRegressor(**small), EFFECT),
        ("catboost categories, labels", cat.CatBoostClassifier(**small), np.where(EFFECT > 0, "yes", "no")),
    ):
        columns = frame.columns[:-1]
        model.fit(frame[columns], target, cat_features=["city", "code", "member"])
        asked = by_name(model.predict(rows[columns]), rows[columns])
        odd = rows[columns].assign(city="Oslo", code=7)
        asked.append(request(records(odd), model.predict(odd)))
        write(f"{name} cbm", lambda path, m=model: m.save_model(path), asked, "model.cbm")
    model = cat.CatBoostClassifier(**small)
    model.fit(frame, YES, cat_features=["city", "code", "member"], text_features=["note"])
    asked = by_name(model.predict(rows), rows)
    write("catboost text cbm", lambda path: model.save_model(path), asked, "model.cbm")
    write("catboost pickle", saved(model), asked, expected="either")
    model = cat.CatBoostRegressor(**small).fit(X, NUMBER)
    asked = [request(ROWS, model.predict(ROWS)[:, None])]
    write(
        "catboost json",
        lambda path: model.save_model(str(path), format="json"),
        asked,
        "model.json",
        "refused",
    )
    write(
        "catboost onnx",
        lambda path: model.save_model(str(path), format="onnx"),
        asked,
        "model.onnx",
        "either",
        1e-5,
    )


if __name__ == "__main__":
    {"xgboost": xgboost, "lightgbm": lightgbm, "catboost": catboost}[sys.argv[2]]()
