"""A model with an inference.py is served by its functions, as SageMaker's framework containers do it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import copier
import pytest

from tests.conftest import Render
from tests.serving.test_contract import run_among_libraries

LOAD = "def model_fn(model_dir):\n    return 10\n"
SPLIT = LOAD + (
    "import json\n"
    "def input_fn(body, content_type):\n"
    "    if content_type != 'text/csv':\n"
    "        raise ValueError('unsupported content type ' + content_type)\n"
    "    return [float(cell) for cell in body.split(',')]\n"
    "def predict_fn(data, model):\n    return [value * model for value in data]\n"
    "def output_fn(prediction, accept):\n    return json.dumps({'scores': prediction, 'as': accept})\n"
)
DEFAULTS = "class Model:\n    def predict(self, rows):\n        return rows.sum(axis=1)\n"
DEFAULTS += "def model_fn(model_dir):\n    return Model()\n"
WITH_OUTPUT = DEFAULTS + "def output_fn(prediction, accept):\n    return "
SAGEMAKER = (
    "from sagemaker_containers.beta.framework import content_types, encoders, worker\n"
    "from sagemaker_inference import content_types as others, encoder, decoder, errors\n"
) + DEFAULTS
JSON, CSV, NUMBERS = "application/json", "text/csv", "[[1, 2], [3, 4]]"
# The script, the request (body, content type, accept), and the response (status, body, content type).
CASES: dict[str, tuple[str, tuple[str, str | None, str | None], tuple[int, str, str]]] = {
    "all four": (
        SPLIT,
        ("1,2", CSV, JSON),
        (200, '{"scores": [10.0, 20.0], "as": "application/json"}', JSON),
    ),
    "a charset": (
        SPLIT,
        ("1", "text/csv; charset=utf-8", None),
        (200, '{"scores": [10.0], "as": "application/json"}', JSON),
    ),
    "a type it rejects": (SPLIT, ("1", JSON, None), (415, "unsupported content type application/json", JSON)),
    "a value it rejects": (SPLIT, ("x", CSV, None), (400, "could not convert string to float", JSON)),
    "defaults": (DEFAULTS, (NUMBERS, None, "*/*"), (200, "[3.0,7.0]", JSON)),
    "defaults, CSV": (DEFAULTS, ("1,2\n3,4\n", CSV, CSV), (200, "3.0\n7.0\n", CSV)),
    "defaults, a type": (DEFAULTS, (NUMBERS, "image/png", None), (415, "'image/png' is not supported", JSON)),
    "defaults, accept": (DEFAULTS, (NUMBERS, JSON, "image/png"), (406, "'image/png' is not supported", JSON)),
    "malformed JSON": (DEFAULTS, ("[[1,", JSON, None), (400, "rejects the request", JSON)),
    "a pair": (WITH_OUTPUT + "('a;b', 'text/plain')\n", (NUMBERS, JSON, None), (200, "a;b", "text/plain")),
    "a dictionary": (
        WITH_OUTPUT + "{'n': prediction}\n",
        (NUMBERS, JSON, None),
        (200, '{"n":[3.0,7.0]}', JSON),
    ),
    "a response": (
        SAGEMAKER
        + "def output_fn(prediction, accept):\n"
        + "    return worker.Response(encoders.encode(prediction, accept), mimetype=accept)\n",
        (NUMBERS, JSON, CSV),
        (200, "3.0\n7.0\n", CSV),
    ),
    "contexts": (
        "def model_fn(model_dir, context):\n    return context.system_properties['model_dir'] == model_dir\n"
        "def input_fn(body, content_type='text/csv'):\n    return body\n"
        "def predict_fn(data, model, context):\n"
        "    types = [context.get_request_header(0, name) for name in ('Content-Type', 'X-Other')]\n"
        "    return [data, model, *types, context.custom_attributes]\n",
        ("a", CSV, None),
        (200, '["a",true,"text/csv",null,""]', JSON),
    ),
    "transform_fn": (
        LOAD + "def transform_fn(model, body, content_type, accept):\n    return body * 2, accept\n",
        ("ab", "text/plain", "text/plain"),
        (200, "abab", "text/plain"),
    ),
    "an error": (
        LOAD + "def predict_fn(data, model):\n    raise KeyError('secret')\n",
        (NUMBERS, JSON, None),
        (500, "See the server log", JSON),
    ),
}
INVALID = {
    "no model_fn": ("def predict_fn(data, model):\n    pass\n", "has no model_fn"),
    "a clash": (LOAD + "def transform_fn(*a):\n    pass\ndef input_fn(*a):\n    pass\n", "replaces input_fn"),
    "half a pair": ("def input_handler(data, context):\n    pass\n", "has input_handler alone"),
    "own calls": ("def handler(data, context):\n    pass\n", "has handler, which calls TensorFlow Serving"),
    "a package": ("import lightgbm_of_nobody\n" + LOAD, "imports lightgbm_of_nobody, which is not installed"),
    "a failing load": ("def model_fn(model_dir):\n    raise OSError('no file')\n", "OSError: no file"),
}
RUN = """
import json, os, subprocess, sys, tempfile
from pathlib import Path
sys.path[:0] = ["serving"]
cases, invalid = json.loads(Path("cases.json").read_text())
answers = {}
def prepared(script):
    folder = Path(tempfile.mkdtemp())
    (folder / "code").mkdir()
    (folder / "code" / "inference.py").write_text(script)
    os.environ["MODEL_DIR"] = str(folder)
    return folder
os.environ["SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"] = "text/own"
import runtime.answers, runtime.inference, runtime.script
prepared("def model_fn(d):\\n    return d\\ndef transform_fn(m, body, t, accept, context):\\n"
         "    return context.custom_attributes + accept, accept\\n")
headers = {"X-Amzn-SageMaker-Custom-Attributes": "a=1 "}
answered = runtime.inference.Inference().answer(b"", None, None, None, headers)
answers["own default"] = [answered[0], answered[1].decode(), answered[2]]
prepared("")
(Path(os.environ["MODEL_DIR"]) / "code" / "inference.py").unlink()
runtime.inference.ModelHandler.load = lambda self, path: setattr(self, "row_shape", None)
(Path(os.environ["MODEL_DIR"]) / "model.pkl").write_bytes(b"")
try:
    runtime.inference.Inference()
except SystemExit as ended:
    answers["no such default"] = ended.code
runtime.answers.DEFAULT = runtime.script.DEFAULT = "application/json"
for name, (script, (body, content_type, accept), _expected) in cases.items():
    prepared(script)
    served = runtime.inference.Inference()
    if served.handler.LOAD_AFTER_FORK:
        served.load()
    status, answer, media_type, _ = served.answer(body.encode(), content_type, accept, None)
    answers[name] = [status, answer.decode(), media_type]
for name, (script, _expected) in invalid.items():
    prepared(script)
    try:
        runtime.inference.Inference()
    except SystemExit as ended:
        answers[name] = ended.code
Path("answers.json").write_text(json.dumps(answers))
"""


ONE_PROCESS = pytest.mark.xdist_group("inference script")  # asks for all answers at once


@pytest.fixture(scope="module")
def answered(template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """Return the answers to all cases, from one process with the libraries of a project, and its messages."""
    project = tmp_path_factory.mktemp("script") / "scored"
    options: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}
    answers = {"framework": "sklearn", "include_sample_model": False, "deployment_config": "http-flask"}
    copier.run_copy(str(template), project, data=answers, **options)
    (project / "cases.json").write_text(json.dumps([CASES, INVALID]))
    done = run_among_libraries(project, "sklearn", "http-flask", RUN)
    assert done.returncode == 0, done.stderr
    return json.loads((project / "answers.json").read_text()), done.stderr


@ONE_PROCESS
@pytest.mark.parametrize("name", CASES)
def test_a_script_answers(answered: tuple[dict[str, Any], str], name: str) -> None:
    status, body, media_type = CASES[name][2]
    answer = answered[0][name]
    assert (answer[0], answer[2]) == (status, media_type), answer
    assert body == answer[1] if status == 200 else body in answer[1], answer
    assert "secret" not in answer[1]


@ONE_PROCESS
def test_a_script_gets_custom_attributes_and_a_default_accept_that_the_server_lacks(
    answered: tuple[dict[str, Any], str],
) -> None:
    assert answered[0]["own default"] == [200, "a=1 text/own", "text/own"]
    assert answered[0]["no such default"] == 3
    assert (
        "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT is 'text/own'; set it to one of application/json" in answered[1]
    )


@ONE_PROCESS
@pytest.mark.parametrize("name", INVALID)
def test_a_script_that_cannot_serve_is_refused(answered: tuple[dict[str, Any], str], name: str) -> None:
    assert answered[0][name] == 3
    assert INVALID[name][1] in answered[1]


HANDLERS = r'''
import json, os, sys
from pathlib import Path
sys.path[:0] = ["serving"]
import joblib, numpy as np
from sklearn.linear_model import LinearRegression
rows = np.arange(40.0).reshape(20, 2)
model = LinearRegression().fit(rows, rows.sum(axis=1))
joblib.dump(model, "model/model.pkl")
code = Path("model/code/inference.py")
code.parent.mkdir()
code.write_text("""
import json

def input_handler(data, context):
    text = data.read().decode()
    if context.request_content_type == "text/csv":
        return json.dumps({"instances": [[float(cell) for cell in text.split(",")]]})
    if context.request_content_type == "application/json":
        return text
    raise ValueError(f"unsupported content type {context.request_content_type}")

def output_handler(response, context):
    if response.status_code != 200:
        raise ValueError(response.content.decode())
    scores = [round(score) for score in response.json()["predictions"]]
    return json.dumps({"scores": scores, "for": context.custom_attributes}), context.accept_header
""")
os.environ["MODEL_DIR"] = "model"
from runtime.inference import Inference
server = Inference()
headers = {"X-Amzn-SageMaker-Custom-Attributes": "a=1"}
asked = [
    (b"2,3", "text/csv", "text/plain"),
    (b'{"instances": [[1, 2], [3, 4]]}', None, None),
    (b'{"instances": [[1]]}', None, None),
    (b"{", None, None),
    (b"x", "image/png", None),
]
print(json.dumps([server.answer(*each, None, headers)[:3] for each in asked], default=bytes.decode))
'''


def test_the_handlers_of_tensorflow_serving_ask_the_model_of_this_server(render: Render) -> None:
    project = render(deployment_config="http-flask", framework="sklearn", include_sample_model=False)
    done = run_among_libraries(project, "sklearn", "http-flask", HANDLERS)
    assert done.returncode == 0, done.stderr
    csv, two, short, malformed, image = json.loads(done.stdout)
    assert csv == [200, '{"scores": [5], "for": "a=1"}', "text/plain"]
    assert two == [200, '{"scores": [3, 7], "for": "a=1"}', JSON]
    assert short[0] == 400 and "Row 1 has 1 value. The model expects 2 values." in short[1]
    assert malformed[0] == 400 and "JSON" in malformed[1]
    assert image[0] == 415 and "unsupported content type image/png" in image[1]


BOOSTER = r"""
import json, os, sys
from pathlib import Path
sys.path[:0] = ["serving"]
import numpy as np, xgboost
rows = np.arange(40.0).reshape(20, 2)
booster = xgboost.train({"max_depth": 2}, xgboost.DMatrix(rows, rows.sum(axis=1)), 5)
booster.save_model("model/model.json")
code = Path("model/code/inference.py")
code.parent.mkdir()
load = "xgboost.Booster(model_file=os.path.join(model_dir, 'model.json'))"
code.write_text(f"import os, xgboost\ndef model_fn(model_dir):\n    return {load}\n")
os.environ["MODEL_DIR"] = "model"
from runtime.inference import Inference
status, body, *_ = Inference().answer(b"2,3\n10,11\n", "text/csv", None, None)
print(json.dumps([status, json.loads(body), booster.predict(xgboost.DMatrix(rows[[1, 5]])).tolist()]))
"""


def test_a_booster_of_a_script_gets_its_own_matrix(render: Render) -> None:
    project = render(deployment_config="http-flask", framework="xgboost", include_sample_model=False)
    done = run_among_libraries(project, "xgboost", "http-flask", BOOSTER)
    assert done.returncode == 0, done.stderr
    status, answer, expected = json.loads(done.stdout)
    assert status == 200 and answer == pytest.approx(expected, rel=1e-6)


def test_packages_next_to_a_script_must_be_pinned(render: Render) -> None:
    project = render(framework="sklearn", include_sample_model=False)
    code = project / "model" / "code"
    code.mkdir()
    (code / "inference.py").write_text(LOAD)
    (code / "requirements.txt").write_text("# more\nScikit_Learn==1.7.1\ncategory-encoders>=2\n")
    refused = subprocess.run(
        [sys.executable, "do/build", "--engine", "docker"], cwd=project, capture_output=True, text=True
    )
    assert refused.returncode == 3, refused.stderr
    assert "packages that are not installed" in refused.stderr and "category-encoders>=2" in refused.stderr
    assert "Scikit_Learn" not in refused.stderr
