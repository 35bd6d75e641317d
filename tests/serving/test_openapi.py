"""The OpenAPI document describes the server: Schemathesis finds nothing, and each example is accepted."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from tests.conftest import Render
from tests.serving.test_contract import run_among_libraries
from tests.serving.test_hangs import both_servers, prepared, serving
from tests.serving.test_tables import CHECKS

SCHEMATHESIS = [sys.executable, "-m", "schemathesis.cli", "run"]
HOOKS = "tests.serving.schema_hooks"
TEXT_FORMATS = ("application/jsonlines", "text/csv")
# Its columns accept every value: the document does not list the categories of a model that refuses others.
TABLE = """
import sys
sys.path.insert(0, "checks")
from made import *
from sklearn.linear_model import LogisticRegression
served(usual(LogisticRegression()).fit(FRAME, TARGETS["two"]))
"""


def schemathesis(document: Path, port: int, *arguments: str) -> None:
    """Run Schemathesis with all of its checks. Raise AssertionError with its report if it finds something."""
    command = [*SCHEMATHESIS, str(document), "--url", f"http://127.0.0.1:{port}", "--seed", "1"]
    options = ["--phases", "examples,coverage,fuzzing", "--max-examples", "40", "--continue-on-failure"]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": HOOKS}
    found = subprocess.run([*command, *options, *arguments], env=environment, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr


def document_of(port: int) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/openapi.json", timeout=10) as response:
        found: dict[str, Any] = json.load(response)
        return found


def content_of(document: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = document["paths"]["/invocations"]["post"]["requestBody"]["content"]
    return content


def checked(project: Path, port: int) -> None:
    """Check the document of a running server: examples, JSON of every form, and rows as text."""
    document = document_of(port)
    content = content_of(document)
    for media_type, body in content.items():
        if "example" in body:
            example = body["example"]
            data = (example if isinstance(example, str) else json.dumps(example)).encode()
            url = f"http://127.0.0.1:{port}/invocations"
            request = urllib.request.Request(url, data, {"Content-Type": media_type})
            with urllib.request.urlopen(request, timeout=10) as response:
                assert response.status == 200 and json.load(response)["predictions"]
    json_body = content["application/json"]
    content.clear()
    content["application/json"] = json_body
    (project / "json.json").write_text(json.dumps(document))
    schemathesis(project / "json.json", port)
    # A schema cannot describe lines of text: rows are generated, and schema_hooks.py writes lines.
    rows = next(form for form in json_body["schema"]["anyOf"] if "instances" in form.get("properties", {}))
    content.clear()
    for media_type in TEXT_FORMATS:
        content[media_type] = {"schema": rows["properties"]["instances"]}
    (project / "text.json").write_text(json.dumps(document))
    schemathesis(project / "text.json", port, "--mode", "positive")


@both_servers
def test_schemathesis_finds_nothing_in_a_server_of_numbers(render: Render, server: str) -> None:
    with prepared(render, server, hooks="") as (project, python), serving(project, python) as running:
        checked(project, running.port)


@both_servers
def test_schemathesis_finds_nothing_in_a_server_of_a_table(render: Render, server: str) -> None:
    project = render(deployment_config=server, framework="sklearn", pandas=True)
    shutil.copytree(CHECKS, project / "checks")
    assert run_among_libraries(project, "sklearn", f"{server}-tables", TABLE).returncode == 0
    python = project / ".venv-model" / "bin" / "python"
    with serving(project, str(python)) as running:
        checked(project, running.port)
