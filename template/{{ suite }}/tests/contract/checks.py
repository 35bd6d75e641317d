"""What SageMaker expects of a model server: numbered checks, in the order in which they run."""

import contextlib
import json
import os
import pickle
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property, partial
from http.client import HTTPConnection
from pathlib import Path
from select import select
from typing import Any

from .client import CSV, JSON, NPY, Client, Failed, NotApplicable, Reply, Request, Row, post, same
from .servers import LocalServer, OwnServer, Server, free_port

SECONDS, REPLACED_SECONDS, GROWTH_MB = 2.0, 6, 20
TOO_LONG, CHUNKED = b" " * (25 * 1024 * 1024 + 1), {"Transfer-Encoding": "chunked"}
SAGEMAKER = {f"X-Amzn-SageMaker-{x}": "x" for x in ("Custom-Attributes", "Target-Model", "Inference-Id")}
HEAD = b"POST /invocations HTTP/1.1\r\nHost: contract\r\nContent-Type: application/json\r\n"
SLOW = [HEAD, HEAD + b"Content-Length: 500\r\n\r\n["]
PING, PARAMETERS = Request("GET", "/ping"), Request("GET", "/execution-parameters")
NAN, NOT_5XX = float("nan"), set(range(200, 500))
READ_ONLY = ("--read-only", "--tmpfs", "/tmp")
CHECKS: dict[int, tuple[str, Callable[[Any], str]]] = {}

# Number, title, statuses allowed, requests. An answer of 200 must hold the right prediction for each row.
HTTP: list[tuple[int, str, set[int], Callable[[Row], list[Request]]]] = [
    (3, "/ping under 2 s", {200}, lambda r: [PING]),
    (6, "POST /ping is 405", {405}, lambda r: [Request("POST", "/ping")]),
    (7, "GET /invocations is 405", {405}, lambda r: [Request("GET", "/invocations")]),
    (8, "unknown path 404", {404}, lambda r: [Request("GET", "/no"), Request("POST", "/ping/no")]),
    (9, 'JSON {"instances": [[...]]}', {200}, lambda r: [r.json(2)]),
    (11, "a bare list of rows", {200}, lambda r: [r.bare(2)]),
    (12, "content type with charset", {200}, lambda r: [r.json(1, "application/json; charset=utf-8")]),
    (13, "CSV row", {200}, lambda r: [r.csv()]),
    (14, "CSV of 1,000 rows", {200}, lambda r: [r.csv(1000)]),
    (15, "CSV with CRLF", {200}, lambda r: [r.csv(3, "\r\n")]),
    (16, "application/x-npy", {200}, lambda r: [r.npy(3)]),
    (17, "application/jsonlines", {200}, lambda r: [r.lines(3)]),
    (18, "unsupported type 415", {415}, lambda r: [r.json(1, x) for x in ("image/png", "text/plain")]),
    (19, "no content type: not 5xx", NOT_5XX, lambda r: [post(x, "") for x in (r.json().body, b"\0")]),
    (20, "malformed JSON 400", {400}, lambda r: [post(x) for x in (r.json().body[:-1], b"\xff", b'"x"')]),
    (21, "empty JSON body 400", {400}, lambda r: [post(b""), post(b" \n")]),
    (22, "empty CSV body 400", {400}, lambda r: [post(b"", CSV), post(b"\r\n", CSV)]),
    (23, "NaN: 400, or 200 with valid JSON", {200, 400}, lambda r: r.with_first(NAN).every_way()),
    (24, "wrong feature count 400", {400}, lambda r: r.longer().every_way()),
    (25, "text in a number 400", {400}, lambda r: r.with_first("abc").every_way()),
    (26, "empty instances 400", {400}, lambda r: [post(b'{"instances": []}'), post(b"[]")]),
    (27, "ragged rows 400", {400}, lambda r: [post(f"[{r.text},{r.text[:-1]},{r.text[1:]}]".encode())]),
    (28, "object without instances 400", {400}, lambda r: [post(b'{"data": %s}' % r.bare().body)]),
    (29, "truncated npy 400", {400}, lambda r: [post(r.npy(2).body[:end], NPY) for end in (-4, 20)]),
    (30, "npy with object dtype (a pickle) 400", {400}, lambda r: [r.npy(1, pickle.dumps([r.text]))]),
    (33, "unknown SageMaker headers ignored", {200}, lambda r: [r.json(headers=SAGEMAKER)]),
    (34, "a 7 MB JSON body in under 60 s", {200}, lambda r: [r.json(r.rows_in(7))]),
    (35, "a 24 MB npy body", {200}, lambda r: [r.npy(r.rows_in(24, value_bytes=8))]),
    (36, "a body over the limit 413", {413}, lambda r: [post(TOO_LONG), post(TOO_LONG, headers=CHUNKED)]),
    (37, "chunked request body", {200}, lambda r: [r.json(3, headers=CHUNKED)]),
    (43, "/execution-parameters 200 or 404", {200, 404}, lambda r: [PARAMETERS]),
]


def run(number: int, checked: "Checks") -> dict[str, Any]:
    """Run a check and return what came of it: passed, failed or not applicable, and what was measured."""
    (title, measure), started = CHECKS[number], time.perf_counter()
    try:
        result, detail = "passed", measure(checked)
    except NotApplicable as reason:
        result, detail = "not applicable", str(reason)
    except Exception as error:
        result, detail = "failed", str(error) if isinstance(error, Failed) else repr(error)
    ms = round((time.perf_counter() - started) * 1000)
    return {"number": number, "title": title, "result": result, "detail": detail, "ms": ms}


def check(number: int, title: str) -> Callable[[Callable[[Any], str]], None]:
    """Register the decorated function, which returns what it measured, as check `number`."""
    return lambda measure: CHECKS.update({number: (title, measure)})


def expect(condition: bool, message: str, measured: str = "") -> str:
    """Return what was measured, or else `message`. Raises Failed with `message` unless `condition` holds."""
    if not condition:
        raise Failed(message)
    return measured or message


class Checks:
    """The checks, and what they share."""

    def __init__(self, server: Server, row: Row, soak_requests: int = 5_000, seconds: float = 0) -> None:
        self.server, self.client, self.row = server, server.client, row
        self.soak_requests, self.seconds = soak_requests, seconds
        self.pings: list[float] = []
        self.stack = contextlib.ExitStack()

    @property
    def own(self) -> OwnServer:
        if isinstance(self.server, OwnServer):
            return self.server
        raise NotApplicable("needs a server that is started here: --local or --image")

    @cached_property
    def reference(self) -> Any:
        """The prediction for one row, which every other way of sending that row must give."""
        return self.client.send(self.row.json()).predictions()[0]

    def send(self, request: Request, client: Client | None = None, **how: Any) -> Reply:
        """Return the reply to a request. Raises Failed unless it holds the right prediction for each row."""
        expected, reply = self.reference, (client or self.client).send(request, **how)
        answer = reply.predictions()
        expect(len(answer) == request.rows, f"{len(answer)} predictions for {request.rows} rows")
        wrong = [value for value in answer if not same(value, expected)]
        expect(not wrong, f"predicted {wrong[:1]}, but {expected} for the same row sent alone as JSON")
        return reply

    def answers(self, allowed: set[int], requests: Callable[[Row], list[Request]]) -> str:
        """Check one row of the table above."""
        seen: dict[int, float] = {}
        for request in requests(self.row):
            predicts = allowed == {200} and request.rows
            with self.pinging():
                reply = self.send(request) if predicts else self.client.send(request)
            what = f"{request.method} {request.path} {dict(request.headers)} {request.body[:40]!r}"
            expect(reply.status in allowed, f"status {reply.status} for {what}")
            expect(reply.seconds < (60 if predicts else SECONDS), f"{reply.seconds:.1f} s for {what}")
            if reply.status == 200:
                reply.json()
            seen[reply.status] = max(reply.seconds, seen.get(reply.status, 0))
        return ", ".join(f"status {status} in {seconds * 1000:.0f} ms" for status, seconds in seen.items())

    for number, title, allowed, requests in HTTP:
        check(number, title)(partial(answers, allowed=allowed, requests=requests))

    @check(2, "accepts a socket in 250 ms")
    def _accepts(self) -> str:
        started = time.perf_counter()
        socket.create_connection(self.client, 10).close()
        milliseconds = (time.perf_counter() - started) * 1000
        return expect(milliseconds < 250, f"{milliseconds:.0f} ms", f"{milliseconds:.1f} ms")

    @check(10, "JSON answers say application/json")
    def _content_type(self) -> str:
        replies = [self.client.send(request) for request in (self.row.json(), post(b"{"))]
        said = {reply.headers.get("content-type", "").partition(";")[0] for reply in replies}
        return expect(said == {JSON}, f"they say {said}", JSON)

    @check(31, "every error body is JSON with a message and no traceback")
    def _error_bodies(self) -> str:
        errors: list[Reply] = []
        for _, _, allowed, requests in HTTP:
            with contextlib.suppress(NotApplicable):
                errors += [self.client.send(x) for x in requests(self.row) if allowed != {200}]
        errors = [reply for reply in errors if reply.status >= 400]
        for reply in errors:
            error, shown = reply.json(), f"status {reply.status}: {reply.body[:80]!r}"
            expect(bool(isinstance(error, dict) and error.get("message")), f"no message, {shown}")
            expect(b"Traceback" not in reply.body and b"File " not in reply.body, f"a traceback, {shown}")
        return f"{len(errors)} errors"

    @check(32, "Accept: text/csv honoured, an impossible Accept 406")
    def _accept(self) -> str:
        reply = self.client.send(self.row.json(2, headers={"Accept": CSV}))
        said, lines = reply.headers.get("content-type", ""), reply.body.decode().splitlines()
        expect(reply.status == 200 and said.startswith(CSV), f"status {reply.status}, {said}")
        expect(len(lines) == 2, f"{len(lines)} lines for 2 rows")
        if isinstance(self.reference, (int, float)):
            expect(same(float(lines[1]), self.reference), f"predicted {lines[1]}, as JSON {self.reference}")
        status = self.client.send(self.row.json(headers={"Accept": "image/png"})).status
        return expect(status == 406, f"Accept: image/png gives status {status}", "text/csv; 406")

    @check(40, "/ping stays under 2 s throughout")
    def _pings_under_load(self) -> str:
        slowest = self.load and max(self.pings)
        return expect(slowest < SECONDS, f"slowest of {len(self.pings)}: {slowest * 1000:.0f} ms")

    check(1, "starts with the serve argument and reaches /ping 200")(lambda self: f"{self.seconds:.1f} s")
    check(38, "100 requests on one connection")(lambda self: f"{self.steadily(100) * 10:.1f} ms a request")
    check(39, "32 clients x 40 requests without an error")(lambda self: f"{1280 / self.load:.0f} requests/s")
    check(41, "16 slow clients do not block /ping")(lambda self: self.crowded(SLOW, b"1", 3))
    check(42, "16 idle connections do not")(lambda self: self.crowded([b""], b"", 1))

    def steadily(self, requests: int) -> float:
        """Return the seconds that requests of one row take on one connection, which must stay open."""
        with contextlib.closing(HTTPConnection(*self.client, timeout=60)) as connection:
            connection.connect()
            connection.auto_open, started = 0, time.perf_counter()
            for _ in range(requests):
                self.send(self.row.json(), connection=connection)
            return time.perf_counter() - started

    def together(self, clients: int, requests: int) -> float:
        """Return the seconds that this many requests of each client take."""
        started = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(self.steadily, [requests] * clients))
        return time.perf_counter() - started

    @cached_property
    def load(self) -> float:
        with self.pinging():
            return self.together(32, 40)

    @contextlib.contextmanager
    def pinging(self) -> Iterator[None]:
        """Ping all the while and note the seconds; a ping that fails took forever."""
        over = threading.Event()

        def ping() -> None:
            while not over.wait(0.05):
                started, answered = time.perf_counter(), self.server.responds()
                self.pings.append(time.perf_counter() - started if answered else float("inf"))

        with ThreadPoolExecutor(1) as pool:
            pool.submit(ping)
            try:
                yield
            finally:
                over.set()

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
                slowest = max(slowest, ping.seconds, self.send(self.row.json()).seconds)
        return expect(slowest < SECONDS, f"{slowest:.1f} s", f"slowest answer {slowest * 1000:.0f} ms")

    @check(4, "nginx is in the path")
    def _nginx(self) -> str:
        self.need_nginx()
        server = self.client.ping().headers.get("server", "")
        return expect("nginx" in server, f"the answer comes from {server!r}", f"Server: {server}")

    @check(5, "nothing but the bound port listens off loopback")
    def _listeners(self) -> str:
        ports, port = set(self.own.look()[1]), self.own.listens_on
        return expect(ports == {port}, f"ports {sorted(ports)} listen, {port} should", f"port {port}")

    @check(44, "multi-model label only with a working /models")
    def _multi_model(self) -> str:
        if "capabilities.multi-models" not in self.own.labels():
            return "no such label"
        status = self.client.send(Request("GET", "/models")).status
        return expect(status == 200, f"labelled, but GET /models gives status {status}", "label and /models")

    # Checked before a worker is killed: the next one may still be loading, and grows.
    @check(57, "memory flat over 100,000 requests")
    def _memory(self) -> str:
        used = []
        for requests in (500, self.soak_requests):
            self.together(4, requests // 4)
            used.append(sum(row["kb"] for row in self.own.look()[0]) / 1024)
        said = f"{used[1] - used[0]:+.1f} MB on {used[0]:.0f} MB over {self.soak_requests} requests"
        return expect(used[1] - used[0] < GROWTH_MB, said)

    @check(45, "a killed worker is replaced in 6 s")
    def _replaced(self) -> str:
        before = self.workers()
        expect(bool(before), "no gunicorn worker is running")
        self.own.kill(min(before))
        started, answers = time.monotonic(), Counter[int]()
        while True:
            status = self.client.send(self.row.json(), timeout=6).status
            answers[status] += 1
            expect(status in (200, 502), f"status {status} meanwhile")
            after, seconds = self.workers(), time.monotonic() - started
            if status == 200 and len(after) >= len(before) and min(before) not in after:
                return f"{seconds:.1f} s; statuses meanwhile {dict(answers)}"
            expect(seconds < REPLACED_SECONDS, f"{len(after)} workers of {len(before)} after {seconds:.1f} s")

    @check(54, "the server process is not uid 0 (and with the drop switched off it still serves)")
    def _not_root(self) -> str:
        unprivileged = self.own.unprivileged()
        with self.started(user=unprivileged if self.own.user == "root" else "root") as other:
            other.ready()
            for each in (self.own, other):
                users = sorted({row["user"] for row in each.look()[0]})
                said = f"SERVING_USER={each.user!r} gives uids {users}"
                expect((0 in users) == (each.user == "root"), said)
            return self.predicts(other)

    @check(56, "a log line a request with status and milliseconds, none for /ping")
    def _log_lines(self) -> str:
        self.need_nginx()
        for request in (PING, self.row.json(), post(b"{")):
            self.client.send(request._replace(path=f"{request.path}?contract"))
        time.sleep(0.5)
        rows = [json.loads(line) for line in self.own.log().splitlines() if line.startswith('{"')]
        pings = [row for row in rows if row["path"].partition("?")[0] == "/ping"]
        expect(not pings, f"{len(pings)} pings are logged, the first {pings[:1]}")
        ours = [row for row in rows if row["path"].endswith("?contract")]
        expect([row["status"] for row in ours] == [200, 400], f"requests with status 200 and 400 gave {ours}")
        expect(all(isinstance(row.get("ms"), (int, float)) for row in ours), f"no milliseconds: {ours}")
        return json.dumps(ours[0])

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
        return f"{len(reply.predictions())} rows, answered after {reply.seconds:.1f} s"

    @cached_property
    def end(self) -> tuple[int | None, float, list[str], Any, bool]:
        """Send SIGTERM during a request of one or two seconds.

        Return the exit code, after how long, what is left, the reply or error, and if it came too early.
        """
        rows, early, signalled = self.row.rows_in(1), True, time.monotonic()
        rows = int(rows * min(24, max(1, 1.5 / self.send(self.row.json(rows)).seconds)))
        before = self.own.orphans()

        def terminate(connected: socket.socket) -> None:
            nonlocal early, signalled
            early, signalled = bool(select([connected], [], [], 0.1)[0]), time.monotonic()
            self.own.signal(signal.SIGTERM)

        try:
            reply: Reply | Exception = self.send(self.row.json(rows), once_sent=terminate)
        except Exception as error:
            reply = error
        code = self.own.wait(35)
        return code, time.monotonic() - signalled, self.own.leftovers(before), reply, early

    check(49, "SAGEMAKER_BIND_TO_PORT=8099 honoured")(lambda self: self.predicts(self.second))
    check(53, "runs with a read-only root and a tmpfs /tmp")(lambda self: self.limited(*READ_ONLY))
    check(55, "works with 1 CPU and 1 GB")(lambda self: self.limited("--cpus", "1", "--memory", "1g"))
    check(59, "the first byte of a stream leaves before the last is made")(lambda self: self.no_stream())

    @check(50, "no model: /ping never 200, exit non-zero with one clear line")
    def _no_model(self) -> str:
        where, seconds, log = self.fails(_empty, 60)
        lines = [line for line in log.splitlines() if where in line]
        expect(len(lines) == 1 and "Traceback" not in log, f"{len(lines)} lines name {where}: {log[-300:]}")
        return f"{seconds:.1f} s: {lines[0]}"

    @check(51, "a corrupt model fails fast, no respawn storm")
    def _corrupt_model(self) -> str:
        where, seconds, log = self.fails(_corrupt, 30)
        tries = sum(where in line and "cannot load" in line for line in log.splitlines())
        said = f"{seconds:.1f} s, tried {tries} times"
        return expect(0 < tries <= 2 * (os.cpu_count() or 1), f"{said}: {log[-300:]}", said)

    @check(52, "read-only /opt/ml/model")
    def _read_only_model(self) -> str:
        answered = self.predicts(self.second)
        written = [path.name for path in _tree(self.second.model or Path()) if path.stat().st_mtime]
        return expect(not written, f"the server has written to {', '.join(written)}", answered)

    @check(58, "a stale socket file from a crash does not stop the next start")
    def _stale(self) -> str:
        server = self.second
        server.ready()
        server.signal(signal.SIGKILL)
        killed, code = time.monotonic(), server.wait(5)
        while server.responds():
            seconds = time.monotonic() - killed
            expect(seconds < 5, f"killed (exit code {code}), but its children answer 5 s later")
            time.sleep(0.05)
        server.start()
        return f"ready again in {server.ready():.1f} s"

    def limited(self, *options: str) -> str:
        with self.started(options=options) as server:
            return self.predicts(server)

    def no_stream(self) -> str:
        raise NotApplicable("predictions are not streamed")

    def workers(self) -> set[int]:
        gunicorn = {row["pid"]: row["parent"] for row in self.own.look()[0] if "gunicorn" in row["command"]}
        return {pid for pid, parent in gunicorn.items() if parent in gunicorn}

    def need_nginx(self) -> None:
        nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        if isinstance(self.server, LocalServer) and not nginx:
            raise NotApplicable("nginx is not installed on this machine")

    @contextlib.contextmanager
    def started(self, prepare: Callable[[Path], None] | None = None, **changes: Any) -> Iterator[OwnServer]:
        """Start another server with a prepared, read-only copy of the model, dated 1970, and end it again."""
        with tempfile.TemporaryDirectory() as directory:
            Path(directory).chmod(0o755)
            model = Path(directory, "model")
            self.own.copy_model(model)
            if prepare:
                prepare(model)
            for path in _tree(model):
                path.chmod(0o555 if path.is_dir() else 0o444)
                os.utime(path, (0, 0))
            with contextlib.closing(replace(self.own, model=model, **changes)) as server:
                yield server

    def fails(self, prepare: Callable[[Path], None], limit: float) -> tuple[str, float, str]:
        """Start a server that must fail; return where it sees its model, how long it took and its log."""
        with self.started(prepare) as server:
            started = time.monotonic()
            while (code := server.exit_code()) is None:
                expect(not server.responds(), "/ping answered 200")
                expect(time.monotonic() - started < limit, f"still running after {limit:.0f} s")
                time.sleep(0.1)
            expect(code != 0, "exit code 0")
            return server.model_dir, time.monotonic() - started, server.log()

    @cached_property
    def second(self) -> OwnServer:
        """A server on another port, which several checks share."""
        return self.stack.enter_context(self.started(port=free_port(8099)))

    def predicts(self, server: OwnServer) -> str:
        server.ready()
        reply = self.send(self.row.json(), client=server.client)
        return f"port {server.listens_on}, answered in {reply.seconds * 1000:.0f} ms"


def _tree(directory: Path) -> list[Path]:
    return [directory, *directory.rglob("*")]


def _empty(model: Path) -> None:
    shutil.rmtree(model)
    model.mkdir(0o755)


def _corrupt(model: Path) -> None:
    for path in filter(Path.is_file, model.rglob("*")):
        path.write_bytes(b"\0garbage" * 64)
