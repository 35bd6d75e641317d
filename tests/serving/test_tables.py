"""Models of named columns answer as the library does, with the pandas of two generations."""

import json
import shutil

import pytest

from extensions.mcc.artifacts import suitable
from tests.conftest import REPOSITORY, Render
from tests.serving.test_contract import (
    ALL_CHECKS,
    NEED_A_CONTAINER_OR_STREAM,
    UNDER_LOAD,
    do,
    numbers,
    run_among_libraries,
    shared_environment,
)

CHECKS = REPOSITORY / "tests" / "serving" / "table_checks"
VERSIONS = {"1.7.1": "2.3.3", "1.9.1": "3.1.1"}  # scikit-learn with pandas


@pytest.mark.parametrize("version", VERSIONS)
def test_tables_are_answered_as_by_the_library(render: Render, version: str) -> None:
    project = render(framework="sklearn", framework_version=version, pandas=True)
    assert f"pandas=={VERSIONS[version]} \\\n" in (project / "requirements.txt").read_text()
    shutil.copytree(CHECKS, project / "checks")
    for name in ("semantics", "matrix", "forms", "csv_texts", "outputs", "signature"):
        source = f"import sys; sys.path.insert(0, 'checks'); import {name}"
        answer = run_among_libraries(project, f"sklearn-{version}", "tables", source)
        assert answer.returncode == 0, (name, answer.stdout + answer.stderr)
        # The model that each leaves in the project has columns by name, or numbers alone.
        needed = name in ("matrix", "outputs", "signature")
        assert suitable.needs_pandas(str(project / "model" / "model.pkl")) == needed, name


LEFT = """
import sys
sys.path.insert(0, "checks")
from made import *
from sklearn.linear_model import LogisticRegression
served(usual(LogisticRegression(), OneHotEncoder()).fit(FRAME, TARGETS["two"]))
"""
DOCUMENT = """
import json, os, sys
os.environ["MODEL_DIR"] = "model"
sys.path.insert(0, "serving")
from app import app, inference
document = app.openapi()
content = document["paths"]["/invocations"]["post"]["requestBody"]["content"]
for media_type in ("application/json", "application/jsonlines", "text/csv"):
    example = content[media_type]["example"]
    body = example.encode() if isinstance(example, str) else json.dumps(example).encode()
    status, answer, *_ = inference.answer(body, media_type, None, None)
    assert status == 200, (media_type, example, answer)
print(json.dumps([json.loads(inference.status()), content]))
"""
COLUMNS = [
    {"name": "age", "type": "number", "nullable": True},
    {"name": "income", "type": "number", "nullable": True},
    {"name": "city", "type": "string", "nullable": False, "values": 3, "unknown": "refused"},
    {"name": "plan", "type": "string", "nullable": False, "values": 2, "unknown": "refused"},
]


def test_a_server_of_a_table_keeps_the_contract_and_describes_the_columns(render: Render) -> None:
    project = render(framework="sklearn", pandas=True)
    shutil.copytree(CHECKS, project / "checks")
    assert run_among_libraries(project, "sklearn-1.7.1", "tables", LEFT).returncode == 0
    answer = run_among_libraries(project, "sklearn-1.7.1", "tables", DOCUMENT)
    assert answer.returncode == 0, answer.stderr
    about, content = json.loads(answer.stdout)
    assert about["columns"] == COLUMNS and about["example"]["city"] == "Bonn"
    named, ordered = content["application/json"]["schema"]["anyOf"][1]["anyOf"]
    refused = {"type": ["string"], "description": "One of 3 known values. Others are refused."}
    assert named["items"]["properties"]["city"] == refused
    assert ordered["items"]["minItems"] == 4
    assert content["application/json"]["example"] == {"instances": [about["example"]]}
    assert "application/x-npy" not in content
    unittest = "import sys, unittest; sys.path.insert(0, 'tests'); unittest.main('test_model_handler')"
    answer = run_among_libraries(project, "sklearn-1.7.1", "tables", unittest)
    assert answer.returncode == 0, answer.stderr
    with shared_environment(project, "sklearn-1.7.1", "tables"):
        only = numbers(ALL_CHECKS - UNDER_LOAD)
        answer = do(project, "test", "--contract", "--local", "--json", "--only", only)
    found = json.loads(answer.stdout)["result"]["checks"]
    numbers_only = {16, 29, 30, 35, 64}  # .npy has no text
    missed = [c for c in found if c["result"] != "passed" and c["number"] not in NEED_A_CONTAINER_OR_STREAM]
    assert {c["number"] for c in missed} <= numbers_only, missed
    assert all(c["result"] == "not applicable" for c in missed), missed
    assert answer.returncode == 0, answer.stderr


def test_a_table_without_pandas_is_refused_at_the_start(render: Render) -> None:
    project = render(framework="sklearn", pandas=True)
    shutil.copytree(CHECKS, project / "checks")
    source = LEFT.replace("served(", "import runtime.tables; runtime.tables.pandas = None; served(")
    answer = run_among_libraries(project, "sklearn-1.7.1", "tables", source)
    assert answer.returncode == 3
    assert "copier update --trust -d pandas=true" in answer.stderr.splitlines()[-1]
