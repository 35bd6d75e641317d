"""Examples of a model warm its server up, are compared by do/test, and never judge another model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from extensions.mcc.artifacts.artifact_facts import SCIKIT_LEARN
from extensions.mcc.inspection import samples
from tests.conftest import Render
from tests.serving.test_contract import run_among_libraries, shared_environment

ROW = [0, 0.455, 0.365, 0.095, 0.514, 0.2245, 0.101, 0.15]
TRAIN = """
import json, os, subprocess, sys
from pathlib import Path
subprocess.run([sys.executable, "sample_model/train.py"], stdout=sys.stderr, check=True)
sys.path[:0] = ["serving"]
os.environ["MODEL_DIR"] = "model"
import runtime.inference
from runtime import examples
asked = []
class Counting(runtime.inference.Inference):
    def answer(self, body, *arguments):
        asked.append(body)
        return super().answer(body, *arguments)
path = Path("model/examples.json")
"""
OF_SAMPLE = (
    TRAIN
    + """
server = Counting()
(example,) = server.examples.found
assert asked == [example.body] * 2 and len(example.truth) == 5
answer = json.loads(server.answer(example.body, example.content_type, None, None)[1])
assert examples.differs(answer, example.response, example.tolerance) == ""
assert examples.differs({"predictions": [1.0]}, {"predictions": [[1.0]]}, 0)
for one, other in (({"a": 1}, {"b": 1}), ([1], [1, 2]), ("x", "y"), (True, 1), (None, 1), (1.1, 1.0)):
    assert examples.differs(one, other, 0.01), (one, other)
assert not examples.differs({"a": ["x", 1.001, None]}, {"a": ["x", 1, None]}, 0.01)
import joblib
from sklearn.dummy import DummyRegressor
joblib.dump(DummyRegressor().fit([[1, 2]], [3]), "model/model.pkl")  # of another shape
asked.clear()
assert Counting().examples.found == () and json.loads(asked[0]) == {"instances": [[0.0, 0.0]]}
path.write_text('{"instances": [[1, 2], [3, NaN]]}')
try:
    Counting()
except SystemExit as ended:
    assert ended.code == 3
path.write_text('[{"request": "1,2", "content_type": "text/csv"}, {"request": [[1, 2]]}]')
asked.clear()
Counting()
assert asked == [b"1,2"] * 2 + [b"[[1, 2]]"] * 2
path.unlink()
runtime.inference.ModelHandler.load = lambda self, path: setattr(self, "row_shape", None)
asked.clear()
Counting()
assert asked == []
print("all tried")
"""
)


def test_a_server_answers_the_examples_of_its_model_alone(render: Render) -> None:
    project = render(deployment_config="http-flask", framework="sklearn")
    done = run_among_libraries(project, "sklearn", "http-flask", OF_SAMPLE)
    assert done.stdout.strip() == "all tried", done.stderr
    assert "example 1 in examples.json: status 400" in done.stderr
    assert "Row 2, column 2 is null" in done.stderr
    assert (
        "no warm-up, so the first request will be slow; put a request in model/examples.json" in done.stderr
    )


@pytest.mark.parametrize("framework", ["sklearn", "xgboost"])
def test_rows_are_recorded_with_the_answers_of_the_library(render: Render, framework: str) -> None:
    project = render(deployment_config="http-flask", framework=framework)
    run = [sys.executable, "do/examples", "--data", "rows.csv"]
    (project / "rows.csv").write_text(f"{','.join(map(str, ROW))}\n" * 5)
    source = "import subprocess, sys; subprocess.run([sys.executable, 'sample_model/train.py'])"
    run_among_libraries(project, framework, "http-flask", source)
    with shared_environment(project, framework, "http-flask"):
        pass
    done = subprocess.run(run, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (example,) = json.loads((project / "model" / "examples.json").read_text())["examples"]
    assert example["request"] == {"instances": [ROW] * 3}
    assert len(example["response"]["predictions"]) == 3 and "sending" not in done.stdout
    (project / "rows.csv").write_text("1,2\n")
    done = subprocess.run(run, cwd=project, capture_output=True, text=True)
    assert done.returncode != 0 and "Row 1 has 2 values" in done.stderr
    assert json.loads((project / "model" / "examples.json").read_text())["examples"] == [example]
    (project / "model" / "examples.json").write_text("[[1]]")
    done = subprocess.run(run, cwd=project, capture_output=True, text=True)
    assert done.returncode == 2 and "was written by hand" in done.stderr
    assert (project / "model" / "examples.json").read_text() == "[[1]]"


def test_mlflow_examples_become_requests() -> None:
    split = {"columns": ["a"], "data": [[float("nan")], [1]], "index": [0, 1]}
    by_name = {"dataframe_split": {"columns": ["a"], "data": [[None], [1]]}}
    assert samples.request({"dataframe_split": split}, by_name=True) == by_name
    assert samples.request(split, by_name=True) == by_name
    assert samples.request(split, by_name=False) == {"instances": [[None], [1]]}
    assert samples.request({"inputs": [[1.5]]}, by_name=False) == {"instances": [[1.5]]}
    assert samples.request({"inputs": {"x": [1]}}, by_name=False) == {"inputs": {"x": [1]}}
    assert samples.request([[1]], by_name=True) == [[1]]
    assert SCIKIT_LEARN == "scikit-learn"


def test_the_example_of_an_mlflow_directory_is_copied(template: Path, tmp_path: Path) -> None:
    source = Path(__file__).parents[1] / "data" / "inspected" / "mlflow"
    folder = tmp_path / "mlflow"
    subprocess.run(["cp", "-r", source, folder], check=True)
    name = json.dumps({"dataframe_split": {"columns": ["a"], "data": [[1]]}})
    (folder / "serving_input_example.json").write_text(name)
    project = tmp_path / "made"
    command = ["copier", "copy", "--trust", "--quiet", "--defaults", "-d", f"model_path={folder}"]
    path = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run([*command, template, project], env=path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    written = json.loads((project / "model" / "examples.json").read_text())
    assert written["examples"] == [{"request": {"dataframe_split": {"columns": ["a"], "data": [[1]]}}}]
    assert (project / "model" / written["model"]).exists()
