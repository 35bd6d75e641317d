"""Requests to a model server, what it replies, and requests made from one row."""

import contextlib
import json
import math
import re
import socket
import struct
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection
from typing import Any, NamedTuple

JSON, JSON_LINES, CSV, NPY = "application/json", "application/jsonlines", "text/csv", "application/x-npy"
Headers = Mapping[str, str]
NONE: Headers = {}
VALUE = re.compile(r"[^][,\s]+")


class Failed(Exception):
    """The server breaks the contract; the message says what was measured."""


class NotApplicable(Exception):
    """The check says nothing about this server; the message says why."""


class Request(NamedTuple):
    """An HTTP request (chunked with the header Transfer-Encoding), and how many predictions it asks for."""

    method: str
    path: str
    headers: Headers = NONE
    body: bytes = b""
    rows: int = 0


class Reply(NamedTuple):
    """What a server answered, with header names in lower case, and how long it took."""

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
            raise Failed(f"status {self.status}, not JSON ({error}): {self.body[:60]!r}") from None

    def predictions(self) -> list[Any]:
        answer = self.json() if self.status == 200 else None
        predictions = answer.get("predictions") if isinstance(answer, dict) else None
        if not isinstance(predictions, list) or not predictions:
            raise Failed(f"status {self.status}, no predictions: {self.body[:120]!r}")
        return predictions


class Client(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def send(
        self,
        request: Request,
        connection: HTTPConnection | None = None,  # is kept open
        timeout: float = 60,
        once_sent: Callable[[socket.socket], None] = lambda connected: None,
    ) -> Reply:
        own = connection or HTTPConnection(self.host, self.port, timeout=timeout)
        started, chunked, body = time.perf_counter(), "Transfer-Encoding" in request.headers, request.body
        chunks = (body[start : start + 65536] for start in range(0, len(body), 65536))
        try:
            # A server may refuse a body before it has read all of it: its answer still counts.
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

    def ping(self) -> Reply:
        return self.send(Request("GET", "/ping"), timeout=10)


class Row(NamedTuple):
    """A row as JSON, and its shape, in which None is a length that may be any."""

    text: str
    shape: tuple[int | None, ...]

    def bare(self, rows: int = 1) -> Request:
        return post(f"[{','.join([self.text] * rows)}]".encode(), JSON, rows)

    def json(self, rows: int = 1, content_type: str = JSON, headers: Headers = NONE) -> Request:
        return post(b'{"instances": %s}' % self.bare(rows).body, content_type, rows, headers)

    def lines(self, rows: int = 1) -> Request:
        return post(f"{self.text}\n".encode() * rows, JSON_LINES, rows)

    def csv(self, rows: int = 1, end: str = "\n") -> Request:
        if len(self.shape) != 1:
            raise NotApplicable(f"CSV rows are flat, this model's have shape {list(self.shape)}")
        return post(f"{self.text[1:-1]}{end}".encode() * rows, CSV, rows)

    def npy(self, rows: int = 1, pickled: bytes = b"") -> Request:
        """Return an array as numpy.save writes it, of float64 or of pickled objects."""
        try:
            values = [] if pickled else [float(value) for value in VALUE.findall(self.text)]
        except ValueError:
            raise NotApplicable("the row holds text, an array holds numbers") from None
        dtype, shape = "|O" if pickled else "<f8", (rows, *(size or 1 for size in self.shape))
        header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".encode()
        header += b" " * (-(len(header) + 11) % 64) + b"\n"
        start = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
        return post(start + (pickled or struct.pack(f"<{len(values)}d", *values) * rows), NPY, rows)

    def every_way(self) -> list[Request]:
        requests = [self.json(), self.lines()]
        for make in (self.csv, self.npy):
            with contextlib.suppress(NotApplicable):
                requests.append(make())
        return requests

    def rows_in(self, megabytes: int, value_bytes: int = 0) -> int:
        row_bytes = value_bytes * len(VALUE.findall(self.text)) or len(self.text) + 1
        return max(1, megabytes * 1_000_000 // row_bytes)

    def with_first(self, value: Any) -> "Row":
        return Row(VALUE.sub(json.dumps(value), self.text, count=1), self.shape)

    def longer(self) -> "Row":
        if self.shape[0] is None:
            raise NotApplicable("the model takes rows of any length")
        return of_shape([self.shape[0] + 1, *self.shape[1:]])


def of_shape(shape: list[int | None]) -> Row:
    """Return a row of this shape, filled with 0.5."""
    text = "0.5"
    for size in reversed(shape):
        text = f"[{','.join([text] * (size or 1))}]"
    return Row(text, tuple(shape))


def post(body: bytes, content_type: str = JSON, rows: int = 0, headers: Headers = NONE) -> Request:
    """Return a POST to /invocations, without Content-Type when that is empty."""
    described = {"Content-Type": content_type} if content_type else {}
    return Request("POST", "/invocations", {**described, **headers}, body, rows)


def same(one: Any, other: Any) -> bool:
    """Return whether two predictions agree, but for rounding, which differs with the size of a batch."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-6)
    return bool(one == other) and one is not None
