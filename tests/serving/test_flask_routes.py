"""Predictions bypass the routing of Flask. The responses must be the same as those of its route."""

import json

from tests.conftest import Render
from tests.serving.test_contract import run_among_libraries

# Printed for each request: the answer of ModelServer, then that of plain Flask.
SCRIPT = """
import json, os, subprocess, sys
subprocess.run([sys.executable, "sample_model/train.py"], stdout=sys.stderr, check=True)
sys.path.insert(0, "serving")
os.environ["MODEL_DIR"] = "model"
from app import Flask, app
from werkzeug.test import EnvironBuilder, run_wsgi_app
rows = b'{"instances": [[0.0, 0.4, 0.3, 0.1, 0.5, 0.2, 0.1, 0.15]]}'
requests = {
    "predicted": {"data": rows, "content_type": "application/json"},
    "as CSV": {"data": rows, "content_type": "application/json", "headers": {"Accept": "text/csv"}},
    "no content type": {"data": rows},
    "empty": {"data": b""},
    "malformed": {"data": b"{", "content_type": "application/json"},
    "not served": {"data": rows, "content_type": "text/html"},
    "too long": {"data": rows, "environ_overrides": {"CONTENT_LENGTH": "30000000"}},
    "another path": {"data": rows, "path": "/invocations/more"},
    "another method": {"method": "PUT"},
}
answers = {}
for name, given in requests.items():
    answers[name] = []
    for wsgi_app in (app.wsgi_app, lambda *arguments: Flask.wsgi_app(app, *arguments)):
        environ = EnvironBuilder(**{"path": "/invocations", "method": "POST", **given}).get_environ()
        body, status, headers = run_wsgi_app(wsgi_app, environ)
        shown = [headers.get(name) for name in ("Content-Type", "Content-Length")]
        answers[name].append([int(status.split()[0]), *shown, b"".join(body).decode()])
json.dump(answers, sys.stdout)
"""
STATUSES = {
    "predicted": 200,
    "as CSV": 200,
    "no content type": 200,
    "empty": 400,
    "malformed": 400,
    "not served": 415,
    "too long": 413,
    "another path": 404,
    "another method": 405,
}


def require_same_answers(render: Render, server: str, script: str) -> None:
    """Run a script that prints two answers for each request: around the routing, and by the route."""
    project = render(deployment_config=server, framework="sklearn")
    answer = run_among_libraries(project, "sklearn", server, script)
    assert answer.returncode == 0, answer.stderr
    answers = json.loads(answer.stdout)
    assert set(answers) == set(STATUSES)
    for name, (around, routed) in answers.items():
        assert around == routed, name
        assert around[0] == STATUSES[name], around


def test_the_way_around_flask_answers_as_its_route_does(render: Render) -> None:
    require_same_answers(render, "http-flask", SCRIPT)
