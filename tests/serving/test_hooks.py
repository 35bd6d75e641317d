"""The optional hooks of a model handler: what they get, what they can answer, and that others do not pay."""

import json
from pathlib import Path
from typing import Any

import copier
import pytest

from tests.conftest import Render
from tests.serving.test_contract import run_among_libraries

# A request of each case: body, content type, accept, and the value of CustomAttributes.
COMMON = """
import json, os, sys
from pathlib import Path
sys.path.insert(0, "serving")
os.environ["MODEL_DIR"] = "model"
Path("model/model.pkl").write_bytes(b"")
import runtime.inference as inference, runtime.request as requests
from runtime import answers, codec
from runtime.request import Reply, refuse
made = []
start = requests.Request.__init__
def counted(self, *arguments):
    made.append(1)
    start(self, *arguments)
requests.Request.__init__ = counted
TABLES = dict(codec.DECODERS), dict(answers.ENCODERS)

class Base:
    MODEL_FILE, LOAD_AFTER_FORK, row_shape = "model.pkl", False, None
    def load(self, path): self.path = path
    def preprocess(self, rows): return codec.to_array(rows)
    def predict(self, features): return features.sum(axis=1)
    def postprocess(self, predictions): return predictions.tolist()

def served(handler):
    for table, first in zip((codec.DECODERS, answers.ENCODERS), TABLES):
        table.clear()
        table.update(first)
    inference.ModelHandler = handler
    return inference.Inference()
"""
CASES = (
    COMMON
    + """
def read_words(body):
    if body == b"bad":
        refuse("Send words.", 422)
    return [[len(word)] for word in body.split()]

class Types(Base):
    CONTENT_TYPES = {"text/plain": read_words}
    ACCEPTS = {"text/html": lambda predictions: f"<b>{predictions}</b>"}

class Attributes(Base):
    def postprocess(self, predictions, request):
        limit = float(request.attributes or 0)
        if limit < 0:
            refuse("Send a threshold that is not negative.")
        return [float(value) > limit for value in predictions]

class Parameters(Base):
    def preprocess(self, rows, *, request):
        return codec.to_array(rows) * request.parameters.get("factor", 1)

class Whole(Base):
    def decode(self, request):
        return [[float(len(request.body)), len(request.headers), float(request.accept == "a/b")]]
    def encode(self, predictions, request):
        name = request.headers.get("x-name", "none")
        return Reply(f"{predictions} {name}", "text/x", 201, {"X-More": "1"})

class Early(Base):
    def postprocess(self, predictions): return Reply(b"\\x00", "image/png", headers={"X-Size": "1"})

class Injecting(Base):
    def postprocess(self, predictions): return Reply(b"", "text/x", headers={"X-Size": "1\\r\\nX-Other: 2"})

class WrongReply(Base):
    def encode(self, predictions, request): return b"bytes"

JSON, ROWS = "application/json", b'{"instances": [[1, 2], [3, 4]]}'
PARAMETERS = b'{"instances": [[1, 2]], "parameters": {"factor": 10}}'
def ask(handler, body=ROWS, content_type=JSON, accept=None, **headers):
    server = served(handler)
    made.clear()
    status, body, media_type, more = server.answer(body, content_type, accept, None, headers)
    return [status, body.decode(), media_type, dict(more), len(made)]
answers_given = {
    "default": ask(Base),
    "own type": ask(Types, b"an apple", "text/plain; charset=utf-8"),
    "own type refused": ask(Types, b"bad", "text/plain"),
    "no such type": ask(Types, b"x", "text/html"),
    "own accept": ask(Types, accept="text/html"),
    "no such accept": ask(Types, accept="text/plain"),
    "attributes": ask(Attributes, **{"X-Amzn-SageMaker-Custom-Attributes": "5"}),
    "no attributes": ask(Attributes),
    "refused": ask(Attributes, **{"X-Amzn-SageMaker-Custom-Attributes": "-1"}),
    "failed": ask(Attributes, **{"X-Amzn-SageMaker-Custom-Attributes": "many"}),
    "parameters": ask(Parameters, PARAMETERS),
    "whole": ask(Whole, b"abcd", "any/thing", "a/b", **{"X-Name": "Ada"}),
    "reply": ask(Early),
    "injected": ask(Injecting),
    "wrong reply": ask(WrongReply),
}
print(json.dumps([answers_given, served(Types).describe(), served(Whole).describe()]))
"""
)
FAILED = "The model failed on this request. See the server log."
EXPECTED: dict[str, tuple[int, str, str, dict[str, str], int]] = {
    "default": (200, '{"predictions":[3.0,7.0]}', "application/json", {}, 0),
    "own type": (200, '{"predictions":[2.0,5.0]}', "application/json", {}, 0),
    "own type refused": (422, "Send words.", "application/json", {}, 0),
    "no such type": (415, "application/x-npy, text/plain", "application/json", {}, 0),
    "own accept": (200, "<b>[3.0, 7.0]</b>", "text/html", {}, 0),
    "no such accept": (406, "application/x-npy, text/html", "application/json", {}, 0),
    "attributes": (200, '{"predictions":[false,true]}', "application/json", {}, 1),
    "no attributes": (200, '{"predictions":[true,true]}', "application/json", {}, 1),
    "refused": (400, "Send a threshold that is not negative.", "application/json", {}, 1),
    "failed": (500, FAILED, "application/json", {}, 1),
    "parameters": (200, '{"predictions":[30.0]}', "application/json", {}, 1),
    "whole": (201, "[6.0] Ada", "text/x", {"X-More": "1"}, 1),
    "reply": (200, "\0", "image/png", {"X-Size": "1"}, 0),
    "injected": (500, FAILED, "application/json", {}, 0),
    "wrong reply": (500, FAILED, "application/json", {}, 1),
}
# Through the whole app: the headers of the request arrive, and those of the reply are sent.
APPS = {
    "http-flask": """
from werkzeug.test import EnvironBuilder, run_wsgi_app
headers = {"X-Amzn-SageMaker-Custom-Attributes": "a=1", "X-Name": "Ada"}
answers_given = []
for extra in ({}, {"environ_overrides": {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}}):
    given = {"path": "/invocations", "method": "POST", "data": b"ab", "headers": headers, **extra}
    body, status, found = run_wsgi_app(app.app.wsgi_app, EnvironBuilder(**given).get_environ())
    answers_given.append([int(status.split()[0]), b"".join(body).decode(), found["X-More"]])
""",
    "http-fastapi": """
import asyncio
async def ask():
    sent = []
    async def receive(): return {"type": "http.request", "body": b"ab", "more_body": False}
    async def send(message): sent.append(message)
    headers = [(b"x-amzn-sagemaker-custom-attributes", b"a=1"), (b"x-name", b"Ada")]
    headers.append((b"content-length", b"2"))
    scope = {"type": "http", "method": "POST", "path": "/invocations", "raw_path": b"/invocations",
             "query_string": b"", "headers": headers, "scheme": "http", "root_path": "",
             "server": ("a", 1), "client": ("a", 1), "http_version": "1.1", "app": app.app}
    await app.app(scope, receive, send)
    found = dict(sent[0]["headers"])
    return [sent[0]["status"], sent[1]["body"].decode(), found[b"x-more"].decode()]
answers_given = [asyncio.run(ask())] * 2
""",
}
WHOLE = """
class Handler(Base):
    def decode(self, request): return [[float(len(request.body))]]
    def encode(self, predictions, request):
        body = f"{predictions} {request.attributes} {request.headers['x-name']}"
        return Reply(body, "text/x", 202, {"X-More": "1"})
    def warm_up(self): print("warm")
inference.ModelHandler = Handler
import app
"""


ONE_PROCESS = pytest.mark.xdist_group("hooks")  # asks for all answers at once


@pytest.fixture(scope="module")
def answered(template: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Return the answers to all cases, and what two of the handlers add to /ping."""
    project = tmp_path_factory.mktemp("hooks") / "hooked"
    options: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}
    answers = {"include_sample_model": False, "deployment_config": "http-flask"}
    copier.run_copy(str(template), project, data=answers, **options)
    done = run_among_libraries(project, "sklearn", "http-flask", CASES)
    assert done.returncode == 0, done.stderr
    assert "X-Other" in done.stderr and "returned a bytes, not a Reply" in done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@ONE_PROCESS
@pytest.mark.parametrize("name", EXPECTED)
def test_a_hook_answers(answered: list[dict[str, Any]], name: str) -> None:
    status, body, media_type, headers, made = EXPECTED[name]
    given = answered[0][name]
    assert given[0] == status, given
    assert given[1] == body if status < 300 else body in given[1], given
    assert given[2:] == [media_type, headers, made], given


@ONE_PROCESS
def test_ping_names_the_types_that_a_handler_adds(answered: list[dict[str, Any]]) -> None:
    assert answered[1]["content_types"] == ["text/plain"] and answered[1]["accepts"] == ["text/html"]
    assert answered[2]["content_types"] == answered[2]["accepts"] == ["*/*"]


@pytest.mark.parametrize("server", APPS)
def test_headers_reach_the_hooks_and_the_client(render: Render, server: str) -> None:
    project = render(deployment_config=server, include_sample_model=False)
    source = COMMON + WHOLE + APPS[server] + "print(json.dumps(answers_given))"
    done = run_among_libraries(project, "sklearn", server, source)
    assert done.returncode == 0, done.stderr
    warm, answers = done.stdout.splitlines()
    assert warm == "warm" and json.loads(answers) == [[202, "[2.0] a=1 Ada", "1"]] * 2


@pytest.mark.parametrize("table", ['{"Text/Plain": list}', '{"text": list}', '{"text/plain": 1}'])
def test_a_type_that_is_none_ends_the_start(render: Render, table: str) -> None:
    project = render(include_sample_model=False)
    source = COMMON + f"class Handler(Base):\n    CONTENT_TYPES = {table}\nserved(Handler)"
    done = run_among_libraries(project, "sklearn", "http-fastapi", source)
    assert done.returncode == 3 and "CONTENT_TYPES has" in done.stderr
