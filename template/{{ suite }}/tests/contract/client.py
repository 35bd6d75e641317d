"""Sending requests to a server and reading what it answers."""

import contextlib
import json
import math
import socket
import threading
import time
from collections.abc import Mapping
from http.client import HTTPConnection
from typing import Any, NamedTuple


class Failed(Exception):
    """The server breaks the contract; the message says what was measured."""


class NotApplicable(Exception):
    """The check says nothing about this server; the message says why."""


class Request(NamedTuple):
    """An HTTP request. With the header Transfer-Encoding its body is sent in chunks."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = {}


class Reply(NamedTuple):
    """What a server answered, with header names in lower case, and how long it took."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    def json(self) -> Any:
        """Return the body, read as strict JSON."""
        try:
            return json.loads(self.body, parse_constant=_refuse)
        except ValueError as error:
            raise Failed(f"status {self.status}, not JSON ({error}): {self.body[:60]!r}") from None

    def predictions(self) -> list[Any]:
        """Return the predictions. Raises Failed when there are none."""
        answer = self.json() if self.status == 200 else None
        if (
            not isinstance(answer, dict)
            or not isinstance(answer.get("predictions"), list)
            or not answer["predictions"]
        ):
            raise Failed(f"status {self.status}, no predictions: {self.body[:120]!r}")
        return list(answer["predictions"])


class Client(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def send(
        self,
        request: Request,
        connection: HTTPConnection | None = None,
        timeout: float = 60,
        sent: threading.Event | None = None,
    ) -> Reply:
        """Return the reply. `connection` is kept open; `sent` is set once the request is at the server."""
        own = connection or HTTPConnection(self.host, self.port, timeout=timeout)
        started, chunked, body = time.perf_counter(), "Transfer-Encoding" in request.headers, request.body
        chunks = (body[start : start + 65536] for start in range(0, len(body), 65536))
        try:
            # A server may refuse a body before it has read all of it: its answer still counts.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                content = chunks if chunked else body
                own.request(request.method, request.path, content, request.headers, encode_chunked=chunked)
            if sent:
                sent.set()
            response = own.getresponse()
            answer = response.read()
        finally:
            if not connection:
                own.close()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status, headers, answer, time.perf_counter() - started)

    def ping(self) -> Reply:
        """Return the reply to GET /ping."""
        return self.send(Request("GET", "/ping"), timeout=10)

    def socket(self) -> socket.socket:
        """Return a connected socket."""
        return socket.create_connection((self.host, self.port), 10)


def invoke(body: bytes, content_type: str = "application/json", **headers: str) -> Request:
    """Return a POST to /invocations, without Content-Type when `content_type` is empty."""
    return Request(
        "POST", "/invocations", body, {"Content-Type": content_type, **headers} if content_type else headers
    )


def same(one: Any, other: Any) -> bool:
    """Return whether two predictions agree, but for rounding, which differs with the size of a batch."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-6)
    return bool(one == other) and one is not None


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
