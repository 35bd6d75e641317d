# Part of the library: `copier update` replaces this file.
"""What is expected of a predictive model's server beside what holds for all."""

import argparse
import json
import math
import pickle
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

from . import checks
from .checks import register
from .client import NONE, Failed, Headers, NotApplicable, Reply, Request, post
from .context import PING
from .registry import Row as CheckRow
from .registry import check, expect
from .rows import ANY_NUMBER, CSV, NPY, Row, of_shape, predictions, same
from .servers import Server

REPLACED_SECONDS, GROWTH_MB = 6, 20
QUICK_PING_SECONDS = 1.0  # half of SageMaker's limit
HUNG_SECONDS = 5  # from the time limit of a request to the end of the process that works on it
AGAIN_SECONDS = 30  # in which the next one has loaded the model
NAN, NOT_5XX = math.nan, set(range(200, 500))

# Number, title, statuses allowed, requests made from a row.
ROWS: list[tuple[int, str, set[int], Callable[[Row], list[Request]]]] = [
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
    (25, "text in a number 400", {400}, lambda r: [*r.with_first("abc").every_way(), *almost_numbers(r)]),
    (26, "empty instances 400", {400}, lambda r: [post(b'{"instances": []}'), post(b"[]")]),
    (27, "ragged rows 400", {400}, lambda r: [post(f"[{r.text},{r.text[:-1]},{r.text[1:]}]".encode())]),
    (28, "object without instances 400", {400}, lambda r: [post(b'{"data": %s}' % r.bare().body)]),
    (29, "truncated npy 400", {400}, lambda r: [post(r.npy(2).body[:end], NPY) for end in (-4, 20)]),
    (30, "npy with object dtype (a pickle) 400", {400}, lambda r: [r.npy(1, pickle.dumps([r.text]))]),
    (34, "a 7 MB JSON body in under 60 s", {200}, lambda r: [r.json(r.rows_in(7))]),
    (35, "a 24 MB npy body", {200}, lambda r: [r.npy(r.rows_in(24, value_bytes=8))]),
    (43, "/execution-parameters 200 or 404", {200, 404}, lambda r: [Request("GET", "/execution-parameters")]),
]


def almost_numbers(row: Row) -> list[Request]:
    """Return requests with what Python would take for a number."""
    odd = [row.with_first(True), row.with_first("1_0")]
    return [row.with_first("0.5").json(), *(request for each in odd for request in each.every_way())]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that only this kind of model has."""
    parser.add_argument("--row", type=json.loads, help="a row as JSON, when /ping does not tell its shape")


def model_dir(given: Path | None) -> Path:
    """Return the directory of the model to serve. Raises ValueError when it is not there."""
    model = given or Path("model")
    if not model.is_dir():
        raise ValueError(f"run this in the project's directory, with a model in {model} (see --model-dir)")
    return model


def row_of(server: Server, given: Any) -> Row:
    """Return the row to ask with. Raises ValueError when nobody tells what one looks like."""
    if isinstance(given, list) and given and not isinstance(given[0], list):
        return Row(json.dumps(given, separators=(",", ":")), (len(given),), most_rows(server))
    answer = server.client.ping().json()
    shape = answer.get("row_shape") if isinstance(answer, dict) else None
    if not shape or given is not None:
        raise ValueError("/ping does not say what a row looks like: give one with --row '[0.5, 1.5]'")
    return of_shape(shape, most_rows(server))


def most_rows(server: Server) -> int:
    """Return how many rows a body may have, as /ping says."""
    answer = server.client.ping().json() if server.responds() else None
    return int(answer.get("max_rows", ANY_NUMBER)) if isinstance(answer, dict) else ANY_NUMBER


def of_row(number: int, title: str, allowed: set[int], asked: Callable[[Row], list[Request]]) -> CheckRow:
    """Return a row of the table as one of all checks."""
    return number, title, allowed, lambda checked: asked(checked.row)


class Checks(checks.Checks):
    """The checks of a server that predicts something for each row."""

    imports = "import gunicorn"

    http = (
        *checks.Checks.http,
        *checks.Checks.http_behind_nginx,
        *(of_row(*row) for row in ROWS),
        (62, "more rows than /ping allows 413", {413}, lambda c: [c.too_many()]),
    )

    def __init__(self, server: Server, options: Any, soak_requests: int = 5_000, seconds: float = 0) -> None:
        super().__init__(server, soak_requests, seconds)
        self.row = row_of(server, options.row)

    def one(self, headers: Headers = NONE) -> Request:
        """Return a request for one row's prediction."""
        return self.row.json(headers=headers)

    def several(self, headers: Headers = NONE) -> Request:
        """Return a request for three predictions."""
        return self.row.json(3, headers=headers)

    def slow(self) -> Request:
        """Return a request of so many rows that they take a second or two."""
        rows = self.row.rows_in(1)
        times = min(24, max(1, 1.5 / self.send(self.row.json(rows)).seconds))
        return self.row.json(min(self.row.most, int(rows * times)))

    def too_many(self) -> Request:
        """Return a request of a row more than may be. Raises NotApplicable when /ping tells no limit."""
        if self.row.most > 10_000_000:
            raise NotApplicable("/ping tells no limit that a body of 25 MB reaches")
        return post(b"0\n" * (self.row.most + 1), CSV)

    @cached_property
    def reference(self) -> Any:
        """The prediction for one row, which every other way of sending that row must give."""
        return predictions(self.client.send(self.row.json()))[0]

    def judge(self, request: Request, reply: Reply) -> None:
        """Raise Failed unless a reply holds the right prediction for each row."""
        expected, answer = self.reference, predictions(reply)
        expect(len(answer) == request.rows, f"{len(answer)} predictions for {request.rows} rows")
        wrong = [value for value in answer if not same(value, expected)]
        expect(not wrong, f"predicted {wrong[:1]}, but {expected} for the same row sent alone as JSON")

    def message(self, error: Any) -> Any:
        """Return what the body of an error says in words."""
        return error.get("message")

    def corrupt(self, model: Path) -> None:
        """Overwrite a model's files."""
        for path in filter(Path.is_file, model.rglob("*")):
            path.write_bytes(b"\0garbage" * 64)

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

    @check(63, "/ping is quick while 64 clients wait for the model")
    def _pings_while_predicting(self) -> str:
        return self.quick_pings([self.row.json(self.row.rows_in(1))] * 64)

    @check(64, "/ping is quick while 16 bodies of 24 MB are read")
    def _pings_while_reading(self) -> str:
        return self.quick_pings([self.row.npy(self.row.rows_in(24, value_bytes=8))] * 16)

    def quick_pings(self, requests: list[Request]) -> str:
        """Ping while requests are served; once more if pings were slow, as other programs may be the cause."""
        slowest, said = self.slowest_ping(requests)
        if slowest >= QUICK_PING_SECONDS:
            slowest, said = self.slowest_ping(requests)
        return expect(slowest < QUICK_PING_SECONDS, said)

    def slowest_ping(self, requests: list[Request]) -> tuple[float, str]:
        """Send all requests at once; each is answered, or rejected as one too many (503). Return seconds."""
        with self.pinging() as pings, ThreadPoolExecutor(len(requests)) as pool:
            replies = list(pool.map(lambda request: self.client.send(request, timeout=90), requests))
        statuses = Counter(reply.status for reply in replies)
        for request, reply in zip(requests, replies, strict=True):
            if reply.status != 503:
                self.judge(request, reply)
        expect(statuses[200] > 0, f"none of {len(requests)} requests is answered: {dict(statuses)}")
        said = f"slowest of {len(pings)} pings: {max(pings) * 1000:.0f} ms; statuses {dict(statuses)}"
        return max(pings), said

    @check(65, "a request over its time limit is ended and logged, the next is answered")
    def _ends_a_hung_request(self) -> str:
        self.need_nginx()
        for _ in range(3):  # other programs on this machine may have slowed the request that was timed
            request = self.slow()
            limit = round(self.send(request).seconds / 4, 2)
            variables = (*self.own.variables, ("SERVING_PREDICT_SECONDS", str(limit)))
            with self.started(variables=variables) as server:
                server.ready()
                reply, started = server.client.send(request), time.monotonic()
                said = f"limit {limit} s: status {reply.status} after {reply.seconds:.1f} s"
                if reply.status in (200, 503) and reply.seconds < 3 * limit:
                    continue  # it was quick this time, or waited for its turn until the limit
                expect(reply.status == 502 and reply.seconds < limit + HUNG_SECONDS, said)
                expect("SERVING_PREDICT_SECONDS" in server.log(), f"{said}, but nothing is logged")
                while (status := server.client.send(self.row.json()).status) != 200:
                    expect(time.monotonic() - started < AGAIN_SECONDS, f"{said}; then status {status}")
            return f"{said}; answered again after {time.monotonic() - started:.1f} s"
        raise Failed(f"the request was not ended in three tries; {said}")

    @check(4, "nginx is in the path")
    def _nginx(self) -> str:
        self.need_nginx()
        server = self.client.ping().headers.get("server", "")
        return expect("nginx" in server, f"the answer comes from {server!r}", f"Server: {server}")

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

    @check(56, "a log line a request with status and milliseconds, none for /ping")
    def _log_lines(self) -> str:
        self.need_nginx()
        for request in (PING, self.row.json(), post(b"{"), self.row.json(self.row.rows_in(2))):
            self.client.send(request._replace(path=f"{request.path}?key=contract"))
        time.sleep(0.5)
        log = self.own.log()
        expect("key=contract" not in log, "the log holds a query string, which may be a secret")
        rows = [json.loads(line) for line in log.splitlines() if line.startswith('{"')]
        pings = [row for row in rows if row["path"] == "/ping"]
        expect(not pings, f"{len(pings)} pings are logged, the first {pings[:1]}")
        ours = rows[-3:]
        said = [(row["path"], row["status"]) for row in ours]
        expect(said == [("/invocations", status) for status in (200, 400, 200)], f"200, 400, 200 gave {said}")
        expect(all(isinstance(row.get("ms"), (int, float)) for row in ours), f"no milliseconds: {ours}")
        warnings = [line for line in log.splitlines() if " [warn] " in line]
        return expect(not warnings, f"more than a line a request: {warnings[:1]}", json.dumps(ours[0]))

    check(55, "works with 1 CPU and 1 GB")(lambda self: self.limited("--cpus", "1", "--memory", "1g"))

    @check(52, "read-only /opt/ml/model")
    def _read_only_model(self) -> str:
        answered = self.predicts(self.second)
        model = self.second.model or Path()
        written = [path.name for path in (model, *model.rglob("*")) if path.stat().st_mtime]
        return expect(not written, f"the server has written to {', '.join(written)}", answered)

    def workers(self) -> set[int]:
        gunicorn = {row["pid"]: row["parent"] for row in self.own.look()[0] if "gunicorn" in row["command"]}
        return {pid for pid, parent in gunicorn.items() if parent in gunicorn}


register(Checks.http)
