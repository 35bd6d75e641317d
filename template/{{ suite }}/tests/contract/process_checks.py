"""Checks that look into a server's processes, end it, or start others."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from .check import ENDING, STARTING, Context, check, expect
from .client import NotApplicable, Reply, Request, invoke
from .http_checks import steadily
from .servers import ContainerServer, LocalServer, OwnServer, free_port

GROWTH_MB = 20
RESTRICTED: list[tuple[int, str, tuple[str, ...]]] = [
    (53, "runs with a read-only root and a tmpfs /tmp", ("--read-only", "--tmpfs", "/tmp")),
    (55, "works with 1 CPU and 1 GB", ("--cpus", "1", "--memory", "1g")),
]
# A process whose parent is gone: only the container's first process can reap it.
ORPHAN = "import os, time\nif os.fork() == 0:\n    os.fork() or time.sleep(0.2)\n    os._exit(0)\nos.wait()\ntime.sleep(0.5)"


@check(1, "starts with the serve argument and reaches /ping 200")
def _starts(context: Context) -> str:
    return f"{context.start_seconds:.1f} s" if isinstance(context.server, OwnServer) else "runs already"


@check(4, "nginx is in the path")
def _nginx(context: Context) -> str:
    _need_nginx(context)
    server = context.client.ping().headers.get("server", "")
    expect("nginx" in server, f"Server: {server}")
    return f"Server: {server}"


@check(5, "nothing but the bound port listens off loopback")
def _listeners(context: Context) -> str:
    ports = sorted({row["port"] for row in context.own.look()[1] if not row["loopback"]})
    expect(ports == [context.own.bound_port], f"ports {ports} listen, {context.own.bound_port} should")
    return f"port {ports[0]}"


@check(44, "multi-model label only with a working /models")
def _multi_model(context: Context) -> str:
    if "capabilities.multi-models" not in context.own.labels():
        return "no such label"
    status = context.client.send(Request("GET", "/models")).status
    expect(status == 200, f"the label is there, but GET /models: status {status}")
    return "label and /models"


@check(45, "a killed worker is replaced in 6 s")
def _replaced(context: Context) -> str:
    before = _workers(context.own)
    expect(bool(before), "no gunicorn worker is running")
    started, answers = time.monotonic(), Counter[int]()
    context.own.kill(min(before))
    while True:
        status = context.client.send(invoke(context.bodies.json()), timeout=6).status
        answers[status] += 1
        expect(status in (200, 502), f"status {status} meanwhile")
        after, seconds = _workers(context.own), time.monotonic() - started
        if status == 200 and len(after) >= len(before) and min(before) not in after:
            return f"{seconds:.1f} s; answers meanwhile {dict(answers)}"
        expect(seconds < 6, f"{len(after)} workers of {len(before)} after {seconds:.1f} s")


@check(46, "SIGTERM: exits under 30 s with 0", ENDING)
def _exits(context: Context) -> str:
    ended = _end(context)
    expect(ended.code == 0, f"exit code {ended.code}")
    expect(ended.seconds < 30, f"{ended.seconds:.0f} s")
    return f"{ended.seconds:.1f} s"


@check(47, "SIGTERM: the request in flight is finished", ENDING)
def _finishes(context: Context) -> str:
    ended = _end(context)
    if ended.reply is None:
        raise ended.error or AssertionError
    context.expect_predictions(ended.reply, ended.rows)
    if ended.answered_after < 0:
        raise NotApplicable(f"{ended.rows} rows take {ended.reply.seconds:.2f} s, too little to be caught in flight")
    return f"{ended.rows} rows, answered {ended.answered_after:.1f} s after the signal"


@check(48, "no child left behind", ENDING)
def _none_left(context: Context) -> str:
    left = _end(context).leftovers
    expect(not left, f"left: {', '.join(left)}")
    return "nothing left"


@check(49, "SAGEMAKER_BIND_TO_PORT=8099 honoured", STARTING)
def _port(context: Context) -> str:
    server = _second(context)[0]
    context.expect_predictions(server.client.send(invoke(context.bodies.json())), 1)
    return f"port {server.bound_port}"


@check(50, "no model: /ping never 200, exit non-zero with one clear line", STARTING)
def _no_model(context: Context) -> str:
    with tempfile.TemporaryDirectory() as empty:
        server, seconds, log = _fails(context, Path(empty), 60)
    lines = [line for line in log.splitlines() if server.model_seen_as in line]
    expect(len(lines) == 1, f"{len(lines)} lines name {server.model_seen_as}: {log[-300:]}")
    expect("Traceback" not in log, "a traceback is printed")
    return f"{seconds:.1f} s: {lines[0].replace(server.model_seen_as, 'DIR')}"


@check(51, "a corrupt model fails fast, no respawn storm", STARTING)
def _corrupt_model(context: Context) -> str:
    with _model_copy(context) as directory:
        for path in filter(Path.is_file, directory.rglob("*")):
            path.write_bytes(b"\x00garbage" * 64)
        _, seconds, log = _fails(context, directory, 30)
    # What fails again and again prints the same line again and again.
    lines = Counter(re.sub(r"\d+", "", line) for line in log.splitlines() if "cannot load" in line or "Worker" in line)
    most = max(lines.values(), default=0)
    expect(most <= max(8, 2 * (os.cpu_count() or 1)), f"the log says {most} times {lines.most_common(1)}")
    return f"ended after {seconds:.1f} s"


@check(52, "read-only /opt/ml/model", STARTING)
def _read_only_model(context: Context) -> str:
    server, directory, listing = _second(context)
    context.expect_predictions(server.client.send(invoke(context.bodies.json())), 1)
    expect(_listing(directory) == listing, "the server has written into the model directory")
    return "served, nothing written"


@check(54, "the server process is not uid 0 (and with the drop switched off it still serves)")
def _not_root(context: Context) -> str:
    server = context.own
    if isinstance(server, LocalServer):
        command = [server.python, "-c", "import gunicorn; open('serving/serve')"]
        if os.getuid() != 0:
            raise NotApplicable("the suite does not run as root, so there is nothing to drop")
        with contextlib.suppress(OSError):
            if subprocess.run(command, user="nobody", capture_output=True).returncode == 0:
                command = []
        if command:
            raise NotApplicable(f"the user nobody may not read {server.python} or this project")
    with _model_copy(context) as model, _launched(context, server.other_user(), model) as other:
        for each in (server, other):
            users = {row["user"] for row in each.look()[0]}
            expect((0 in users) == (each.user == "root"), f"with SERVING_USER={each.user!r} uids {users} run")
            context.expect_predictions(each.client.send(invoke(context.bodies.json())), 1)
    return "both served"


@check(56, "a log line a request with status and milliseconds, none for /ping")
def _log_lines(context: Context) -> str:
    _need_nginx(context)
    for request in (Request("GET", "/ping?contract"), invoke(context.bodies.json()), invoke(b"{")):
        marked = Request(request.method, request.path.partition("?")[0] + "?contract", request.body, request.headers)
        context.client.send(marked)
    time.sleep(0.5)
    lines = [line for line in context.own.log().splitlines() if "?contract" in line]
    expect(not any("/ping" in line for line in lines), "/ping is logged")
    expect(len(lines) == 2, f"{len(lines)} log lines for 2 requests: {lines}")
    rows = [json.loads(line) for line in lines]
    expect([row["status"] for row in rows] == [200, 400] and all(row["ms"] >= 0 for row in rows), f"{lines}")
    return lines[0]


@check(57, "memory flat over 100,000 requests")
def _memory(context: Context) -> str:
    _soak(context, 500)
    before = _megabytes(context.own)
    _soak(context, context.soak_requests)
    growth = _megabytes(context.own) - before
    expect(growth < GROWTH_MB, f"{growth:+.1f} MB over {context.soak_requests} requests")
    return f"{growth:+.1f} MB on {before:.0f} MB over {context.soak_requests} requests"


@check(58, "a stale socket file from a crash does not stop the next start", STARTING)
def _stale(context: Context) -> str:
    server = _second(context)[0]
    server.send_signal(signal.SIGKILL)
    server.wait(5)
    killed = time.monotonic()
    while server.responds():
        expect(time.monotonic() - killed < 5, "its children still answer 5 s after the supervisor was killed")
        time.sleep(0.05)
    server.start()
    return f"ready again in {server.ready():.1f} s"


def _restricted(context: Context, options: tuple[str, ...]) -> str:
    with _launched(context, options=options) as server:
        context.expect_predictions(server.client.send(invoke(context.bodies.json())), 1)
    return " ".join(options)


for number, title, options in RESTRICTED:
    check(number, title, STARTING)(partial(_restricted, options=options))


@dataclass
class Ended:
    """How the server ended with a request in flight."""

    rows: int
    leftovers: list[str]
    code: int | None = None
    seconds: float = 0.0
    reply: Reply | None = None
    error: Exception | None = None
    answered_after: float = 0.0


@cache
def _end(context: Context) -> Ended:
    """Send SIGTERM while a request of one or two seconds is at the server."""
    server, bodies = context.own, context.bodies
    rows = max(1, 1_000_000 // (len(bodies.text) + 1))
    seconds = context.client.send(invoke(bodies.json(rows))).seconds
    rows = int(rows * min(24, max(1, 1.5 / seconds)))
    before = server.look()[0]
    ended = Ended(rows, server.zombies_of(ORPHAN))
    sent = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(lambda: (context.client.send(invoke(bodies.json(rows)), sent=sent), time.monotonic()))
        sent.wait(60)
        time.sleep(0.1)
        signalled = time.monotonic()
        server.send_signal(signal.SIGTERM)
        with contextlib.suppress(Exception):
            ended.code = server.wait(35)
        ended.seconds = time.monotonic() - signalled
        try:
            ended.reply, answered = answer.result()
            ended.answered_after = answered - signalled
        except Exception as error:
            ended.error = error
    ended.leftovers += server.leftovers(before)
    return ended


@cache
def _second(context: Context) -> tuple[OwnServer, Path, list[tuple[str, int, int]]]:
    """Start a server on another port with a read-only model; return the model and how it looked before."""
    model = context.stack.enter_context(_model_copy(context))
    for path in [*model.rglob("*"), model]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    listing = _listing(model)
    return context.stack.enter_context(_launched(context, model=model, port=free_port(8099))), model, listing


@contextlib.contextmanager
def _launched(
    context: Context, user: str = "", model: Path | None = None, port: int = 0, options: tuple[str, ...] = ()
) -> Iterator[OwnServer]:
    server = context.own.variant(model, port, user, options)
    try:
        server.start()
        server.ready()
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def _model_copy(context: Context) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        context.own.copy_model(Path(directory, "model"))
        yield Path(directory, "model")


def _fails(context: Context, model: Path, limit: float) -> tuple[OwnServer, float, str]:
    """Start a server that cannot serve; expect it to end with an error, and return its seconds and log."""
    server, started = context.own.variant(model), time.monotonic()
    try:
        server.start()
        while (code := server.exit_code()) is None:
            expect(not server.responds(), "/ping answered 200")
            expect(time.monotonic() - started < limit, f"still running after {limit:.0f} s")
            time.sleep(0.1)
        expect(code != 0, "exit code 0")
        return server, time.monotonic() - started, server.log()
    finally:
        server.close()


def _listing(directory: Path) -> list[tuple[str, int, int]]:
    stats = [(str(path), path.stat()) for path in sorted(directory.rglob("*"))]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def _need_nginx(context: Context) -> None:
    if isinstance(context.server, LocalServer) and not shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin"):
        raise NotApplicable("nginx is not installed on this machine")


def _workers(server: OwnServer) -> set[int]:
    gunicorn = {row["pid"]: row for row in server.look()[0] if "gunicorn" in row["command"] and not row["zombie"]}
    return {pid for pid, row in gunicorn.items() if row["parent"] in gunicorn}


def _soak(context: Context, requests: int) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: steadily(context, requests // 4), range(4)))


def _megabytes(server: OwnServer) -> float:
    return float(sum(row["kb"] for row in server.look()[0])) / 1024
