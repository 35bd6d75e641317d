"""Predictions bypass the routing of FastAPI. The responses must be the same as those of its route."""

from tests.conftest import Render
from tests.serving.test_flask_routes import require_same_answers

# Printed for each request: the answer of ModelServer, then that of plain FastAPI, each with its headers.
SCRIPT = """
import asyncio, json, os, subprocess, sys
subprocess.run([sys.executable, "sample_model/train.py"], stdout=sys.stderr, check=True)
sys.path.insert(0, "serving")
os.environ["MODEL_DIR"] = "model"
from app import FastAPI, app
rows = b'{"instances": [[0.0, 0.4, 0.3, 0.1, 0.5, 0.2, 0.1, 0.15]]}'
JSON = {"content-type": "application/json"}
requests = {
    "predicted": {"body": rows, "headers": JSON},
    "as CSV": {"body": rows, "headers": {**JSON, "accept": "text/csv"}},
    "no content type": {"body": rows},
    "empty": {"body": b""},
    "malformed": {"body": b"{", "headers": JSON},
    "not served": {"body": rows, "headers": {"content-type": "text/html"}},
    "too long": {"body": b" " * 26_300_000, "headers": JSON},
    "another path": {"body": rows, "path": "/invocations/more"},
    "another method": {"body": rows, "method": "PUT"},
}

async def answered(asgi_app, body, headers={}, path="/invocations", method="POST"):
    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    given.append((b"content-length", b"%d" % len(body)))
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
             "headers": given, "root_path": "", "http_version": "1.1"}
    parts = [body[at : at + 65536] for at in range(0, len(body), 65536)] or [b""]
    messages = iter([{"type": "http.request", "body": part, "more_body": True} for part in parts[:-1]]
                    + [{"type": "http.request", "body": parts[-1], "more_body": False}])
    sent = []
    async def receive():
        return next(messages)
    async def send(message):
        sent.append(message)
    await asgi_app(scope, receive, send)
    headers = sorted((name.decode(), value.decode()) for name, value in sent[0]["headers"])
    return sent[0]["status"], headers, b"".join(message["body"] for message in sent[1:]).decode()

async def both(**request):
    routed = lambda *given: FastAPI.__call__(app, *given)
    return [await answered(asgi_app, **request) for asgi_app in (app, routed)]

json.dump({name: asyncio.run(both(**request)) for name, request in requests.items()}, sys.stdout)
"""


def test_the_way_around_fastapi_answers_as_its_route_does(render: Render) -> None:
    require_same_answers(render, "http-fastapi", SCRIPT)
