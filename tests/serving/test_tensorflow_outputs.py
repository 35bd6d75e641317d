"""A TensorFlow model returns several outputs by name, for the requested signature."""

import json

import pytest

from tests.conftest import Render
from tests.serving.test_contract import run_among_libraries

SAVED_MODEL = """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import json
import sys
from pathlib import Path
sys.path.insert(0, "serving")
import tensorflow as tf
import orjson
from runtime.answers import encode
from runtime.codec import RequestError, decode
from model_handler import ModelHandler

ROWS = tf.TensorSpec([None, 2], tf.float32, name="x")

class Model(tf.Module):
    @tf.function(input_signature=[ROWS])
    def several(self, x):
        return {"z": x[:, 0] * 2, "scores": x, "class": tf.as_string(x[:, 1], precision=0), "a": x[:, :1]}

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="other")])
    def one(self, other):
        return {"only": other[:, 2]}

    @tf.function(input_signature=[ROWS])
    def total(self, x):
        return {"sum": tf.reduce_sum(x), "x": x}

    @tf.function(input_signature=[ROWS, ROWS])
    def two_inputs(self, x, y):
        return {"sum": x + y}

model = Model()
signatures = {"serving_default": model.several, "one": model.one, "total": model.total}
tf.saved_model.save(model, "model/SavedModel", {**signatures, "two": model.two_inputs})
handler = ModelHandler()
handler.load(Path("model/SavedModel"))

def asked(rows, accept="application/json", **more):
    try:
        body = orjson.dumps({"instances": rows, **more})
        predictions = handler.predict(handler.preprocess(decode(body, None)))
        return encode(handler.postprocess(predictions), accept).decode()
    except RequestError as error:
        return error.status
    except ValueError as error:
        return "failed: " + str(error)

answers = {
    "default": asked([[1, 2], [3, 4]]),
    "named": asked([[1, 2]], signature_name="serving_default"),
    "null": asked([[1, 2]], signature_name=None),
    "one": asked([[1, 2, 3]], signature_name="one"),
    "shape of another": asked([[1, 2]], signature_name="one"),
    "unknown": asked([[1, 2]], signature_name="no"),
    "a number": asked([[1, 2]], signature_name=0),
    "a list": asked([[1, 2]], signature_name=[]),
    "two inputs": asked([[1, 2]], signature_name="two"),
    "no row each": asked([[1, 2], [3, 4]], signature_name="total"),
    "lines": asked([[1, 2], [3, 4]], "application/jsonlines"),
    "csv": asked([[1, 2]], "text/csv"),
    "npy": asked([[1, 2]], "application/x-npy"),
}
print(json.dumps(answers))
"""
ROW = {"a": [1.0], "class": "2", "scores": [1.0, 2.0], "z": 2.0}
OTHER = {"a": [3.0], "class": "4", "scores": [3.0, 4.0], "z": 6.0}


@pytest.mark.xdist_group("http-flask")
def test_a_saved_model_answers_every_output_and_the_signature_asked_for(render: Render) -> None:
    project = render(deployment_config="http-flask", framework="tensorflow", model_format="SavedModel")
    answers = []
    for _ in range(3):  # the order of outputs differs between starts
        done = run_among_libraries(project, "tensorflow", "http-flask", SAVED_MODEL)
        assert done.returncode == 0, done.stderr
        answers.append(json.loads(done.stdout))
    assert answers[0] == answers[1] == answers[2]
    (told, *_) = answers
    assert json.loads(told["default"]) == {"predictions": [ROW, OTHER]}
    assert list(json.loads(told["default"])["predictions"][0]) == ["a", "class", "scores", "z"]
    assert told["named"] == told["null"] and json.loads(told["named"]) == {"predictions": [ROW]}
    assert json.loads(told["one"]) == {"predictions": [3.0]}
    assert {told[name] for name in ("shape of another", "unknown", "a number", "two inputs")} == {400}
    assert told["a list"] == 400
    assert told["no row each"] == "failed: output 'sum' has shape () for 2 rows"
    assert [json.loads(line) for line in told["lines"].splitlines()] == [ROW, OTHER]
    assert (told["csv"], told["npy"]) == (406, 406)


KERAS = """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import json
import sys
from pathlib import Path
sys.path.insert(0, "serving")
import numpy as np
import tensorflow as tf
from model_handler import ModelHandler

keras = tf.keras
rows = keras.Input([2])
age = keras.layers.Dense(1, name="age", kernel_initializer="ones")(rows)
sex = keras.layers.Dense(2, name="sex", kernel_initializer="zeros")(rows)
models = {"list": keras.Model(rows, [sex, age]), "dict": keras.Model(rows, {"b": sex, "a": age})}
models["single"] = keras.Model(rows, age)
models["same layer"] = keras.Model(rows, [age, age])
answers = {}

def answer(name):
    handler = ModelHandler()
    handler.load(Path("model.keras"))
    found = handler.postprocess(handler.predict(handler.preprocess([[1, 2], [3, 4]])))
    answers[name] = [handler.signatures["serving_default"].call.__name__, found]

for name, model in models.items():
    model.save("model.keras")
    answer(name)
models["single"].save("model.keras")
call = tf.raw_ops.StatefulPartitionedCall
tf.raw_ops.StatefulPartitionedCall = lambda **given: [output + 1 for output in call(**given)]
answer("wrong")
del tf.raw_ops.StatefulPartitionedCall
answer("gone")
print(json.dumps(answers))
"""


@pytest.mark.xdist_group("http-fastapi")
def test_a_keras_model_answers_every_output(render: Render) -> None:
    project = render(deployment_config="http-fastapi", framework="tensorflow", model_format="keras")
    done = run_among_libraries(project, "tensorflow", "http-fastapi", KERAS)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    answers = {name: answer for name, (_, answer) in told.items()}
    assert answers["list"] == [{"age": [3.0], "sex": [0.0, 0.0]}, {"age": [7.0], "sex": [0.0, 0.0]}]
    assert answers["dict"] == [{"a": [3.0], "b": [0.0, 0.0]}, {"a": [7.0], "b": [0.0, 0.0]}]
    assert answers["single"] == [[3.0], [7.0]]
    assert answers["same layer"] == [
        {"output_0": [3.0], "output_1": [3.0]},
        {"output_0": [7.0], "output_1": [7.0]},
    ]
    # The faster call is used only if it is proven to return the same.
    assert {name for name, (call, _) in told.items() if call == "direct"} == {*answers} - {"wrong", "gone"}
    assert answers["wrong"] == answers["gone"] == answers["single"]
