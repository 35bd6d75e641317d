"""Models with several inputs take them by name, and answer what the library itself does."""

import pytest

from tests.conftest import Render
from tests.serving.test_contract import run_among_libraries
from tests.serving.test_libraries import ONNX

START = """
import json, os, sys
from pathlib import Path
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path.insert(0, "serving")
os.environ["MODEL_DIR"] = "model"
import numpy as np

def ask(server, document, content_type="application/json"):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    status, answer, *_ = server.answer(body, content_type, None, None)
    answer = json.loads(answer)
    if "outputs" in answer:
        return answer
    return answer["predictions"] if status == 200 else (status, answer["message"])
"""
ONNX_INPUTS = (
    START
    + ONNX.partition("def own(")[0].partition("import onnxruntime")[2]
    + """
from runtime.inference import Inference
graph = node("Mul", ["age", "income"], ["product"]) + node("Identity", ["city"], ["place"])
inputs = [value("age", FLOAT, "N", 1), value("income", FLOAT, "N", 1), value("city", TEXT, "N", 1)]
outputs = [value("product", FLOAT, "N", 1), value("place", TEXT, "N", 1)]
write(graph, inputs, outputs)
Path("own.onnx").rename("model/model.onnx")
server = Inference()
if server.handler.LOAD_AFTER_FORK:
    server.load()
assert [item["type"] for item in server.describe()["inputs"]] == ["float32", "float32", "string"]
rows = [{"age": 2, "income": 3.5, "city": "Graz"}, {"age": 4, "income": 0.5, "city": "Oslo"}]
expected = [{"product": [7.0], "place": ["Graz"]}, {"product": [2.0], "place": ["Oslo"]}]
columns = {name: [row[name] for row in rows] for name in rows[0]}
assert ask(server, {"instances": rows}) == ask(server, rows) == expected
by_output = {"product": [[7.0], [2.0]], "place": [["Graz"], ["Oslo"]]}
assert ask(server, {"inputs": columns}) == {"outputs": by_output}
nested = [{name: [value] for name, value in row.items()} for row in rows]
assert ask(server, {"instances": nested}) == expected
lines = b"".join(json.dumps(row).encode() + b"\\n" for row in rows)
assert ask(server, lines, "application/jsonlines") == expected
assert ask(server, [[2, 3.5, "Graz"]]) == expected[:1]  # in the order of the inputs
assert ask(server, {"instances": rows, "signature_name": "serving_default"}) == expected
wrong = {
    "lacks 'city'": {"instances": [{"age": 1, "income": 2}]},
    "has 'size', which is no input": {"instances": [{**rows[0], "size": 1}]},
    "Input 'age': Row 1, column 1 is 'x'": {"instances": [{**rows[0], "age": "x"}]},
    "Input 'city' is not text": {"instances": [{**rows[0], "city": 1}]},
    "Row 2 and row 1 differ: only one of them has 'age'": {"instances": [rows[0], {"income": 1}]},
    "Input 'age' has 1 rows, but input 'income' has 2": {"inputs": {**columns, "age": [1]}},
    "'age' is not a list": {"inputs": {**columns, "age": 1}},
    'both "inputs" and "instances"': {"inputs": columns, "instances": rows},
    "Row 1 does not have one value for each input": [[1, 2]],
    "no signature 'other'": {"instances": rows, "signature_name": "other"},
}
for message, document in wrong.items():
    status, seen = ask(server, document)
    assert status == 400 and message in seen, (message, seen)
print("all tried")
"""
)
TENSORFLOW = (
    START
    + """
import tensorflow as tf
class Model(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x"),
                                  tf.TensorSpec([None], tf.string, name="unit")])
    def scaled(self, x, unit):
        factor = tf.where(unit == "k", 1000.0, 1.0)[:, None]
        return {"scaled": x * factor, "unit": unit}
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def total(self, x):
        return {"total": tf.reduce_sum(x, axis=1)}
model = Model()
tf.saved_model.save(model, "model/SavedModel", {"serving_default": model.scaled, "total": model.total})
from runtime.inference import Inference
server = Inference()
server.load()
rows = [{"x": [1, 2], "unit": "k"}, {"x": [3, 4], "unit": "m"}]
expected = [{"scaled": [1000.0, 2000.0], "unit": "k"}, {"scaled": [3.0, 4.0], "unit": "m"}]
assert ask(server, {"instances": rows}) == expected
by_output = {"scaled": [[1000.0, 2000.0], [3.0, 4.0]], "unit": ["k", "m"]}
assert ask(server, {"inputs": {"x": [[1, 2], [3, 4]], "unit": ["k", "m"]}}) == {"outputs": by_output}
assert ask(server, {"inputs": {"x": [[1, 2]]}, "signature_name": "total"}) == {"outputs": [3.0]}
assert ask(server, {"instances": [[1, 2]], "signature_name": "total"}) == [3.0]
assert ask(server, {"instances": [{"x": [1, 2]}], "signature_name": "total"}) == [3.0]
for wrong in ({"instances": [[1, 2]]}, {"instances": rows, "signature_name": "total"}):
    assert ask(server, wrong)[0] == 400
assert "It has: serving_default, total." in ask(server, {"instances": rows, "signature_name": "no"})[1]
print("all tried")
"""
)
KERAS = (
    START
    + """
import tensorflow as tf
age, size = tf.keras.Input([1], name="age"), tf.keras.Input([2], name="size")
out = tf.keras.layers.Dense(1, kernel_initializer="ones")(tf.keras.layers.Concatenate()([age, size]))
tf.keras.Model([age, size], out).save("model/model.keras")
from runtime.inference import Inference
server = Inference()
server.load()
assert ask(server, {"instances": [{"age": 1, "size": [2, 3]}]}) == [[6.0]]
columns = {"size": [[2, 3], [0, 0]], "age": [[1], [1]]}
assert ask(server, {"inputs": columns}) == {"outputs": [[6.0], [1.0]]}  # as TensorFlow Serving: no name
only = tf.keras.Model(age, [age * 2, age * 3])
only.save("model/model.keras")
server = Inference()
server.load()
assert server.describe()["row_shape"] == (1,) and "inputs" not in server.describe()
first, second = ask(server, [[2], [3]])[0]
by_output = {first: [[4.0], [6.0]], second: [[6.0], [9.0]]}
assert ask(server, {"inputs": {"age": [[2], [3]]}}) == {"outputs": by_output}
assert "has 'size', which is no input" in ask(server, {"inputs": {"age": [[2]], "size": [[2]]}})[1]
print("all tried")
"""
)


@pytest.mark.parametrize(
    ("framework", "model_format", "source"),
    [
        ("onnxruntime", "onnx", ONNX_INPUTS),
        ("tensorflow", "SavedModel", TENSORFLOW),
        ("tensorflow", "keras", KERAS),
    ],
    ids=["onnx", "SavedModel", "keras"],
)
def test_inputs_are_taken_by_name(render: Render, framework: str, model_format: str, source: str) -> None:
    project = render(framework=framework, model_format=model_format)
    done = run_among_libraries(project, framework, "http-fastapi", source)
    assert done.stdout.strip() == "all tried", done.stderr
