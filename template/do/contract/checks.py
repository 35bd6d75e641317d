# Part of the library: `copier update` replaces this file.
"""What SageMaker expects of a model server: numbered checks, in the order in which they run."""

import contextlib
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from pathlib import Path
from select import select
from typing import Any

from .client import JSON, NotApplicable, Reply, Request, post
from .context import PING, Context
from .registry import Row, check, expect
from .servers import LocalServer

SECONDS = 2.0
TOO_LONG, CHUNKED = b" " * (25 * 1024 * 1024 + 1), {"Transfer-Encoding": "chunked"}
SAGEMAKER = {f"X-Amzn-SageMaker-{x}": "x" for x in ("Custom-Attributes", "Target-Model", "Inference-Id")}
HEAD = b"POST /invocations HTTP/1.1\r\nHost: contract\r\nContent-Type: application/json\r\n"
SLOW = [HEAD, HEAD + b"Content-Length: 500\r\n\r\n["]
READ_ONLY = ("--read-only", "--tmpfs", "/tmp")


class Checks(Context):
    """The checks that hold for every kind of model; kind.py has the rest."""

    # Number, title, statuses allowed, requests. An answer of 200 must be a right one.
    http: tuple[Row, ...] = (
        (3, "/ping under 2 s", {200}, lambda c: [PING]),
        (6, "POST /ping is 405", {405}, lambda c: [Request("POST", "/ping")]),
        (7, "GET /invocations is 405", {405}, lambda c: [Request("GET", "/invocations")]),
        (8, "unknown path 404", {404}, lambda c: [Request("GET", "/no"), Request("POST", "/ping/no")]),
        (33, "unknown SageMaker headers ignored", {200}, lambda c: [c.one(SAGEMAKER)]),
        (36, "a body over the limit 413", {413}, lambda c: [post(TOO_LONG), post(TOO_LONG, headers=CHUNKED)]),
        (37, "chunked request body", {200}, lambda c: [c.several(CHUNKED)]),
    )

    # The same of servers that have nginx before them.
    http_behind_nginx: tuple[Row, ...] = (
        (60, "HEAD /ping is 200", {200}, lambda c: [Request("HEAD", "/ping")]),
        (61, "a header of 40 kB is refused", {400, 431}, lambda c: [c.with_long_header()]),
    )

    def answers(self, number: int, allowed: set[int], requests: Callable[[Any], list[Request]]) -> str:
        """Check one row of the table above."""
        seen: dict[int, float] = {}
        for request in requests(self):
            asks = allowed == {200} and request.rows
            with self.pinging():
                reply = self.send(request) if asks else self.client.send(request)
            what = f"{request.method} {request.path} {dict(request.headers)} {request.body[:40]!r}"
            expect(reply.status in allowed, f"status {reply.status} for {what}")
            expect(reply.seconds < (60 if asks else SECONDS), f"{reply.seconds:.1f} s for {what}")
            if reply.status == 200 and reply.body:
                reply.json()
            seen[reply.status] = max(reply.seconds, seen.get(reply.status, 0))
        return ", ".join(f"status {status} in {seconds * 1000:.0f} ms" for status, seconds in seen.items())

    @check(2, "accepts a socket in 250 ms")
    def _accepts(self) -> str:
        started = time.perf_counter()
        socket.create_connection(self.client, 10).close()
        milliseconds = (time.perf_counter() - started) * 1000
        return expect(milliseconds < 250, f"{milliseconds:.0f} ms", f"{milliseconds:.1f} ms")

    @check(10, "JSON answers say application/json")
    def _content_type(self) -> str:
        replies = [self.client.send(request) for request in (self.one(), post(b"{"))]
        said = {reply.headers.get("content-type", "").partition(";")[0] for reply in replies}
        return expect(said == {JSON}, f"they say {said}", JSON)

    @check(31, "every error body is JSON with a message and no traceback")
    def _error_bodies(self) -> str:
        errors: list[Reply] = []
        for _, _, allowed, requests in self.http:
            with contextlib.suppress(NotApplicable):
                errors += [self.client.send(x) for x in requests(self) if allowed != {200}]
        errors = [reply for reply in errors if reply.status >= 400]
        for reply in errors:
            error, shown = reply.json(), f"status {reply.status}: {reply.body[:80]!r}"
            expect(bool(isinstance(error, dict) and self.message(error)), f"no message, {shown}")
            expect(b"Traceback" not in reply.body and b"File " not in reply.body, f"a traceback, {shown}")
        return f"{len(errors)} errors"

    @check(40, "/ping stays under 2 s throughout")
    def _pings_under_load(self) -> str:
        pings = self.load.pings
        slowest = max(pings)
        return expect(slowest < SECONDS, f"slowest of {len(pings)}: {slowest * 1000:.0f} ms")

    check(1, "starts with the serve argument and reaches /ping 200")(lambda self: f"{self.seconds:.1f} s")
    check(38, "100 requests on one connection")(lambda self: f"{self.steadily(100) * 10:.1f} ms a request")
    check(39, "32 clients x 40 requests without an error")(
        lambda self: f"{1280 / self.load.seconds:.0f} requests/s"
    )
    check(41, "16 slow clients do not block /ping")(lambda self: self.crowded(SLOW, b"1", 3))
    check(42, "16 idle connections do not")(lambda self: self.crowded([b""], b"", 1))

    def crowded(self, starts: list[bytes], then: bytes, rounds: int) -> str:
        """Ping and invoke while clients have sent one of `starts` each, and send `then` every second."""
        slowest = 0.0
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(socket.create_connection(self.client, 10)) for _ in range(16)]
            for number, client in enumerate(clients):
                client.sendall(starts[number % len(starts)])
            for _ in range(rounds):
                time.sleep(1)
                for client in clients:
                    with contextlib.suppress(OSError):  # a server may close the connection of a slow client
                        client.sendall(then)
                ping = self.client.ping()
                expect(ping.status == 200, f"/ping: status {ping.status}")
                slowest = max(slowest, ping.seconds, self.send(self.one()).seconds)
        return expect(slowest < SECONDS, f"{slowest:.1f} s", f"slowest answer {slowest * 1000:.0f} ms")

    @check(5, "nothing but the bound port listens off loopback")
    def _listeners(self) -> str:
        ports, port = set(self.own.look()[1]), self.own.listens_on
        return expect(ports == {port}, f"ports {sorted(ports)} listen, {port} should", f"port {port}")

    @check(59, "the first byte of a stream leaves before the last is made")
    def _streams(self) -> str:
        times = self.client.arrivals(self.streamed())
        first, last = times[0] * 1000, times[-1] * 1000
        said = f"{len(times)} parts: first after {first:.0f} ms, last after {last:.0f} ms"
        return expect(len(times) > 2 and first < last / 2, said)

    @check(54, "the server process is not uid 0 (and with the drop switched off it still serves)")
    def _not_root(self) -> str:
        unprivileged = self.own.unprivileged(self.imports)
        with self.started(user=unprivileged if self.own.user == "root" else "root") as other:
            other.ready()
            for each in (self.own, other):
                users = sorted({row["user"] for row in each.look()[0]})
                said = f"SERVING_USER={each.user!r} gives uids {users}"
                expect((0 in users) == (each.user == "root"), said)
            return self.predicts(other)

    @check(46, "SIGTERM: exits under 30 s with 0")
    def _exits(self) -> str:
        code, seconds, *_ = self.end
        return expect(code == 0 and seconds < 30, f"exit code {code} after {seconds:.1f} s")

    @check(48, "no child left behind")
    def _none_left(self) -> str:
        return expect(not self.end[2], f"left: {', '.join(self.end[2])}", "nothing left")

    @check(47, "SIGTERM: the request in flight is finished")
    def _finishes(self) -> str:
        *_, reply, early = self.end
        expect(isinstance(reply, Reply), f"no answer, {reply!r}")
        if early:
            raise NotApplicable(f"answered after {reply.seconds:.2f} s, too early to be caught in flight")
        return f"answered after {reply.seconds:.1f} s"

    @cached_property
    def end(self) -> tuple[int | None, float, list[str], Any, bool]:
        """Send SIGTERM during a request of one or two seconds.

        Return the exit code, after how long, what is left, the reply or error, and if it came too early.
        """
        request, early, signalled = self.slow(), True, time.monotonic()
        before = self.own.orphans()

        def terminate(connected: socket.socket) -> None:
            nonlocal early, signalled
            early, signalled = bool(select([connected], [], [], 0.1)[0]), time.monotonic()
            self.own.signal(signal.SIGTERM)

        try:
            reply: Reply | Exception = self.send(request, once_sent=terminate)
        except Exception as error:
            reply = error
        code = self.own.wait(35)
        return code, time.monotonic() - signalled, self.own.leftovers(before), reply, early

    check(49, "another SAGEMAKER_BIND_TO_PORT honoured")(lambda self: self.predicts(self.second))
    check(53, "runs with a read-only root and a tmpfs /tmp")(lambda self: self.limited(*READ_ONLY))

    @check(50, "no model: /ping never 200, exit non-zero with one clear line")
    def _no_model(self) -> str:
        where, seconds, log = self.fails(_empty, 60, *self.without_model)
        lines = [line for line in log.splitlines() if where in line]
        expect(len(lines) == 1 and "Traceback" not in log, f"{len(lines)} lines name {where}: {log[-300:]}")
        return f"{seconds:.1f} s: {lines[0]}"

    @check(51, "a corrupt model fails fast, no respawn storm")
    def _corrupt_model(self) -> str:
        where, seconds, log = self.fails(self.corrupt, 30)
        tries = sum(where in line and "cannot load" in line for line in log.splitlines())
        said = f"{seconds:.1f} s, tried {tries} times"
        return expect(0 < tries <= 2 * (os.cpu_count() or 1), f"{said}: {log[-300:]}", said)

    @check(58, "a stale socket file from a crash does not stop the next start")
    def _stale(self) -> str:
        server = self.second
        if isinstance(server, LocalServer) and not self.ends_alone:
            raise NotApplicable("needs a container, which ends all when its first process is killed")
        server.ready()
        server.signal(signal.SIGKILL)
        killed, code = time.monotonic(), server.wait(5)
        while server.responds():
            seconds = time.monotonic() - killed
            expect(seconds < 5, f"killed (exit code {code}), but its children answer 5 s later")
            time.sleep(0.05)
        server.start()
        return f"ready again in {server.ready():.1f} s"


def _empty(model: Path) -> None:
    shutil.rmtree(model)
    model.mkdir(0o755)


def register(rows: Iterable[Row]) -> None:
    """Register checks that are a row of a table."""
    for number, title, allowed, requests in rows:
        check(number, title)(partial(Checks.answers, number=number, allowed=allowed, requests=requests))
