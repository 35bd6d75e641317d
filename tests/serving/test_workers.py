"""Requests are distributed to the workers, each of which has its own socket."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Render
from tests.servers import free_port, listening, wait_until_ready
from tests.serving.test_contract import shared_environment

ROWS = json.dumps({"instances": [[0.0, 0.4, 0.3, 0.1, 0.5, 0.2, 0.1, 0.15]] * 500})
WORKERS = 2
START_SECONDS = 300  # includes the creation of .venv-model and the training


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture(params=["http-flask", "http-fastapi"])
def serving(request: pytest.FixtureRequest, render: Render, port: int) -> Iterator[int]:
    """Start the server of a project with two workers. Return its process ID."""
    project = render(deployment_config=request.param, framework="sklearn")
    command = [sys.executable, "do/run", "--local", "--port", str(port)]
    environment = {**os.environ, "SERVING_WORKERS": str(WORKERS)}
    with (
        shared_environment(project, "sklearn", request.param),
        subprocess.Popen(command, cwd=project, env=environment) as process,
    ):
        try:
            wait_until_ready(process, port, START_SECONDS)
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)


def test_only_this_machine_reaches_a_local_server(serving: int, port: int) -> None:
    assert listening(port) == {"127.0.0.1"}


def workers_of(server: int, ended: int = 0) -> list[int]:
    """Return the worker processes after gunicorn has forked all and has replaced `ended`."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for pid in children(server):
            if b"gunicorn" in Path(f"/proc/{pid}/cmdline").read_bytes():
                workers = children(pid)
                if len(workers) == WORKERS and ended not in workers:
                    return workers
        time.sleep(0.02)
    raise TimeoutError(f"there are not {WORKERS} workers")


def children(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def processor_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def call(port: int, count: int) -> None:
    """Send requests in sequence on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for _ in range(count):
        connection.request("POST", "/invocations", ROWS, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        assert response.status == 200


def share_of_each(workers: list[int], port: int) -> list[int]:
    """Return the CPU ticks that each worker uses for requests on eight connections."""
    before = [processor_ticks(pid) for pid in workers]
    threads = [threading.Thread(target=call, args=(port, 200)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [processor_ticks(pid) - ticks for pid, ticks in zip(workers, before, strict=True)]


def test_every_worker_has_its_share_also_after_one_was_killed(serving: int, port: int) -> None:
    workers = workers_of(serving)
    shares = share_of_each(workers, port)
    assert min(shares) > sum(shares) / WORKERS / 2, shares
    os.kill(workers[0], signal.SIGKILL)
    shares = share_of_each(workers_of(serving, ended=workers[0]), port)
    assert min(shares) > sum(shares) / WORKERS / 2, shares
