"""Every form of the same rows gives the answer of the library; wrong ones are refused with their place."""

import csv
import io

import numpy as np
from made import FRAME, NUMBERS, ROWS, TARGETS, answer, records, same, served, usual
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder

strict = OneHotEncoder(handle_unknown="error")
model = usual(LogisticRegression(), strict).fit(FRAME, TARGETS["two"])
server = served(model)
expected = model.predict(FRAME).tolist()
turned = FRAME[[*FRAME.columns[::-1]]].assign(extra="x")[["extra", *FRAME.columns[::-1]]]
LINES = ("application/jsonlines", "application/x-jsonlines", "application/jsonl", "application/x-ndjson")


def text(frame: "object", header: bool, end: str = "\n", start: str = "") -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator=end)
    writer.writerows(([list(frame.columns)] if header else []) + frame.values.tolist())
    return (start + file.getvalue()).encode()


def lines(rows: list) -> bytes:
    import orjson

    return b"\n".join(map(orjson.dumps, rows)) + b"\n"


rows, lists = records(FRAME), FRAME.values.tolist()
bodies = {
    "instances": {"instances": rows},
    "turned, with more": {"instances": records(turned), "parameters": {"a": 1}},
    "records": {"dataframe_records": rows},
    "bare": rows,
    "in order": {"instances": lists},
    "bare, in order": lists,
    "split": {"columns": [*turned.columns], "data": turned.values.tolist()},
    "dataframe_split": {
        "dataframe_split": {"index": [1], "columns": [*turned], "data": turned.values.tolist()}
    },
    "inputs": {"inputs": turned.to_dict("list")},
    "inputs as rows": {"inputs": rows},
}
for name, document in bodies.items():
    found = answer(server, document)
    assert found == {"predictions": expected}, (name, found)
for media_type in LINES:
    for each in (rows, lists, [{"features": row} for row in lists]):
        assert answer(server, lines(each), media_type) == {"predictions": expected}, media_type
for body in (
    text(FRAME, header=False),
    text(FRAME, header=True),
    text(turned, header=True),
    text(turned, header=True, end="\r\n", start="\ufeff"),
    text(FRAME, header=False, end="\r\n"),
):
    found = answer(server, body, "text/csv; charset=utf-8")
    assert found == {"predictions": expected}, (body[:80], found)
assert answer(server, rows[0]) == {"predictions": expected[:1]}

age, income, city, plan = lists[0]
row = rows[0]
COLUMNS = "The columns are: age, income, city, plan."
NO_NUMBER = "not a number. Send unquoted numbers, and 1 and 0 for true and false."
refused = {
    "Row 2 lacks 'income'. " + COLUMNS: [row, {k: v for k, v in row.items() if k != "income"}],
    "Row 2 is not an object, unlike the first row.": [row, [1]],
    "Row 2 is not a list of values. Send the same number of values in each row.": [lists[0], row],
    "Row 1 has 3 values. The model expects 4 values. " + COLUMNS: [[1, 2, "x"]],
    f"Row 1, column 'age' is 'old', {NO_NUMBER}": [{**row, "age": "old"}],
    f"Row 1, column 'age' is true, {NO_NUMBER}": [[True, *lists[0][1:]]],
    "Row 2, column 'city' is 7, not text. Send it in quotes, as in training.": [row, {**row, "city": 7}],
    "Row 2, column 'city' is 'Paris', not one of the 3 known values.": [
        row,
        {**row, "city": "Paris"},
    ],
    f"Row 1, column 'city' is '{'x' * 39}, not one of the 3 known values.": [{**row, "city": "x" * 99}],
    "Row 1, column 'city' may not be missing (null).": [{**row, "city": None}],
    'The JSON object has both "instances" and "inputs". Send one.': {"instances": rows, "inputs": rows},
    f"The JSON object has no \"instances\", and is no row: it lacks 'age'. {COLUMNS}": {"data": rows},
    "Row 1 has 1 value, but 2 columns are named.": {"columns": ["age", "income"], "data": [[1]]},
    "Row 1 lacks 'city'. " + COLUMNS: {"columns": ["age", "income"], "data": [[1, 2]]},
    "Column 'age' is named twice.": {"columns": ["age", "age"], "data": [[1, 2]]},
    "Column 'age' has 1 values, but column 'income' has 2.": {"inputs": {"age": [1], "income": [1, 2]}},
    "In \"inputs\", column 'age' is not a list of values.": {"inputs": {"age": 1}},
    "The request has no rows. Send at least one.": {"instances": []},
    'Send "parameters" as an object, such as {"output": "both"}.': {"instances": rows, "parameters": 1},
}
for message, document in refused.items():
    found = answer(server, document)
    assert found == f"400 {message}", (found, message)
twice = b'{"instances": [{"age": 1, "income": 2, "city": "Bonn", "plan": "gold", "age": 3}]}'
assert answer(server, twice) == "400 A JSON object has the key 'age' twice.", answer(server, twice)
assert answer(server, b'{"age":1,\n"age":2}\n'.replace(b"\n", b"") + b"\n", LINES[0]).startswith("400 ")
cells = {
    b"old,1,Bonn,gold\n": f"Row 1, column 'age' is 'old', {NO_NUMBER}",
    b"1,1,Bonn,gold\n1_0,1,Bonn,gold\n": f"Row 2, column 'age' is '1_0', {NO_NUMBER}",
    b"1,1,Bonn\n": "Row 1 has 3 values. The model expects 4 values. " + COLUMNS,
    b"1,1,,gold\n": "Row 1, column 'city' may not be missing (null).",
    b"age,income,city,plan\n": "The request has no rows. Send at least one.",
    b'1,1,"'
    + b"x" * 200_000
    + b'",gold\n': "The body is not valid CSV: field larger than field limit (131072)",
}
for body, message in cells.items():
    assert answer(server, body, "text/csv") == f"400 {message}", answer(server, body, "text/csv")
assert (
    answer(server, b",,Bonn,gold\n", "text/csv")["predictions"]
    == answer(server, [[None, None, "Bonn", "gold"]])["predictions"]
)
npy = io.BytesIO()
np.save(npy, FRAME[NUMBERS].to_numpy())
assert answer(server, npy.getvalue(), "application/x-npy").startswith(
    "400 application/x-npy has only numbers"
)

# A model of numbers alone: an array by name, without pandas.
model = RandomForestRegressor(5, random_state=0).fit(FRAME[NUMBERS], TARGETS["number"])
server = served(model)
assert not server.table.frame
expected = model.predict(FRAME[NUMBERS])
for document in (rows, {"inputs": FRAME.to_dict("list")}, FRAME[NUMBERS].values.tolist()):
    assert same(answer(server, document)["predictions"], expected)
assert same(answer(server, npy.getvalue(), "application/x-npy")["predictions"], expected)
for body in (text(FRAME[NUMBERS], header=False), text(turned, header=True)):
    assert same(answer(server, body, "text/csv")["predictions"], expected)
found = answer(server, [{"age": 1, "income": "a"}])
assert found.startswith("400 Row 1, column 'income' is 'a', not a number."), found
assert answer(server, [[1, 2, 3]]) == "400 Row 1 has 3 values. The model expects 2 values."
print("read", ROWS)
