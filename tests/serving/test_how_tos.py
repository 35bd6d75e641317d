"""The how-tos of docs/how-to/own-model.md: their code is added to a project, which then answers."""

import ast
import json
import re

import pytest

from tests.conftest import REPOSITORY, Render
from tests.serving.test_contract import run_among_libraries

PAGE = REPOSITORY / "docs" / "how-to" / "own-model.md"
CODE = re.compile(r"^```python\n(.*?)^```$", re.S | re.M)
# The model of each how-to, its request (body, content type, headers), and the expected response.
START = """
import json, os, sys
from pathlib import Path
import joblib, numpy as np
from sklearn.linear_model import LinearRegression, LogisticRegression
rows = np.random.default_rng(0).random((200, 64))
"""
IMAGES = "joblib.dump(LogisticRegression().fit(rows, rows[:, :32].mean(axis=1) < 0.5), 'model/model.pkl')"
SCORES = "joblib.dump(LogisticRegression().fit(rows[:, :2], rows[:, 0] > 0.5), 'model/model.pkl')"
PRICES = """
joblib.dump(LinearRegression().fit(rows[:, :2], rows[:, 0]), "model/model.pkl")
joblib.dump(LinearRegression().fit(rows[:, :2], rows[:, 1]), "model/risk.pkl")
"""
CLIPPED = """
from sklearn.pipeline import make_pipeline
exec(Path("serving/custom.py").read_text())
Clip.__module__ = "__main__"
model = make_pipeline(Clip(), LinearRegression()).fit(rows[:, :2], rows[:, 0])
joblib.dump(model, "model/model.pkl")
del Clip
"""
NAMED = SCORES + "\nPath('model/names.txt').write_text('no yes')"
JSON, ONE = "application/json", b"[[0.9, 0.5]]"
ATTRIBUTES = "X-Amzn-SageMaker-Custom-Attributes"
PGM = "image/x-portable-graymap"
TABS = "text/tab-separated-values"
CASES = {
    "Classify images": (
        IMAGES,
        (b"P5 8 8\n255\n" + bytes([250]) * 64, PGM, {}),
        (200, '[{"label":"bright"}]'),
    ),
    "Classify images, wrong": (IMAGES, (b"P5 8 8\n255\nx", PGM, {}), (400, "gray PGM image")),
    "Classify images, a list": (IMAGES, (json.dumps([[0] * 64]).encode(), JSON, {}), (200, '"label":"dark"')),
    "Set a threshold per request": (SCORES, (ONE, JSON, {}), (200, '"accepted":true')),
    "Set a threshold per request, high": (
        SCORES,
        (ONE, JSON, {ATTRIBUTES: "0.999"}),
        (200, '"accepted":false'),
    ),
    "Set a threshold per request, wrong": (SCORES, (ONE, JSON, {ATTRIBUTES: "x"}), (400, "such as 0.7")),
    "Read another format, use two models, respond with CSV": (
        PRICES,
        (b"0.25\t0.5\n1\t0\n", TABS, {}),
        (200, "price,risk\n0.25,0.50\n1.00,0.00\n"),
    ),
    "Read another format, use two models, respond with CSV, wrong": (PRICES, (b"a", TABS, {}), (400, "tabs")),
    "Add packages and files": (NAMED, (ONE, JSON, {}), (200, '["yes"]')),
    "Classes of your own": (CLIPPED, (b"[[5, 0.5]]", JSON, {}), (200, "[1.0")),
}
SERVE = """
sys.path.insert(0, "serving")
os.environ["MODEL_DIR"] = "model"
from runtime.inference import Inference
body, content_type, headers = json.loads(Path("request.json").read_text())
status, answer, *_ = Inference().answer(body.encode("latin-1"), content_type, None, None, headers)
print(json.dumps([status, answer.decode()]))
"""


def blocks(heading: str) -> list[str]:
    """Return the Python code in a section of the page."""
    section = PAGE.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return CODE.findall(section)


def edited(handler: str, code: str) -> str:
    """Return a handler with a block of code: statements at the end of load, hooks in the class, functions."""
    tree = ast.parse(code)
    imports = "from runtime.request import Reply, Request, refuse\n"
    if any(isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute) for node in tree.body):
        lines = "".join(f"        {line}\n" for line in code.splitlines())
        return handler.replace("\n    def preprocess(", f"{lines}\n    def preprocess(", 1)
    own = {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and _has_self(node)}
    own |= {"CONTENT_TYPES"} & {name.id for name in ast.walk(tree) if isinstance(name, ast.Name)}
    if not own:  # for the module
        return handler.replace("\n\nclass ModelHandler", f"\n\n{code}\n\nclass ModelHandler", 1)
    inside = "".join(f"    {line}\n" if line else "\n" for line in code.splitlines())
    for name in own:  # replaced by the how-to
        handler = handler.replace(f"    def {name}(", f"    def former_{name}(", 1)
    handler = handler.replace("\n    MODEL_FILE", f"\n{inside}\n    MODEL_FILE", 1)
    return handler.replace("import joblib\n", f"import joblib\n{imports}", 1)


def _has_self(node: ast.FunctionDef) -> bool:
    return bool(node.args.args) and node.args.args[0].arg == "self"


@pytest.mark.parametrize("name", CASES)
def test_a_how_to_works(render: Render, name: str) -> None:
    model, (body, content_type, headers), (status, expected) = CASES[name]
    heading = next(heading for heading in sorted(CASES) if name.startswith(heading))
    found = blocks(heading)
    assert found, f"{PAGE} has no code in {heading!r}"
    project = render(deployment_config="http-flask", framework="sklearn", include_sample_model=False)
    handler = project / "serving" / "model_handler.py"
    for code in found:
        if code.startswith("# serving/custom.py"):
            (project / "serving" / "custom.py").write_text(code)
        else:
            handler.write_text(edited(handler.read_text(), code))
    (project / "request.json").write_text(json.dumps([body.decode("latin-1"), content_type, headers]))
    done = run_among_libraries(project, "sklearn", "http-flask", START + model + SERVE)
    assert done.returncode == 0, done.stderr
    answered = json.loads(done.stdout)
    assert answered[0] == status and expected in answered[1], (answered, done.stderr)
