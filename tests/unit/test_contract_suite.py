"""The contract suite accepts a right server and, check by check, refuses a wrong one."""

import argparse
import contextlib
import importlib
import itertools
import json
import shutil
import subprocess
import sys
import threading
import time
import types
from collections.abc import Iterator
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.servers import CONTRACT
from tests.unit import pretend_server
from tests.unit.pretend_server import Answer, Break, Handler, Question, Threads

TEMPLATE = Path(__file__).resolve().parents[2] / "template"
PARTS = [TEMPLATE / "do" / "contract", TEMPLATE / "{{ predictive }}" / "do" / "contract"]


def load_suite(module: str) -> Any:
    """Return a module of the suite, imported under a name that is not taken by these tests."""
    if "contract_suite" not in sys.modules:
        sys.modules["contract_suite"] = types.ModuleType("contract_suite")
        sys.modules["contract_suite"].__path__ = [str(part) for part in PARTS]
    return importlib.import_module(f"contract_suite.{module}")


client, servers, rows = map(load_suite, ("client", "servers", "rows"))
checks, kind, registry = map(load_suite, ("checks", "kind", "registry"))
OPTIONS = argparse.Namespace(row=[0.5] * pretend_server.FEATURES)
ROW = rows.of_shape([pretend_server.FEATURES])
PROCESS_CHECKS = {1, 4, 5, 44, 45, 46, 47, 48, 49, 50, 51, 52, 56, 57, 58, 65}
HTTP_CHECKS = set(registry.CHECKS) - PROCESS_CHECKS - {53, 54, 55, 59}


@pytest.fixture(autouse=True)
def small_batches(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the large bodies of HTTP checks small: what is tested is the judgement, not the server."""
    if "project" in request.fixturenames:
        return
    monkeypatch.setattr(checks, "SECONDS", 30.0)  # of a busy machine
    monkeypatch.setattr(rows.Row, "rows_in", lambda self, megabytes, value_bytes=0: 500)


@contextlib.contextmanager
def serving(change: Break, server_class: type[HTTPServer] = Threads, **attributes: Any) -> Iterator[Any]:
    """Run a server that changes right answers, and return a context to check it in."""
    handler = type("ChangedHandler", (Handler,), {"change": staticmethod(change), **attributes})
    with server_class(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield kind.Checks(servers.Server(client.Client("127.0.0.1", server.server_port)), OPTIONS)
        server.shutdown()


def failed(context: Any, numbers: set[int]) -> dict[int, str]:
    """Run checks and return those that failed, with their details."""
    outcomes = [registry.run(number, context) for number in sorted(numbers)]
    return {outcome.number: outcome.detail for outcome in outcomes if outcome.result == "failed"}


def test_a_right_server_passes_every_http_check() -> None:
    """No check asks for more than the contract does."""
    with serving(lambda question, answer: answer) as context:
        assert failed(context, HTTP_CHECKS | {4}) == {}
        outcomes = [registry.run(number, context) for number in (5, 46, 50)]
        assert {outcome.result for outcome in outcomes} == {"not applicable"}


def is_plain(question: Question) -> bool:
    """Return whether a request is the one whose prediction all others are compared with."""
    names = {"host", "accept-encoding", "content-length", "content-type"}
    return (
        question.body == ROW.json().body
        and question.headers["content-type"] == "application/json"
        and not (set(question.headers) - names)
    )


def errors(status: int | None, content_type: str, body: bytes) -> Break:
    """Return a change of all refusals."""
    return lambda question, answer: (
        answer if answer.status < 400 else Answer(status or answer.status, content_type, body)
    )


def slow_ping(question: Question, answer: Answer) -> Answer:
    """Answer /ping late."""
    if question.path == "/ping":
        time.sleep(0.3)
    return answer


def sometimes() -> Break:
    """Return a change that refuses every hundredth request."""
    count = itertools.count(1)
    return lambda question, answer: (
        Answer(503, "application/json", b"{}") if next(count) % 100 == 0 else answer
    )


def nan_answers(question: Question, answer: Answer) -> Answer:
    """Answer NaN, which is no JSON, where NaN was sent."""
    return Answer(200, answer.content_type, b'{"predictions": [NaN]}') if b"NaN" in question.body else answer


TEXT, JSON = "text/html", "application/json"
REFUSED = {6, 7, 8, 18, 20, 21, 22, 24, 25, 26, 27, 28, 29, 30, 36, 61, 62}
ANSWERED = {9, 11, 12, 13, 14, 15, 16, 17, 33, 34, 35, 37}
WRONG: dict[str, tuple[Break, set[int]]] = {
    "HTML errors": (errors(None, TEXT, b"<html>Bad Request</html>"), {10, 31}),
    "errors without a message": (errors(None, JSON, b'{"error": "x"}'), {31}),
    "a traceback in errors": (errors(None, JSON, b'{"message": "Traceback (most recent call last)"}'), {31}),
    "500 for what the caller did wrong": (errors(500, JSON, b'{"message": "x"}'), REFUSED | {19, 23, 32, 43}),
    "200 for what cannot be answered": (errors(200, JSON, b'{"predictions": [1.0]}'), REFUSED | {32}),
    "wrong content type": (lambda q, a: a._replace(content_type="text/plain"), {10, 32}),
    "other predictions for other forms": (
        lambda q, a: a if a.status > 200 or is_plain(q) else a._replace(body=a.body.replace(b"2.0", b"2.5")),
        ANSWERED,
    ),
    "one prediction however many rows": (
        lambda q, a: a if a.status > 200 or q.path == "/ping" else a._replace(body=b'{"predictions": [2.0]}'),
        ANSWERED - {12, 13, 33} | {32},
    ),
    "NaN in the answer": (nan_answers, {23}),
    "connections closed": (lambda q, a: a._replace(keep=False), {38, 39}),
    "an error now and then": (sometimes(), {38, 39}),
    "ping returns 503": (
        lambda q, a: a._replace(status=503) if q.path == "/ping" else a,
        {3, 40, 41, 42, 60, 63, 64},
    ),
    "no request gets a turn": (
        lambda q, a: Answer(503, JSON, b"{}") if len(q.body) > 2000 else a,
        {63, 64},
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_server_fails_the_matching_checks(name: str) -> None:
    """Each way to be wrong is found by the checks that are about it."""
    change, numbers = WRONG[name]
    with serving(change) as context:
        assert set(failed(context, numbers)) == numbers


def test_a_slow_ping_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of two seconds is a tenth of it here."""
    monkeypatch.setattr(checks, "SECONDS", 0.2)
    monkeypatch.setattr(kind, "QUICK_PING_SECONDS", 0.2)
    with serving(slow_ping) as context:
        assert set(failed(context, {3, 40, 41, 42, 63, 64})) == {3, 40, 41, 42, 63, 64}


def test_a_server_that_waits_for_each_client_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server with one thread, which gives up on a silent client after 0.2 s, makes others wait."""
    monkeypatch.setattr(checks, "SECONDS", 0.5)
    one_thread = type("OneThread", (HTTPServer,), {"request_queue_size": 128})
    with serving(lambda question, answer: answer, one_thread, timeout=0.2) as context:
        context.reference  # noqa: B018
        assert set(failed(context, {42})) == {42}


def test_a_server_that_is_not_there_fails() -> None:
    """A port on which nothing listens."""
    context = kind.Checks(servers.Server(client.Client("127.0.0.1", servers.free_port())), OPTIONS)
    known = HTTP_CHECKS - {62} | {4}  # no /ping states the maximum rows
    assert set(failed(context, known)) == known


def test_no_check_is_missing() -> None:
    """The contract has 65 of them."""
    assert set(registry.CHECKS) == set(range(1, 66))


def test_a_registered_check_stays_a_method() -> None:
    """A decorator that registers a function does not take it away."""
    assert callable(checks.Checks._accepts) and callable(kind.Checks._accept)


def test_checks_that_end_the_server_run_last() -> None:
    """However they are given, and the memory is measured before a worker is killed."""
    assert registry.in_order([46, 45, 57, 64, 3, 1]) == [1, 3, 64, 57, 45, 46]


def test_every_http_check_was_seen_to_fail() -> None:
    """The wrong servers above leave no check out."""
    found = set().union(*(numbers for _, numbers in WRONG.values())) | {2}
    assert found == HTTP_CHECKS


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to a project whose serving/serve is the pretended server."""
    (tmp_path / "serving").mkdir()
    (tmp_path / "serving" / "serve").symlink_to(pretend_server.__file__)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.txt").write_text("1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(kind.Checks, "need_nginx", lambda self: None)
    return tmp_path


@contextlib.contextmanager
def started(soak: int = 1000) -> Iterator[Any]:
    """Start the pretended server of the project, and return a context to check it in."""
    with contextlib.closing(servers.LocalServer(sys.executable, Path("model"))) as server:
        server.ready()
        context = kind.Checks(server, OPTIONS, soak)
        with context.stack:
            yield context


BREAKS = {
    "listens on another port": {5},
    "labeled for many models": {44},
    "replaces no worker": {45},
    "exits with 1": {46},
    "drops requests": {47},
    "leaves a child": {48},
    "serves without a model": {50, 51},
    "fails with 0": {50, 51},
    "respawns": {50, 51},
    "writes into the model": {52},
    "logs pings": {56},
    "logs query strings": {56},
    "warns": {56},
    "ends no request": {65},
    "ends requests in silence": {65},
    "logs no times": {56},
    "leaks memory": {57},
    "trips over stale files": {58},
}


def test_a_right_project_passes_every_process_check(project: Path) -> None:
    """No check asks for more than the contract does."""
    with started() as context:
        outcomes = [registry.run(number, context) for number in registry.in_order(PROCESS_CHECKS)]
    assert [outcome for outcome in outcomes if outcome.result != "passed"] == []


@pytest.mark.parametrize("name", BREAKS)
def test_a_wrong_project_fails_the_matching_checks(
    name: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way to be wrong is found by the checks that are about it."""
    monkeypatch.setenv("BREAK", name)
    monkeypatch.setattr(kind, "REPLACED_SECONDS", 1)
    if name == "labeled for many models":
        Path("Dockerfile").write_text("LABEL com.amazonaws.sagemaker.capabilities.multi-models=true")
    with started() as context:
        outcomes = [registry.run(number, context) for number in registry.in_order(BREAKS[name])]
    assert {outcome.number: outcome.detail for outcome in outcomes if outcome.result != "failed"} == {}


def run_suite(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in the current directory."""
    for part in PARTS:
        shutil.copytree(part, "do/contract", dirs_exist_ok=True)
    command = [*CONTRACT, "--python", sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_command_line_reports_and_exits_0(project: Path) -> None:
    """A table with a last line that counts."""
    done = run_suite("--local", "--only", "59,9,3")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "2 passed, 0 failed, 1 not applicable")
    assert [line.split()[0] for line in done.stdout.splitlines()[:-1]] == ["3", "9", "59"]


def test_a_failed_check_exits_6(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As JSON, too."""
    monkeypatch.setenv("BREAK", "exits with 1")
    done = run_suite("--local", "--only", "46", "--json")
    assert done.returncode == 6
    assert json.loads(done.stdout)["counts"] == {"passed": 0, "failed": 1, "not applicable": 0}


def test_a_server_that_does_not_start_exits_3(project: Path) -> None:
    """With the server's output."""
    Path("model/model.txt").unlink()
    done = run_suite("--local", "--only", "9")
    assert done.returncode == 3
    assert "cannot load the model" in done.stderr


@pytest.mark.parametrize(
    "arguments", [["--local", "--only", "99"], ["--url", "ftp://x"], [], ["--local", "--model-dir", "no"]]
)
def test_wrong_usage_exits_2(project: Path, arguments: list[str]) -> None:
    assert run_suite(*arguments).returncode == 2
