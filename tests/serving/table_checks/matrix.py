"""The usual pipelines answer as the library does, one row and many, from JSON by name and from CSV."""

import itertools

import numpy as np
from made import FRAME, NUMBERS, TARGETS, TEXTS, answer, records, same, served
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

NUMERIC = {
    "mean and scale": make_pipeline(SimpleImputer(), StandardScaler()),
    "median, indicator": SimpleImputer(strategy="median", add_indicator=True),
    "range": make_pipeline(SimpleImputer(strategy="constant", fill_value=0.0), MinMaxScaler((-1, 1))),
    "union": make_pipeline(SimpleImputer(), FeatureUnion([("a", StandardScaler()), ("b", MinMaxScaler())])),
}
ENCODERS = {
    "one-hot": OneHotEncoder(handle_unknown="ignore"),
    "dense, rare": OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=30, sparse_output=False),
    "ordinal": OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2),
    "filled": make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(drop="first")),
}
FINAL = {
    "two": (
        LogisticRegression(),
        RandomForestClassifier(4, random_state=0),
        HistGradientBoostingClassifier(max_iter=3),
    ),
    "three": (
        LogisticRegression(),
        RandomForestClassifier(4, random_state=0),
        HistGradientBoostingClassifier(max_iter=3),
    ),
    "number": (Ridge(), RandomForestRegressor(4, random_state=0), HistGradientBoostingRegressor(max_iter=3)),
}
holes = FRAME.copy()
holes.loc[::6, "age"] = np.nan
holes.loc[::9, "city"] = np.nan


def pipeline(numbers: object, texts: object, final: object) -> object:
    steps = [("numbers", numbers, NUMBERS), ("texts", texts, TEXTS)]
    return make_pipeline(ColumnTransformer(steps, sparse_threshold=0), final)


one_hot = pipeline(NUMERIC["mean and scale"], ENCODERS["one-hot"], LogisticRegression())
WRAPPED = {
    "two": (
        GridSearchCV(one_hot, {"logisticregression__C": [0.5, 1.0]}, cv=2),
        CalibratedClassifierCV(one_hot, cv=2),
        VotingClassifier([("a", one_hot), ("b", one_hot)], voting="soft"),
    ),
    "number": (
        TransformedTargetRegressor(
            pipeline(NUMERIC["range"], ENCODERS["ordinal"], Ridge()), transformer=StandardScaler()
        ),
        make_pipeline(StandardScaler(), HistGradientBoostingRegressor(max_iter=3)),
    ),
}
tried = 0
for (target, finals), (numbers, texts) in itertools.product(
    FINAL.items(), list(zip(NUMERIC, ENCODERS, strict=True))
):
    models = [pipeline(NUMERIC[numbers], ENCODERS[texts], final) for final in finals]
    models += WRAPPED.pop(target, ()) if (numbers, texts) == ("union", "filled") else ()
    for model in models:
        frame = FRAME[NUMBERS] if "columntransformer" not in str(model).lower() else holes
        model.fit(frame, TARGETS[target])
        server = served(model)
        rows, expected = records(frame), model.predict(frame)
        assert server.table.all_known, model
        assert same(answer(server, {"instances": rows})["predictions"], expected), model
        assert same(answer(server, rows[:1])["predictions"], expected[:1]), model
        body = frame.to_csv(index=False).encode()
        assert same(answer(server, body, "text/csv")["predictions"], expected), model
        if hasattr(model, "predict_proba"):
            found = answer(server, {"instances": rows, "parameters": {"output": "both"}})
            assert same(found["probabilities"], model.predict_proba(frame)), model
            assert found["classes"] == model.classes_.tolist() and same(found["predictions"], expected), model
        # The derived row is accepted.
        assert len(answer(server, [server.table.example])["predictions"]) == 1, model
        tried += 1
served(one_hot.fit(holes, TARGETS["two"]))  # and left in the project
print("same", tried)
