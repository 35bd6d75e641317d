"""A running server of a language model, and what it answers."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.servers import free_port
from tests.serving import llm

CHAT = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
each_server = pytest.mark.parametrize("config", llm.SERVERS)
by_route = pytest.mark.parametrize("config", llm.BY_ROUTE)


def ask(port: int, path: str, body: dict[str, Any] | None = None, **headers: str) -> tuple[int, Any]:
    """Return the status and the JSON of an answer; status 0 when nobody answers."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        try:
            data = json.dumps(body) if body is not None else None
            connection.request(
                "POST" if data else "GET", path, data, {"Content-Type": "application/json", **headers}
            )
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        except OSError:
            return 0, None


@contextmanager
def serving(
    project: Path, ready: bool = True, **changes: str
) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """Start a project's serve; yield it and its port, once /ping answers 200 unless not `ready`."""
    port = free_port()
    process = llm.start(project, port, **changes)
    try:
        deadline = time.monotonic() + 20
        while ready and ask(port, "/ping")[0] != 200:
            assert process.poll() is None and time.monotonic() < deadline, process.communicate()[0]
            time.sleep(0.05)
        yield process, port
    finally:
        process.terminate()
        process.communicate(timeout=30)
