"""Checks that only send requests to a running server."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from http.client import HTTPConnection

from .bodies import CSV, JSON, JSON_LINES, NPY, Bodies
from .check import Context, check, expect
from .client import NotApplicable, Request, invoke, same

BODY_LIMIT = 25 * 1024 * 1024
SECONDS = 2.0
CLIENTS, REQUESTS_EACH, SLOW_CLIENTS = 32, 40, 16
TOO_LONG = b" " * (BODY_LIMIT + 1)
CHUNKED = {"Transfer-Encoding": "chunked"}
SAGEMAKER = {
    f"X-Amzn-SageMaker-{name}": "x" for name in ("Custom-Attributes", "Target-Model", "Inference-Id")
}


def every_format(bodies: Bodies) -> list[Request]:
    """Return one row in each content type that can hold it."""
    requests = [invoke(bodies.json()), invoke(bodies.lines(), JSON_LINES)]
    for make, content_type in ((bodies.csv, CSV), (bodies.npy, NPY)):
        with contextlib.suppress(NotApplicable):
            requests.append(invoke(make(), content_type))
    return requests


# Number, title, rows, a request of that many rows; every row must get its prediction.
Rows = int | Callable[[Bodies], int]
ANSWERS: list[tuple[int, str, Rows, Callable[[Bodies, int], Request]]] = [
    (9, 'JSON {"instances": [[...]]}', 2, lambda b, n: invoke(b.json(n))),
    (11, "a bare list of rows", 2, lambda b, n: invoke(b.bare(n))),
    (12, "content type with charset", 1, lambda b, n: invoke(b.json(n), "application/json; charset=utf-8")),
    (13, "CSV row", 1, lambda b, n: invoke(b.csv(n), CSV)),
    (14, "CSV of 1,000 rows", 1000, lambda b, n: invoke(b.csv(n), CSV)),
    (15, "CSV with CRLF", 3, lambda b, n: invoke(b.csv(n, "\r\n"), CSV)),
    (16, "application/x-npy", 3, lambda b, n: invoke(b.npy(n), NPY)),
    (17, "application/jsonlines", 3, lambda b, n: invoke(b.lines(n), JSON_LINES)),
    (33, "unknown SageMaker headers ignored", 1, lambda b, n: invoke(b.json(n), **SAGEMAKER)),
    (34, "a 7 MB JSON body in under 60 s", lambda b: b.rows_in(7), lambda b, n: invoke(b.json(n))),
    (35, "a 24 MB npy body", lambda b: b.npy_rows_in(24), lambda b, n: invoke(b.npy(n), NPY)),
    (37, "chunked request body", 3, lambda b, n: invoke(b.json(n), **CHUNKED)),
]
# Number, title, statuses allowed, requests; each is answered in time with one of these.
STATUSES: list[tuple[int, str, set[int], Callable[[Bodies], list[Request]]]] = [
    (3, "/ping under 2 s", {200}, lambda b: [Request("GET", "/ping")]),
    (6, "POST /ping is 405", {405}, lambda b: [Request("POST", "/ping")]),
    (7, "GET /invocations is 405", {405}, lambda b: [Request("GET", "/invocations")]),
    (8, "unknown path 404", {404}, lambda b: [Request("GET", "/nothing"), Request("POST", "/ping/nothing")]),
    (18, "unsupported type 415", {415}, lambda b: [invoke(b.json(), t) for t in ("image/png", "text/plain")]),
    (
        19,
        "no content type: not 5xx",
        set(range(200, 500)),
        lambda b: [invoke(x, "") for x in (b.json(), b"\0")],
    ),
    (20, "malformed JSON 400", {400}, lambda b: [invoke(b.json()[:-1]), invoke(b"\xff"), invoke(b'"rows"')]),
    (21, "empty JSON body 400", {400}, lambda b: [invoke(b""), invoke(b" \n")]),
    (22, "empty CSV body 400", {400}, lambda b: [invoke(b"", CSV), invoke(b"\r\n", CSV)]),
    (23, "NaN: 400, or 200 with valid JSON", {200, 400}, lambda b: every_format(b.with_first(float("nan")))),
    (24, "wrong feature count 400", {400}, lambda b: every_format(b.too_long())),
    (25, "text in a number 400", {400}, lambda b: every_format(b.with_first("abc"))),
    (26, "empty instances 400", {400}, lambda b: [invoke(b'{"instances": []}'), invoke(b"[]")]),
    (27, "ragged rows 400", {400}, lambda b: [invoke(b.ragged())]),
    (28, "object without instances 400", {400}, lambda b: [invoke(b'{"data": %s}' % b.bare())]),
    (29, "truncated npy 400", {400}, lambda b: [invoke(b.npy(2)[:-4], NPY), invoke(b.npy()[:20], NPY)]),
    (30, "npy with object dtype (a pickle) 400", {400}, lambda b: [invoke(b.pickled(), NPY)]),
    (36, "a body over the limit 413", {413}, lambda b: [invoke(TOO_LONG), invoke(TOO_LONG, **CHUNKED)]),
    (43, "/execution-parameters 200 or 404", {200, 404}, lambda b: [Request("GET", "/execution-parameters")]),
]


def _answers(context: Context, rows: Rows, make: Callable[[Bodies, int], Request]) -> str:
    count = rows if isinstance(rows, int) else rows(context.bodies)
    request = make(context.bodies, count)
    with _pinging(context):
        seconds = context.send(request, count).seconds
    return f"{count} row(s), {len(request.body)} bytes in {seconds * 1000:.0f} ms"


def _statuses(context: Context, allowed: set[int], make: Callable[[Bodies], list[Request]]) -> str:
    seen = set()
    for request in make(context.bodies):
        reply = context.client.send(request)
        what = f"{request.method} {request.path} {dict(request.headers)} {request.body[:40]!r}"
        expect(reply.status in allowed, f"status {reply.status} for {what}")
        expect(reply.seconds < SECONDS, f"{reply.seconds:.1f} s for {what}")
        if reply.status == 200:
            reply.json()
        seen.add(reply.status)
    return f"status {' and '.join(map(str, sorted(seen)))}"


for number, title, rows, answer in ANSWERS:
    check(number, title)(partial(_answers, rows=rows, make=answer))
for number, title, allowed, requests in STATUSES:
    check(number, title)(partial(_statuses, allowed=allowed, make=requests))


@check(2, "accepts a socket in 250 ms")
def _accepts(context: Context) -> str:
    started = time.perf_counter()
    context.client.socket().close()
    seconds = time.perf_counter() - started
    expect(seconds < 0.25, f"{seconds * 1000:.0f} ms")
    return f"{seconds * 1000:.1f} ms"


@check(10, "JSON answers say application/json")
def _content_type(context: Context) -> str:
    for body in (context.bodies.json(), b"{"):
        reply = context.client.send(invoke(body))
        said = reply.headers.get("content-type", "")
        expect(said.partition(";")[0] == JSON, f"status {reply.status} came as {said!r}")
    return JSON


@check(31, "every error body is JSON with a message and no traceback")
def _error_bodies(context: Context) -> str:
    count = 0
    for *_, make in STATUSES:
        with contextlib.suppress(NotApplicable):
            for reply in (context.client.send(request) for request in make(context.bodies)):
                if reply.status >= 400:
                    error = reply.json()
                    message = error.get("message") if isinstance(error, dict) else None
                    expect(bool(message), f"status {reply.status} without a message: {reply.body[:80]!r}")
                    expect(
                        b"Traceback" not in reply.body and b"File " not in reply.body, "it shows a traceback"
                    )
                    count += 1
    return f"{count} errors"


@check(32, "Accept: text/csv honoured, an impossible Accept 406")
def _accept(context: Context) -> str:
    reply = context.client.send(invoke(context.bodies.json(2), Accept=CSV))
    said = reply.headers.get("content-type", "")
    lines = reply.body.decode().splitlines()
    expect(reply.status == 200 and said.startswith(CSV), f"status {reply.status}, {said}")
    expect(len(lines) == 2, f"{len(lines)} lines for 2 rows")
    if isinstance(context.reference, (int, float)):
        expect(same(float(lines[1]), context.reference), f"predicted {lines[1]}, as JSON {context.reference}")
    status = context.client.send(invoke(context.bodies.json(), Accept="image/png")).status
    expect(status == 406, f"Accept: image/png gives status {status}")
    return "text/csv; 406"


@check(38, "100 requests on one connection")
def _one_connection(context: Context) -> str:
    started = time.perf_counter()
    steadily(context, 100)
    return f"{(time.perf_counter() - started) * 10:.1f} ms a request"


@check(39, "32 clients x 40 requests without an error")
def _many_clients(context: Context) -> str:
    return f"{CLIENTS * REQUESTS_EACH / _load(context):.0f} requests/s"


@check(40, "/ping stays under 2 s throughout")
def _pings_under_load(context: Context) -> str:
    _load(context)
    slowest = max(context.pings)
    expect(slowest < SECONDS, f"{slowest:.1f} s")
    return f"slowest of {len(context.pings)}: {slowest * 1000:.0f} ms"


@check(41, "16 slow clients do not block /ping")
def _slow_clients(context: Context) -> str:
    head = b"POST /invocations HTTP/1.1\r\nHost: contract\r\nContent-Type: application/json\r\n"
    return _crowded(context, [head, head + b"Content-Length: 500\r\n\r\n["], b"1", 3)


@check(42, "16 idle connections do not")
def _idle_clients(context: Context) -> str:
    return _crowded(context, [b""], b"", 1)


@check(59, "the first byte of a stream leaves before the last is made")
def _streams(context: Context) -> str:
    raise NotApplicable("predictions are not streamed")


def steadily(context: Context, requests: int) -> None:
    """Send requests of one row on one connection, which must stay open."""
    with contextlib.closing(HTTPConnection(*context.client, timeout=60)) as connection:
        connection.connect()
        connection.auto_open = 0
        for _ in range(requests):
            context.send(invoke(context.bodies.json()), connection=connection)


@cache
def _load(context: Context) -> float:
    """Return the seconds that the requests of all clients take."""
    with ThreadPoolExecutor(CLIENTS) as pool, _pinging(context):
        started = time.perf_counter()
        for client in [pool.submit(steadily, context, REQUESTS_EACH) for _ in range(CLIENTS)]:
            client.result()
        return time.perf_counter() - started


@contextlib.contextmanager
def _pinging(context: Context) -> Iterator[None]:
    """Ping all the while and note the seconds; a ping that fails took forever."""
    over = threading.Event()

    def ping() -> None:
        while not over.wait(0.05):
            seconds = float("inf")
            with contextlib.suppress(OSError):
                reply = context.client.ping()
                seconds = reply.seconds if reply.status == 200 else seconds
            context.pings.append(seconds)

    thread = threading.Thread(target=ping)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _crowded(context: Context, starts: list[bytes], then: bytes, rounds: int) -> str:
    """Ping and invoke while clients have sent one of `starts` each, and send `then` every second."""
    slowest = 0.0
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(context.client.socket()) for _ in range(SLOW_CLIENTS)]
        for number, client in enumerate(clients):
            client.sendall(starts[number % len(starts)])
        for _ in range(rounds):
            time.sleep(1)
            for client in clients:
                with contextlib.suppress(OSError):  # a server may close the connection of a slow client
                    client.sendall(then)
            ping = context.client.ping()
            expect(ping.status == 200, f"/ping: status {ping.status}")
            slowest = max(slowest, ping.seconds, context.send(invoke(context.bodies.json())).seconds)
    expect(slowest < SECONDS, f"{slowest:.1f} s")
    return f"slowest answer {slowest * 1000:.0f} ms"
