"""A hung request ends its worker. /ping, signals and invalid settings are always handled."""

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.conftest import Render
from tests.servers import free_port, wait_until_ready
from tests.serving.test_contract import shared_environment

LIMIT, SLACK = 2, 5  # SERVING_PREDICT_SECONDS, and the seconds until a hung request has ended
START_SECONDS = 300  # includes the creation of .venv-model and the training
SLEEPS, HOLDS_THE_LOCK, SLEEPS_BEFORE, PREDICTED = -1.0, -2.0, -3.0, 0.5
HOOKS = f"""
import re
import time

def hang(rows):
    first = float(rows[0][0])
    if first == {SLEEPS}:
        time.sleep(3600)
    if first == {HOLDS_THE_LOCK}:
        re.match("(a+)+$", "a" * 80 + "b")

class Hanging(ModelHandler):
    def preprocess(self, rows):
        if rows[0][0] == {SLEEPS_BEFORE}:
            time.sleep(3600)
        return super().preprocess(rows)

    def predict(self, features):
        hang(next(iter(features[1].values())) if isinstance(features, tuple) else features)
        return super().predict(features)

ModelHandler = Hanging
"""
LATE = """
class Late(Hanging):
    def load(self, path):
        try:
            open("first", "x").close()
        except FileExistsError:
            time.sleep(60)
        super().load(path)

ModelHandler = Late
"""
both_servers = pytest.mark.parametrize("server", ["http-flask", "http-fastapi"])


class Serving:
    """A running server: its process, its port and its log."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self.process, self.port, self.log = process, port, log

    def ask(
        self, first: float = PREDICTED, path: str = "/invocations", method: str = "POST"
    ) -> tuple[int, float]:
        """Return the status and the seconds of a response. `first` is the first value of the row."""
        body = json.dumps({"instances": [[first, 0.4, 0.3, 0.1, 0.5, 0.2, 0.1, 0.15]]})
        started = time.monotonic()
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            headers = {"Content-Type": "application/json"}
            connection.request(method, path, body if method == "POST" else None, headers)
            response = connection.getresponse()
            response.read()
        return response.status, time.monotonic() - started


@contextmanager
def prepared(
    render: Render, server: str, framework: str = "sklearn", hooks: str = HOOKS
) -> Iterator[tuple[Path, str]]:
    """Render a project with a trained model and a handler that can hang. Yield it and its Python."""
    project = render(deployment_config=server, framework=framework)
    with (project / "serving" / "model_handler.py").open("a") as file:
        file.write(hooks)
    find = "from lifecycle.served import local; local._train_if_missing(); print(local.model_python())"
    with shared_environment(project, framework, server):
        command = [sys.executable, "-c", find]
        environment = {**os.environ, "PYTHONPATH": "do"}
        found = subprocess.run(command, cwd=project, env=environment, stdout=subprocess.PIPE, text=True)
    yield project, found.stdout.split()[-1]


@contextmanager
def serving(project: Path, python: str, ready: bool = True, **settings: str) -> Iterator[Serving]:
    """Start the server of a project."""
    port, log = free_port(), project / "log"
    environment = {**os.environ, "SAGEMAKER_BIND_TO_PORT": str(port), "MODEL_DIR": str(project / "model")}
    environment |= {"SERVING_PREDICT_SECONDS": str(LIMIT), **settings}
    with (
        log.open("wb") as out,
        subprocess.Popen(
            [python, "serving/serve", "serve"], cwd=project, env=environment, stdout=out, stderr=out
        ) as process,
    ):
        try:
            if ready:
                wait_until_ready(process, port, START_SECONDS)
            yield Serving(process, port, log)
        finally:
            process.terminate()


def until_answered(server: Serving) -> None:
    """Wait until the model answers again. Raise AssertionError if it does not."""
    deadline = time.monotonic() + 60
    while (status := server.ask()[0]) != 200:
        assert time.monotonic() < deadline, status


@both_servers
def test_a_request_that_hangs_ends_its_worker(render: Render, server: str) -> None:
    with (
        prepared(render, server) as (project, python),
        serving(project, python, SERVING_WORKERS="1") as running,
    ):
        for first, hook in (
            (SLEEPS, "in predict"),
            (HOLDS_THE_LOCK, "in predict"),
            (SLEEPS_BEFORE, "in preprocess"),
        ):
            logged = len(running.log.read_text())
            status, seconds = running.ask(first)
            assert status == 502 and LIMIT <= seconds < LIMIT + SLACK + 10, (first, seconds)  # a slow machine
            until_answered(running)
            log = running.log.read_text()[logged:]
            assert hook in log and "model_handler.py" in log, log
            if first != HOLDS_THE_LOCK:
                assert "bytes ('application/json') has taken" in log, log
        running.process.terminate()
        assert running.process.wait(40) == 0


@both_servers
def test_ping_is_answered_while_a_request_hangs_and_so_is_sigterm(render: Render, server: str) -> None:
    with (
        prepared(render, server) as (project, python),
        serving(project, python, SERVING_WORKERS="1", SERVING_PREDICT_SECONDS="40") as running,
    ):
        hung = threading.Thread(target=running.ask, args=(SLEEPS,))
        hung.start()
        time.sleep(0.5)
        assert [running.ask(path="/ping", method=method)[0] for method in ("GET", "HEAD")] == [200, 200]
        assert running.ask(path="/ping", method="GET")[1] < 1.5
        started = time.monotonic()
        running.process.terminate()
        assert running.process.wait(60) == 0
        assert time.monotonic() - started < 35  # SIGKILL comes after 30 seconds
        hung.join()


@both_servers
def test_a_request_that_waits_too_long_is_refused_as_busy(render: Render, server: str) -> None:
    with (
        prepared(render, server) as (project, python),
        serving(project, python, SERVING_WORKERS="1", SERVING_PREDICT_SECONDS="4") as running,
        ThreadPoolExecutor(2) as pool,
    ):
        hung = pool.submit(running.ask, SLEEPS)
        time.sleep(0.3)
        status, seconds = pool.submit(running.ask).result()
        # In Flask, the request waits for its turn. In FastAPI, the event loop can hang.
        assert status in ((503,) if server == "http-flask" else (502, 503)), status
        assert seconds < 4 + SLACK + 10
        assert hung.result()[0] == 502


@pytest.mark.xdist_group("tensorflow")
def test_a_worker_that_loads_after_the_fork_is_replaced_and_ends_at_once(render: Render) -> None:
    with prepared(render, "http-flask", "tensorflow") as (project, python):
        with serving(project, python, SERVING_WORKERS="1") as running:
            status, seconds = running.ask(SLEEPS)
            assert status == 502 and seconds < LIMIT + SLACK + 10
            until_answered(running)
        # The second worker still loads the model when the first one answers.
        with (project / "serving" / "model_handler.py").open("a") as file:
            file.write(LATE)
        with serving(project, python, SERVING_WORKERS="2") as running:
            started = time.monotonic()
            running.process.terminate()
            assert running.process.wait(60) == 0
            assert time.monotonic() - started < 15, "the worker that loads missed the signal"


def without_nginx(project: Path) -> None:
    path = project / "serving" / "runtime" / "nginx.py"
    path.write_text(path.read_text().replace('return shutil.which("nginx"', 'return shutil.which("no-nginx"'))


@both_servers
def test_without_nginx_ping_is_a_route_and_a_hang_still_ends(render: Render, server: str) -> None:
    with prepared(render, server) as (project, python):
        without_nginx(project)
        with serving(project, python, SERVING_WORKERS="1") as running:
            routes = [("/ping", "GET"), ("/ping", "HEAD"), ("/ping/", "GET"), ("/ping", "POST")]
            assert [running.ask(path=path, method=method)[0] for path, method in routes] == [
                200,
                200,
                404,
                405,
            ]
            with pytest.raises((http.client.HTTPException, OSError)):
                running.ask(SLEEPS)
            until_answered(running)


WRONG: dict[str, tuple[dict[str, str], str]] = {
    "a port that is a word": ({"SAGEMAKER_BIND_TO_PORT": "http"}, "SAGEMAKER_BIND_TO_PORT is 'http'"),
    "a port too high": ({"SAGEMAKER_BIND_TO_PORT": "70000"}, "a whole number from 1 to 65535"),
    "no threads": ({"SERVING_THREADS": "0"}, "SERVING_THREADS is '0'; set it to a whole number from 1"),
    "half a worker": ({"SERVING_WORKERS": "1.5"}, "SERVING_WORKERS is '1.5'"),
    "other digits": ({"SERVING_WORKERS": "٣"}, "SERVING_WORKERS is '٣'"),
    "rows": ({"SERVING_MAX_ROWS": "-1"}, "SERVING_MAX_ROWS is '-1'"),
    "no time": (
        {"SERVING_PREDICT_SECONDS": "0"},
        "SERVING_PREDICT_SECONDS is '0'; set it to a number of seconds",
    ),
    "endless time": ({"SERVING_PREDICT_SECONDS": "inf"}, "SERVING_PREDICT_SECONDS is 'inf'"),
    "log level": ({"SERVING_LOG_LEVEL": "loud"}, "SERVING_LOG_LEVEL is 'loud'; set it to one of debug, info"),
    "output": ({"SERVING_OUTPUT": "odds"}, "SERVING_OUTPUT is 'odds'; set it to one of labels, prob"),
    "compile": ({"SERVING_COMPILE": "yes"}, "SERVING_COMPILE is 'yes'; set it to one of 1, 0"),
    "accept": ({"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "a b"}, "set it to a content type in lower case"),
    "library threads": ({"OMP_NUM_THREADS": "all"}, "OMP_NUM_THREADS is 'all'"),
    "no temporary directory": ({"TMPDIR": "/proc/none"}, "cannot create a directory"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_is_one_line_and_exit_code_2(render: Render, name: str, tmp_path: Path) -> None:
    settings, reason = WRONG[name]
    project = render(deployment_config="http-flask")
    if "TMPDIR" in settings:  # as if no temporary directory were writable
        names = [str(tmp_path / "missing")]
        (project / "sitecustomize.py").write_text(
            f"import tempfile\ntempfile._candidate_tempdir_list = lambda: {names!r}\n"
        )
        settings = {"PYTHONPATH": str(project)}
    environment = {**os.environ, **settings}
    command = [sys.executable, "serving/serve", "serve"]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("serve: ") and reason in line
