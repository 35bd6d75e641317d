# Part of the library: `copier update` replaces this file.
"""Requests to a model server, and its replies."""

import contextlib
import json
import socket
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection
from typing import Any, NamedTuple

JSON = "application/json"
Headers = Mapping[str, str]
NONE: Headers = {}


class Failed(Exception):
    """The server violates the contract. The message contains the measurement."""


class NotApplicable(Exception):
    """The check does not apply to this server. The message contains the reason."""


class Request(NamedTuple):
    """An HTTP request (chunked if it has the header Transfer-Encoding), and its number of rows."""

    method: str
    path: str
    headers: Headers = NONE
    body: bytes = b""
    rows: int = 0


class Reply(NamedTuple):
    """The reply of a server, with header names in lower case, and its duration."""

    status: int
    headers: Headers
    body: bytes
    seconds: float

    def json(self) -> Any:
        try:
            answer = json.loads(self.body)
            json.dumps(answer, allow_nan=False)
            return answer
        except ValueError as error:
            raise Failed(f"status {self.status}, invalid JSON ({error}): {self.body[:60]!r}") from None


class Client(NamedTuple):
    """The address of a server."""

    host: str
    port: int

    def send(
        self,
        request: Request,
        connection: HTTPConnection | None = None,  # stays open
        timeout: float = 60,
        once_sent: Callable[[socket.socket], None] = lambda connected: None,
    ) -> Reply:
        own = connection or HTTPConnection(self.host, self.port, timeout=timeout)
        started, chunked, body = time.perf_counter(), "Transfer-Encoding" in request.headers, request.body
        chunks = (body[start : start + 65536] for start in range(0, len(body), 65536))
        try:
            if not connection:
                own.connect()
            # A server can reject a body before it has read all of it. Its reply still counts.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                data = chunks if chunked else body
                own.request(request.method, request.path, data, request.headers, encode_chunked=chunked)
            once_sent(own.sock)
            response = own.getresponse()
            answer = response.read()
        finally:
            if not connection:
                own.close()
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status, headers, answer, time.perf_counter() - started)

    def arrivals(self, request: Request) -> list[float]:
        """Return the seconds until each part of a reply arrives. Raise Failed if the status is not 200."""
        with contextlib.closing(HTTPConnection(self.host, self.port, timeout=60)) as connection:
            started, times = time.perf_counter(), list[float]()
            connection.request(request.method, request.path, request.body, dict(request.headers))
            response = connection.getresponse()
            while response.read1(65536):
                times.append(time.perf_counter() - started)
        if response.status != 200 or not times:
            raise Failed(f"status {response.status} for a stream")
        return times

    def ping(self) -> Reply:
        return self.send(Request("GET", "/ping"), timeout=10)


def post(body: bytes, content_type: str = JSON, rows: int = 0, headers: Headers = NONE) -> Request:
    """Return a POST request to /invocations, without Content-Type if that is empty."""
    described = {"Content-Type": content_type} if content_type else {}
    return Request("POST", "/invocations", {**described, **headers}, body, rows)
