"""Labels, probabilities or both, in every content type, as the library computes them."""

import contextlib
import io

import made  # noqa: F401 - it finds the modules of the project
import numpy as np
import orjson
import runtime.answers
import runtime.inference
import runtime.outputs
from made import FRAME, JSON, NUMBERS, TARGETS, answer, records, same, served, usual
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import SVC

CSV, LINES, NPY = "text/csv", "application/jsonlines", "application/x-npy"
rows = records(FRAME)[:5]
arrays = FRAME[NUMBERS].to_numpy()
text, two = TARGETS["two"], np.c_[TARGETS["two"], TARGETS["three"].astype(str)]
KINDS = {
    "text": (usual(LogisticRegression()).fit(FRAME, text), rows, FRAME[:5]),
    "integers": (usual(RandomForestClassifier(3)).fit(FRAME, TARGETS["three"]), rows, FRAME[:5]),
    "booleans": (RandomForestClassifier(3).fit(arrays, text == "yes"), arrays[:5].tolist(), arrays[:5]),
}
for name, (model, sent, features) in KINDS.items():
    server = served(model)
    labels, chances = model.predict(features).tolist(), model.predict_proba(features)
    classes = model.classes_.tolist()

    def asked(output: str, accept: str = JSON, server: object = server, sent: object = sent) -> object:
        return answer(server, {"instances": sent, "parameters": {"output": output}}, JSON, accept)

    about = orjson.loads(server.status())
    assert (about["classes"], about["output"]) == (classes, "labels"), about
    assert answer(server, {"instances": sent}) == asked("labels") == {"predictions": labels}
    both = asked("both")
    assert (both["predictions"], both["classes"]) == (labels, classes) and same(
        both["probabilities"], chances
    )
    only = asked("probabilities")
    assert only["classes"] == classes and same(only["predictions"], chances) and len(only) == 2
    lines = [orjson.loads(line) for line in asked("both", LINES).splitlines()]
    assert [line["prediction"] for line in lines] == labels
    assert same([line["probabilities"] for line in lines], chances)
    assert same([orjson.loads(line) for line in asked("probabilities", LINES).splitlines()], chances)
    table = [line.split(",") for line in asked("both", CSV).decode().splitlines()]
    assert [row[0] for row in table] == list(map(str, labels))
    assert same([list(map(float, row[1:])) for row in table], chances)
    assert same(np.load(io.BytesIO(asked("probabilities", NPY))), chances)
    if name == "text":
        assert asked("both", NPY).startswith("406 An array cannot hold text"), asked("both", NPY)
    else:
        assert same(np.load(io.BytesIO(asked("both", NPY))), np.c_[np.array(labels, dtype=float), chances])
    found = answer(server, {"instances": sent, "parameters": {"output": "odds"}})
    assert found == "400 \"output\" is 'odds'. Send one of: labels, probabilities, both.", found

# Several outputs: a list per row.
model = RandomForestClassifier(3).fit(arrays, two)
server = served(model)
found = answer(server, {"instances": arrays[:2].tolist(), "parameters": {"output": "both"}})
assert found["predictions"] == model.predict(arrays[:2]).tolist()
assert found["classes"] == [["no", "yes"], ["0", "1", "2"]]
assert same(found["probabilities"][1][1], model.predict_proba(arrays[:2])[1][1])

# The setting; models without probabilities are refused at the start and in a request.
for model in (SVC().fit(arrays, text), Ridge().fit(arrays, TARGETS["number"])):
    found = answer(served(model), {"instances": arrays[:1].tolist(), "parameters": {"output": "both"}})
    assert found == "400 \"output\" is 'both', but the model has no predict_proba.", found
    assert "classes" not in orjson.loads(served(model).status())
runtime.outputs.DEFAULT = runtime.inference.DEFAULT = "both"
assert answer(served(KINDS["text"][0]), rows)["classes"] == ["no", "yes"]
with contextlib.suppress(SystemExit):
    served(Ridge().fit(arrays, TARGETS["number"]))
    raise AssertionError("a regressor has no probabilities, but the server started")
runtime.outputs.DEFAULT = runtime.inference.DEFAULT = "labels"

# The default content type of responses.
server = served(KINDS["text"][0])
runtime.answers.DEFAULT = CSV
for accept in (None, "", "*/*", "image/png;q=0.1, */*;q=0.5"):
    assert server.answer(orjson.dumps(rows), JSON, accept, None)[2] == CSV, accept
assert server.answer(orjson.dumps(rows), JSON, JSON, None)[2] == JSON
assert server.answer(orjson.dumps(rows), JSON, "application/x-ndjson", None)[2] == LINES
print("answered", len(KINDS))
