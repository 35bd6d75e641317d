"""Missing and unknown values, and types that look alike, are answered as the library does, or refused."""

from unittest import mock

import made  # noqa: F401 - it finds the modules of the project
import numpy as np
import orjson
import pandas as pd
import runtime.tables
import runtime.unknown as unknown_values
from made import FRAME, ROWS, TARGETS, Own, answer, by_age, records, same, served, usual
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

y = TARGETS["two"]
holes = FRAME.copy()
holes.loc[::5, "city"] = np.nan
holes.loc[::7, "age"] = np.nan
NULL = [{"age": None, "income": 50_000, "city": None, "plan": "gold"}]
paris = {**NULL[0], "age": 30, "city": "Paris"}


def probabilities(server: object, rows: list) -> np.ndarray:
    """Return the probabilities that the model gives for rows as the server reads them."""
    table = server.table
    return server.handler.model.predict_proba(table.features(table.decode(orjson.dumps(rows), None)))


# 1. null is the missing value of training: NaN or None, whichever the categories have.
for missing in (None, np.nan):
    frame = holes.astype({"city": object})
    frame["city"] = pd.Series([missing if v != v or v is None else v for v in frame["city"]], dtype=object)
    for handle in ("ignore", "error"):
        model = usual(LogisticRegression(), OneHotEncoder(handle_unknown=handle)).fit(frame, y)
        server = served(model)
        null = pd.DataFrame(
            {"age": [np.nan], "income": [50_000.0], "city": pd.Series([missing], dtype=object)}
        )
        expected = model.predict_proba(null.assign(plan="gold"))
        assert same(probabilities(server, NULL), expected), (missing, handle)
        unknown = model.predict_proba(null.assign(plan="gold", city="Paris")) if handle == "ignore" else 0
        assert not same(probabilities(server, NULL), unknown)
        city = server.described.decode()
        assert '{"name":"city","type":"string","nullable":true,"values":4' in city or '"values":3' in city, (
            city
        )
    filled = make_pipeline(SimpleImputer(strategy="most_frequent", missing_values=missing), OneHotEncoder())
    model = usual(LogisticRegression(), filled).fit(frame, y)
    expected = model.predict_proba(null.assign(plan="gold"))
    assert same(probabilities(served(model), NULL), expected), missing
# As pandas reads it, with its own type for text in pandas 3.
model = usual(LogisticRegression()).fit(holes, y)
assert same(probabilities(served(model), records(holes)), model.predict_proba(holes))
assert same(answer(served(model), records(holes))["predictions"], model.predict(holes))

# Unknown values are answered as the model does. Their number is logged, at most once a minute.
lines = []
unknown_values.categories = unknown_values.UnknownCategories()
server = served(usual(LogisticRegression()).fit(FRAME, y))
assert server.handler.served.path == "compiled"
with mock.patch.object(unknown_values.log, "warning", lambda text, *given: lines.append(text % given)):
    for _ in range(3):
        answer(server, [paris, paris, *records(FRAME)])
assert lines == ["values that are unknown to the model, by column: city (2)"], lines
assert unknown_values.categories.counts == {"city": 4}

# 2. null where training had none: refused, also alone; answered if the encoder ignores unknown values.
server = served(usual(LogisticRegression(), OneHotEncoder(handle_unknown="error")).fit(FRAME, y))
for rows in (NULL, [*records(FRAME), *NULL]):
    found = answer(server, rows)
    assert found == f"400 Row {len(rows)}, column 'city' may not be missing (null).", found
model = usual(LogisticRegression()).fit(FRAME, y)
assert (
    answer(served(model), NULL)["predictions"]
    == answer(served(model), [{**NULL[0], "city": "Paris"}])["predictions"]
)

# 3. Text where training had integers or booleans.
kinds = pd.DataFrame({"code": np.arange(ROWS) % 4, "member": np.arange(ROWS) % 2 == 0, "kept": FRAME["plan"]})
for encoder in (OneHotEncoder(handle_unknown="ignore"), OneHotEncoder()):
    model = make_pipeline(make_column_transformer((encoder, ["code", "member"])), LogisticRegression()).fit(
        kinds, y
    )
    server = served(model)
    for code in (2, 2.0):
        assert same(
            probabilities(server, [{"code": code, "member": True}]),
            model.predict_proba(pd.DataFrame({"code": [2], "member": [True], "kept": "gold"})),
        )
    for code, member, message in (
        ("2", True, "column 'code' is '2', not a number."),
        (2, "True", "column 'member' is 'True', not a boolean. Send true or false."),
        (2, 1, "column 'member' is 1, not a boolean. Send true or false."),
    ):
        found = answer(server, [{"code": code, "member": member}])
        assert found.startswith(f"400 Row 1, {message}"), found
    found = answer(server, b"code,member\n2,TRUE\n", "text/csv")
    assert found == answer(server, [{"code": 2, "member": True}]), found
    # A column that is dropped need not be sent by name, and can be anything.
    assert (
        answer(server, [[2, True, None]])
        == answer(server, [{"code": 2, "member": True, "kept": [1]}])
        == found
    )
objects = kinds.astype({"code": object})
model = make_pipeline(make_column_transformer((OneHotEncoder(), ["code"])), LogisticRegression()).fit(
    objects, y
)
assert same(
    probabilities(served(model), [{"code": 3}]),
    model.predict_proba(pd.DataFrame({"code": [3]}, dtype=object)),
)

# 5. Columns of the type category in gradient boosting: unknown ones are missing ones.
boosted = holes.astype({"city": "category", "plan": "category"})
model = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype").fit(boosted, y)
server = served(model)
assert same(probabilities(server, records(holes)), model.predict_proba(boosted))
assert same(probabilities(server, [{**NULL[0], "city": "Paris"}]), probabilities(server, NULL))

# 6, 7. Nothing is known about the columns of a function: numbers are numbers, the rest stays as it is.
model = make_pipeline(FunctionTransformer(by_age), LogisticRegression()).fit(FRAME, y)
server = served(model)
assert [column.type for column in server.table.columns] == ["any"] * 4
assert same(answer(server, records(FRAME))["predictions"], model.predict(FRAME))
lines = "\n".join(f'{age},{income},x,"2"' for age, income in FRAME[["age", "income"]].values)
assert same(answer(server, lines.encode(), "text/csv")["predictions"], model.predict(FRAME))
found = answer(server, [{**paris, "city": ["x"]}])
assert found == "400 Row 1, column 'city' is ['x'], not a number, text or boolean.", found

# The ways to select columns in a ColumnTransformer, and an estimator of another library.
mixed = FRAME.assign(member=np.arange(ROWS) % 2)
selected = make_column_transformer(
    (SimpleImputer(), make_column_selector(dtype_include="float")),
    (OneHotEncoder(), slice("city", "plan")),
    ("passthrough", [4]),
)
model = make_pipeline(selected, LogisticRegression(max_iter=9)).fit(mixed, y)
server = served(model)
kinds_of = [(column.type, column.nullable) for column in server.table.columns]
assert kinds_of == [("number", True)] * 2 + [("string", False)] * 2 + [("number", False)], kinds_of
assert same(answer(server, records(mixed))["predictions"], model.predict(mixed))
for installed in (pd, None):
    runtime.tables.pandas = installed
    server = served(Own().fit(FRAME[["age", "income"]], y))
    assert answer(server, [{"income": 2, "age": 1}]) == {"predictions": [3.0]}
runtime.tables.pandas = pd

# 8. Unknown categories: an error of the encoder is a refusal; ignored ones are answered.
model = usual(RandomForestClassifier(5), OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1))
model.fit(FRAME, y)
server = served(model)
assert same(probabilities(server, [paris]), model.predict_proba(pd.DataFrame([paris])))

# Numbers that no step fills in may not be missing, and are not answered in silence.
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(FRAME[["age", "income"]], y)
for rows in ([{"age": 1, "income": None}], [[1, None]]):
    found = answer(served(model), rows)
    assert found.startswith("400 Row 1, column "), found
print("meant", len(NULL))
