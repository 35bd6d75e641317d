# Part of the library: `copier update` replaces this file.
"""The checks for servers of predictive models."""

import argparse
import json
import math
import pickle
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

from . import checks
from .checks import register
from .client import NONE, Failed, Headers, NotApplicable, Reply, Request, post
from .context import PING
from .registry import Row as CheckRow
from .registry import check, expect
from .rows import CSV, NPY, Row, chosen, of_examples, predictions, same
from .servers import Server

REPLACED_SECONDS, GROWTH_MB = 6, 20
QUICK_PING_SECONDS = 2.0  # SageMaker's limit
HUNG_SECONDS = 5  # from the time limit of a request to the end of its worker
AGAIN_SECONDS = 30  # until the next worker has loaded the model
NAN, NOT_5XX = math.nan, set(range(200, 500))

# Number, title, allowed statuses, requests created from a row.
ROWS: list[tuple[int, str, set[int], Callable[[Row], list[Request]]]] = [
    (9, 'JSON {"instances": [[...]]}', {200}, lambda r: [r.json(2)]),
    (11, "a list of rows", {200}, lambda r: [r.bare(2)]),
    (12, "content type with charset", {200}, lambda r: [r.json(1, "application/json; charset=utf-8")]),
    (13, "a CSV row", {200}, lambda r: [r.csv()]),
    (14, "CSV with 1,000 rows", {200}, lambda r: [r.csv(1000)]),
    (15, "CSV with CRLF", {200}, lambda r: [r.csv(3, "\r\n")]),
    (16, "application/x-npy", {200}, lambda r: [r.npy(3)]),
    (17, "application/jsonlines", {200}, lambda r: [r.lines(3)]),
    (18, "unknown types return 415", {415}, lambda r: [r.json(1, x) for x in r.unknown_types()]),
    (19, "no content type: no 5xx", NOT_5XX, lambda r: [post(x, "") for x in (r.json().body, b"\0")]),
    (20, "bad JSON returns 400", {400}, lambda r: [post(x) for x in (r.json().body[:-1], b"\xff", b'"x"')]),
    (21, "an empty JSON body returns 400", {400}, lambda r: [post(b""), post(b" \n")]),
    (22, "an empty CSV body returns 400", {400}, lambda r: [post(b"", CSV), post(b"\r\n", CSV)]),
    (23, "NaN: 400, or 200 and valid JSON", {200, 400}, lambda r: r.with_first(NAN).every_way()),
    (24, "a wrong number of features returns 400", {400}, lambda r: r.longer().every_way()),
    (25, "text values return 400", {400}, lambda r: [*r.with_first("abc").every_way(), *almost_numbers(r)]),
    (26, "empty instances return 400", {400}, lambda r: [post(b'{"instances": []}'), post(b"[]")]),
    (27, "rows of different lengths return 400", {400}, lambda r: uneven_rows(r)),
    (28, "an object without instances returns 400", {400}, lambda r: [post(b'{"data": %s}' % r.bare().body)]),
    (29, "truncated npy returns 400", {400}, lambda r: [post(r.npy(2).body[:end], NPY) for end in (-4, 20)]),
    (30, "a pickle in an npy file returns 400", {400}, lambda r: [r.npy(1, pickle.dumps([r.text]))]),
    (34, "a 7 MB JSON body in under 60 s", {200}, lambda r: [r.json(r.rows_in(7))]),
    (35, "a 24 MB npy body", {200}, lambda r: [r.npy(r.rows_in(24, value_bytes=8))]),
    (43, "/execution-parameters 200 or 404", {200, 404}, lambda r: [Request("GET", "/execution-parameters")]),
]


def almost_numbers(row: Row) -> list[Request]:
    """Return requests with values that Python converts to numbers."""
    odd = [row.with_first(True), row.with_first("1_0")]
    return [row.with_first("0.5").json(), *(request for each in odd for request in each.every_way())]


def uneven_rows(row: Row) -> list[Request]:
    """Return a request with rows of different lengths."""
    return [post(f"[{row.text},{row.text[:-1]},{row.text[1:]}]".encode())]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for this kind of model."""
    parser.add_argument("--row", type=json.loads, help="a row as JSON, if /ping does not return its shape")


def model_dir(given: Path | None) -> Path:
    """Return the directory of the model to serve. Raise ValueError if it does not exist."""
    model = given or Path("model")
    if not model.is_dir():
        raise ValueError(f"no model in {model}; run this in the project directory, or use --model-dir")
    return model


def row_of(server: Server, given: Any) -> Row:
    """Return the row to send. Raise ValueError if its shape is unknown."""
    answer = server.client.ping().json() if given is None or server.responds() else None
    about = answer if isinstance(answer, dict) else {}
    recorded = of_examples(getattr(server, "model", None) or Path("model"))
    return chosen(about, given, recorded)._replace(own_types=tuple(about.get("content_types", ())))


def of_row(number: int, title: str, allowed: set[int], requests: Callable[[Row], list[Request]]) -> CheckRow:
    """Return a row of the table in the format of the common checks."""
    return number, title, allowed, lambda checks: requests(checks.row)


class Checks(checks.Checks):
    """The checks of a server that returns one prediction per row."""

    imports = "import gunicorn"

    http = (
        *checks.Checks.http,
        *checks.Checks.http_behind_nginx,
        *(of_row(*row) for row in ROWS),
        (62, "more rows than the limit return 413", {413}, lambda c: [c.too_many()]),
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
        """Return a request with enough rows to take 1 to 2 s."""
        rows = self.row.rows_in(1)
        times = min(24, max(1, 1.5 / self.send(self.row.json(rows)).seconds))
        return self.row.json(min(self.row.most, int(rows * times)))

    def too_many(self) -> Request:
        """Return a request with one row too many. Raise NotApplicable if /ping returns no limit."""
        if self.row.most > 10_000_000:
            raise NotApplicable("/ping returns no limit that a body of 25 MB can reach")
        return post(b"0\n" * (self.row.most + 1), CSV)

    @cached_property
    def reference(self) -> Any:
        """The prediction for one row. The other formats must give the same prediction."""
        return predictions(self.client.send(self.row.json()))[0]

    def judge(self, request: Request, reply: Reply) -> None:
        """Raise Failed unless a reply has the correct prediction for each row."""
        expected, answer = self.reference, predictions(reply)
        expect(len(answer) == request.rows, f"{len(answer)} predictions for {request.rows} rows")
        wrong = [value for value in answer if not same(value, expected)]
        expect(not wrong, f"predicted {wrong[:1]}, but {expected} for the same row alone in JSON")

    def message(self, error: Any) -> Any:
        """Return the message in the body of an error."""
        return error.get("message")

    def corrupt(self, model: Path) -> None:
        """Overwrite a model's files."""
        for path in filter(Path.is_file, model.rglob("*")):
            path.write_bytes(b"\0garbage" * 64)

    @check(32, "Accept selects CSV; an unsupported Accept returns 406")
    def _accept(self) -> str:
        reply = self.client.send(self.row.json(2, headers={"Accept": CSV}))
        media_type, lines = reply.headers.get("content-type", ""), reply.body.decode().splitlines()
        expect(reply.status == 200 and media_type.startswith(CSV), f"status {reply.status}, {media_type}")
        expect(len(lines) == 2, f"{len(lines)} lines for 2 rows")
        if isinstance(self.reference, (int, float)):
            expect(same(float(lines[1]), self.reference), f"{lines[1]} as CSV, {self.reference} as JSON")
        status = self.client.send(self.row.json(headers={"Accept": "application/x-none"})).status
        return expect(status == 406, f"status {status} for Accept: application/x-none", "text/csv; 406")

    @check(63, "/ping is fast while 64 clients wait for the model")
    def _pings_while_predicting(self) -> str:
        return self.quick_pings([self.row.json(self.row.rows_in(1))] * 64)

    @check(64, "/ping is fast while 16 bodies of 24 MB are read")
    def _pings_while_reading(self) -> str:
        return self.quick_pings([self.row.npy(self.row.rows_in(24, value_bytes=8))] * 16)

    def quick_pings(self, requests: list[Request]) -> str:
        """Ping during requests. If pings are slow, try again: other programs can be the cause."""
        slowest, measured = self.slowest_ping(requests)
        if slowest >= QUICK_PING_SECONDS:
            slowest, measured = self.slowest_ping(requests)
        return expect(slowest < QUICK_PING_SECONDS, measured)

    def slowest_ping(self, requests: list[Request]) -> tuple[float, str]:
        """Send concurrent requests: status 200 or, if too many, 503. Return the slowest ping and counts."""
        with self.pinging() as pings, ThreadPoolExecutor(len(requests)) as pool:
            replies = list(pool.map(lambda request: self.client.send(request, timeout=90), requests))
        statuses = Counter(reply.status for reply in replies)
        for request, reply in zip(requests, replies, strict=True):
            if reply.status != 503:
                self.judge(request, reply)
        expect(statuses[200] > 0, f"none of {len(requests)} requests was answered: {dict(statuses)}")
        measured = f"slowest of {len(pings)} pings: {max(pings) * 1000:.0f} ms; statuses {dict(statuses)}"
        return max(pings), measured

    @check(65, "a request over its time limit ends and is logged")
    def _ends_a_hung_request(self) -> str:
        self.need_nginx()
        for _ in range(3):  # other programs can slow the timed request
            request = self.slow()
            limit = round(self.send(request).seconds / 4, 2)
            variables = (*self.own.variables, ("SERVING_PREDICT_SECONDS", str(limit)))
            with self.started(variables=variables) as server:
                server.ready()
                try:
                    reply, started = server.client.send(request), time.monotonic()
                except IncompleteRead:
                    measured = f"limit {limit} s: the worker ended while it sent the response"
                    continue  # the prediction ended at the limit
                measured = f"limit {limit} s: status {reply.status} after {reply.seconds:.1f} s"
                if reply.status in (200, 503) and reply.seconds < 3 * limit:
                    continue  # it was faster this time, or waited until the limit
                expect(reply.status == 502 and reply.seconds < limit + HUNG_SECONDS, measured)
                expect("SERVING_PREDICT_SECONDS" in server.log(), f"{measured}, but it is not in the log")
                while (status := server.client.send(self.row.json()).status) != 200:
                    expect(time.monotonic() - started < AGAIN_SECONDS, f"{measured}; then status {status}")
            return f"{measured}; next reply after {time.monotonic() - started:.1f} s"
        raise Failed(f"the request did not end in 3 attempts; {measured}")

    @check(4, "nginx is in front of the model server")
    def _nginx(self) -> str:
        self.need_nginx()
        server = self.client.ping().headers.get("server", "")
        return expect("nginx" in server, f"the header Server is {server!r}", f"Server: {server}")

    @check(44, "a multi-model label requires /models")
    def _multi_model(self) -> str:
        if "capabilities.multi-models" not in self.own.labels():
            return "no such label"
        status = self.client.send(Request("GET", "/models")).status
        return expect(status == 200, f"labeled, but GET /models returns {status}", "label and /models")

    # Runs before a worker is killed, because the memory of its replacement still grows.
    @check(57, "memory is stable over many requests")
    def _memory(self) -> str:
        used = []
        for requests in (500, self.soak_requests):
            self.together(4, requests // 4)
            used.append(sum(row["kb"] for row in self.own.look()[0]) / 1024)
        measured = f"{used[1] - used[0]:+.1f} MB on {used[0]:.0f} MB over {self.soak_requests} requests"
        return expect(used[1] - used[0] < GROWTH_MB, measured)

    @check(45, "a killed worker is replaced within 6 s")
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

    @check(56, "one log line per request, none for /ping")
    def _log_lines(self) -> str:
        self.need_nginx()
        for request in (PING, self.row.json(), post(b"{"), self.row.json(self.row.rows_in(2))):
            self.client.send(request._replace(path=f"{request.path}?key=contract"))
        time.sleep(0.5)
        log = self.own.log()
        expect("key=contract" not in log, "the log has a query string, which can contain secrets")
        rows = [json.loads(line) for line in log.splitlines() if line.startswith('{"')]
        pings = [row for row in rows if row["path"] == "/ping"]
        expect(not pings, f"{len(pings)} pings are logged, the first {pings[:1]}")
        last = rows[-3:]
        logged = [(row["path"], row["status"]) for row in last]
        expect(logged == [("/invocations", status) for status in (200, 400, 200)], f"logged {logged}")
        expect(all(isinstance(row.get("ms"), (int, float)) for row in last), f"no milliseconds: {last}")
        warnings = [line for line in log.splitlines() if " [warn] " in line]
        return expect(not warnings, f"more than one line per request: {warnings[:1]}", json.dumps(last[0]))

    check(55, "works with 1 CPU and 1 GB")(lambda self: self.limited("--cpus", "1", "--memory", "1g"))

    @check(52, "works with a read-only /opt/ml/model")
    def _read_only_model(self) -> str:
        answered = self.predicts(self.second)
        model = self.second.model or Path()
        written = [path.name for path in (model, *model.rglob("*")) if path.stat().st_mtime]
        return expect(not written, f"the server wrote to {', '.join(written)}", answered)

    def workers(self) -> set[int]:
        gunicorn = {row["pid"]: row["parent"] for row in self.own.look()[0] if "gunicorn" in row["command"]}
        return {pid for pid, parent in gunicorn.items() if parent in gunicorn}


register(Checks.http)
