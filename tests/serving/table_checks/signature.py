"""The types of a signature or of examples reach the rows, /ping and OpenAPI, for columns of own functions."""

import json
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
from made import TARGETS, answer, same, served
from runtime import openapi, recorded
from runtime.artifacts import identity
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

NAMES = ["when", "code", "member", "note", "amount"]
FRAME = pd.DataFrame(
    {
        "when": pd.date_range("2020-01-01", periods=120, freq="31h").astype("datetime64[ns]"),
        "code": np.arange(120) % 12,
        "member": np.arange(120) % 2 == 0,
        "note": ["paid late", "", "well"] * 40,
        "amount": np.arange(120.0),
    }
)


def numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Return other numbers, or an error, for codes as floats, dates as text and 0 for False."""
    code = frame["code"].astype(str).str.len()
    return pd.DataFrame(
        {
            "hour": frame["when"].dt.hour,
            "code": code,
            "other": (~frame["member"]).astype(int),
            "long": frame["note"].str.len(),
            "amount": frame["amount"].fillna(0),
        }
    )


model = make_pipeline(FunctionTransformer(numbers), LinearRegression()).fit(FRAME, TARGETS["number"])
rows = [{**row, "when": row["when"].isoformat()} for row in FRAME.to_dict("records")]
types = {"when": "datetime", "code": "integer", "member": "switch", "note": "text", "amount": "number"}
server = served(model)
assert [column["type"] for column in orjson.loads(server.status())["columns"]] == ["any"] * 5
path = Path("model/model.pkl")
stated = {"inputs": [{"name": name, "type": kind} for name, kind in types.items()]}
about = {**recorded.of_file(path), **stated, "sources": {"inputs": "MLmodel"}}
Path("model/about.json").write_text(json.dumps(about))
server = served(model)
kinds = ["datetime", "integer", "boolean", "string", "number"]
columns = orjson.loads(server.status())["columns"]
assert [column["type"] for column in columns] == kinds, columns
assert [column["nullable"] for column in columns] == [True, False, False, True, True]
schema = openapi.of_server(server)["paths"]["/invocations"]["post"]["requestBody"]["content"]
properties = schema["application/json"]["schema"]["anyOf"][2]["properties"]
assert properties["code"] == {"type": ["integer"], "format": "int64"} and "ISO 8601" in str(
    properties["when"]
)
expected = model.predict(FRAME)
assert same(answer(server, {"instances": rows})["predictions"], expected)
assert same(answer(server, {"instances": [list(row.values()) for row in rows]})["predictions"], expected)
filled = FRAME.assign(note="well", when=[row["when"] for row in rows])
assert same(
    answer(server, filled.to_csv(index=False).encode(), "text/csv")["predictions"],
    model.predict(FRAME.assign(note="well")),
)
assert same(
    answer(server, [{**rows[0], "code": 3.0, "amount": None}])["predictions"][0],
    model.predict(FRAME[:1].assign(code=3, amount=np.nan))[0],
)
refused = {
    "column 'when' is '2020-13-01', not a date": {"when": "2020-13-01"},
    "column 'when' is '2020-01-01T00:00:00Z', not a date": {"when": "2020-01-01T00:00:00Z"},
    "column 'when' is '1500-01-01', not a date": {"when": "1500-01-01"},
    "column 'when' is 5, not a date": {"when": 5},
    "column 'code' is 1.5, not a whole number": {"code": 1.5},
    "column 'code' is '1', not a whole number": {"code": "1"},
    "column 'code' is not a whole number of 64 bits": {"code": 2**63},
    "column 'code' may not be missing": {"code": None},
    "column 'member' is 1, not a boolean": {"member": 1},
    "column 'note' is 1, not text": {"note": 1},
    "column 'amount' is 'x', not a number": {"amount": "x"},
}
for said, wrong in refused.items():
    found = answer(server, [rows[0], {**rows[0], **wrong}])
    assert found.startswith("400") and "Row 2" in found and said in found, (said, found)
assert answer(server, [{**rows[0], "when": None}]).startswith("500")  # the hour of no time is no number
path.write_bytes(path.read_bytes() + b" ")  # another model: the recorded types are not its own
assert recorded.stated_types(path) == {}
Path("model/about.json").unlink()

# Without a signature, examples state what is text and what is a number.
half = [{"when": "x", "code": 1, "member": True, "note": None, "amount": None}]
served(model)
known = [{"request": {"instances": half}}, {"request": "note,amount\\n", "content_type": "text/csv"}]
known += [{"request": {"instances": [{**half[0], "note": "well", "amount": 2.5, "when": 5}]}}]
Path("model/examples.json").write_text(
    json.dumps({"model": "model.pkl", **identity(path), "examples": known})
)
about = orjson.loads(served(model).status())
assert [column["type"] for column in about["columns"]] == ["any", "number", "any", "string", "number"], about
assert (about["example"]["note"], about["example"]["amount"]) == ("well", 2.5)
Path("model/examples.json").unlink()
