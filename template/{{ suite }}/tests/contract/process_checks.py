"""Checks that look into a server's processes, end it, or start others."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from .check import ENDING, STARTING, Context, check, expect
from .client import Failed, NotApplicable, Reply, Request, invoke
from .http_checks import steadily
from .servers import LocalServer, OwnServer, free_port

GROWTH_MB = 20
REPLACED_SECONDS = 6
# Leaves a process without a parent, which only the container's first process can reap.
ORPHAN = """
import os, time
if os.fork() == 0:
    os.fork() or time.sleep(0.2)
    os._exit(0)
os.wait()
time.sleep(0.5)
"""
RESTRICTED: list[tuple[int, str, tuple[str, ...]]] = [
    (53, "runs with a read-only root and a tmpfs /tmp", ("--read-only", "--tmpfs", "/tmp")),
    (55, "works with 1 CPU and 1 GB", ("--cpus", "1", "--memory", "1g")),
]


@check(1, "starts with the serve argument and reaches /ping 200")
def _starts(context: Context) -> str:
    return f"after {context.start_seconds:.1f} s"


@check(4, "nginx is in the path")
def _nginx(context: Context) -> str:
    _need_nginx(context)
    server = context.client.ping().headers.get("server", "")
    expect("nginx" in server, f"the answer comes from {server!r}")
    return f"Server: {server}"


@check(5, "nothing but the bound port listens off loopback")
def _listeners(context: Context) -> str:
    ports = sorted({row["port"] for row in context.own.look()[1] if not row["loopback"]})
    expect(ports == [context.own.port], f"ports {ports} listen, {context.own.port} should")
    return f"port {context.own.port}"


@check(44, "multi-model label only with a working /models")
def _multi_model(context: Context) -> str:
    server, dockerfile = context.own, Path("Dockerfile")
    if isinstance(server, LocalServer):
        labels = dockerfile.read_text() if dockerfile.exists() else ""
    else:
        labels = server.engine("image", "inspect", "--format", "{{json .Config.Labels}}", server.setup.image)
    if "capabilities.multi-models" not in labels:
        return "no such label"
    status = context.client.send(Request("GET", "/models")).status
    expect(status == 200, f"the label is there, but GET /models gives status {status}")
    return "label and /models"


@check(45, "a killed worker is replaced in 6 s")
def _replaced(context: Context) -> str:
    before = _workers(context.own)
    expect(bool(before), "no gunicorn worker is running")
    context.own.kill(min(before))
    started, answers = time.monotonic(), Counter[int]()
    while True:
        status = context.client.send(invoke(context.bodies.json()), timeout=6).status
        answers[status] += 1
        expect(status in (200, 502), f"status {status} meanwhile")
        after, seconds = _workers(context.own), time.monotonic() - started
        if status == 200 and len(after) >= len(before) and min(before) not in after:
            return f"{seconds:.1f} s; statuses meanwhile {dict(answers)}"
        expect(seconds < REPLACED_SECONDS, f"{len(after)} workers of {len(before)} after {seconds:.1f} s")


@check(46, "SIGTERM: exits under 30 s with 0", ENDING)
def _exits(context: Context) -> str:
    end = _end(context)
    expect(end.code == 0 and end.seconds < 30, f"exit code {end.code} after {end.seconds:.1f} s")
    return f"{end.seconds:.1f} s"


@check(47, "SIGTERM: the request in flight is finished", ENDING)
def _finishes(context: Context) -> str:
    end = _end(context)
    if not isinstance(end.reply, Reply):
        raise Failed(f"no answer, {type(end.reply).__name__}: {end.reply}")
    if end.answered_after < 0:
        raise NotApplicable(
            f"{end.rows} rows take {end.reply.seconds:.2f} s, too little to be caught in flight"
        )
    return f"{end.rows} rows, answered {end.answered_after:.1f} s after the signal"


@check(48, "no child left behind", ENDING)
def _none_left(context: Context) -> str:
    left = _end(context).leftovers
    expect(not left, f"left: {', '.join(left)}")
    return "nothing left"


@check(49, "SAGEMAKER_BIND_TO_PORT=8099 honoured", STARTING)
def _port(context: Context) -> str:
    return _predicts(context, _second(context)[0])


@check(50, "no model: /ping never 200, exit non-zero with one clear line", STARTING)
def _no_model(context: Context) -> str:
    with tempfile.TemporaryDirectory() as empty:
        Path(empty).chmod(0o755)
        where, seconds, log = _fails(context, Path(empty), 60)
    lines = [line for line in log.splitlines() if where in line]
    expect(len(lines) == 1 and "Traceback" not in log, f"{len(lines)} lines name {where}: {log[-300:]}")
    return f"{seconds:.1f} s: {lines[0]}"


@check(51, "a corrupt model fails fast, no respawn storm", STARTING)
def _corrupt_model(context: Context) -> str:
    with _model_copy(context) as model:
        for path in filter(Path.is_file, model.rglob("*")):
            path.write_bytes(b"\0garbage" * 64)
        where, seconds, log = _fails(context, model, 30)
    tries = sum(where in line and "cannot load" in line for line in log.splitlines())
    expect(
        0 < tries <= 2 * (os.cpu_count() or 1),
        f"{tries} lines say that the model cannot be loaded: {log[-300:]}",
    )
    return f"{seconds:.1f} s, tried {tries} times"


@check(52, "read-only /opt/ml/model", STARTING)
def _read_only_model(context: Context) -> str:
    server, model, listing = _second(context)
    expect(_listing(model) == listing, "the server has written into the model directory")
    return _predicts(context, server)


@check(54, "the server process is not uid 0 (and with the drop switched off it still serves)")
def _not_root(context: Context) -> str:
    server = context.own
    if isinstance(server, LocalServer):
        _need_nobody(server)
    user = server.dropped_user if server.user == "root" else "root"
    with _model_copy(context) as model, _launched(context, user=user, model=model) as other:
        for each in (server, other):
            users = {row["user"] for row in each.look()[0]}
            expect(
                (0 in users) == (each.user == "root"),
                f"SERVING_USER={each.user!r} gives uids {sorted(users)}",
            )
        return _predicts(context, other)


@check(56, "a log line a request with status and milliseconds, none for /ping")
def _log_lines(context: Context) -> str:
    _need_nginx(context)
    for request in (Request("GET", "/ping"), invoke(context.bodies.json()), invoke(b"{")):
        context.client.send(request._replace(path=f"{request.path}?contract"))
    time.sleep(0.5)
    rows = [json.loads(line) for line in context.own.log().splitlines() if line.startswith('{"')]
    pings = [row for row in rows if row["path"].partition("?")[0] == "/ping"]
    expect(not pings, f"{len(pings)} pings are logged, the first {pings[:1]}")
    ours = [row for row in rows if row["path"].endswith("?contract")]
    expect([row["status"] for row in ours] == [200, 400], f"requests with status 200 and 400 gave {ours}")
    expect(all(isinstance(row.get("ms"), (int, float)) for row in ours), f"no milliseconds: {ours}")
    return json.dumps(ours[0])


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
    server.signal(signal.SIGKILL)
    killed, code = time.monotonic(), server.wait(5)
    while server.responds():
        expect(time.monotonic() - killed < 5, f"killed (exit code {code}), but its children answer 5 s later")
        time.sleep(0.05)
    server.start()
    return f"ready again in {server.ready():.1f} s"


def _restricted(context: Context, options: tuple[str, ...]) -> str:
    with _launched(context, options=options) as server:
        return _predicts(context, server)


for number, title, options in RESTRICTED:
    check(number, title, STARTING)(partial(_restricted, options=options))


class End(NamedTuple):
    """How the server ended with a request in flight."""

    code: int | None
    seconds: float
    rows: int
    reply: Reply | Exception
    answered_after: float
    leftovers: list[str]


@cache
def _end(context: Context) -> End:
    """Send SIGTERM while a request of one or two seconds is at the server."""
    server, bodies = context.own, context.bodies
    rows = bodies.rows_in(1)
    seconds = context.send(invoke(bodies.json(rows)), rows).seconds
    rows = int(rows * min(24, max(1, 1.5 / seconds)))
    request, sent = invoke(bodies.json(rows)), threading.Event()
    if isinstance(server, LocalServer):
        before, leftovers = server.look()[0], []
    else:
        server.python(ORPHAN)
        before, leftovers = [], [f"zombie {row['pid']}" for row in server.look()[0] if row["zombie"]]

    def ask() -> tuple[Reply | Exception, float]:
        try:
            return context.send(request, rows, sent=sent), time.monotonic()
        except Exception as error:
            return error, time.monotonic()

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask)
        sent.wait(60)
        time.sleep(0.1)
        signalled = time.monotonic()
        server.signal(signal.SIGTERM)
        code = server.wait(35)
        ended, (reply, answered) = time.monotonic(), answer.result()
    if isinstance(server, LocalServer):
        leftovers = server.leftovers(before)
    return End(code, ended - signalled, rows, reply, answered - signalled, leftovers)


@cache
def _second(context: Context) -> tuple[OwnServer, Path, list[tuple[str, int, int]]]:
    """Start a server on another port; also return its read-only model and how that looked before."""
    model = context.stack.enter_context(_model_copy(context))
    for path in [*model.rglob("*"), model]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    listing = _listing(model)
    return context.stack.enter_context(_launched(context, model=model, port=free_port(8099))), model, listing


@contextlib.contextmanager
def _launched(context: Context, **changes: Any) -> Iterator[OwnServer]:
    """Start another server with a changed setup, and end it again."""
    server = type(context.own)(replace(context.own.setup, **changes))
    try:
        server.start()
        server.ready()
        yield server
    finally:
        server.close()


def _fails(context: Context, model: Path, limit: float) -> tuple[str, float, str]:
    """Start a server that must fail; return where it sees its model, how long it took and its log."""
    server, started = type(context.own)(replace(context.own.setup, model=model)), time.monotonic()
    try:
        server.start()
        while (code := server.exit_code()) is None:
            expect(not server.responds(), "/ping answered 200")
            expect(time.monotonic() - started < limit, f"still running after {limit:.0f} s")
            time.sleep(0.1)
        expect(code != 0, "exit code 0")
        return server.model_dir, time.monotonic() - started, server.log()
    finally:
        server.close()


@contextlib.contextmanager
def _model_copy(context: Context) -> Iterator[Path]:
    server = context.own
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        model = Path(directory, "model")
        if isinstance(server, LocalServer):
            shutil.copytree(server.model_dir, model)
        else:
            server.engine("cp", f"{server.container}:{server.model_dir}", str(model))
        yield model


def _predicts(context: Context, server: OwnServer) -> str:
    reply = context.send(invoke(context.bodies.json()), client=server.client)
    return f"port {server.port}, answered in {reply.seconds * 1000:.0f} ms"


def _listing(directory: Path) -> list[tuple[str, int, int]]:
    stats = [(str(path), path.stat()) for path in sorted(directory.rglob("*"))]
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def _need_nginx(context: Context) -> None:
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if isinstance(context.server, LocalServer) and not nginx:
        raise NotApplicable("nginx is not installed on this machine")


def _need_nobody(server: LocalServer) -> None:
    if os.getuid() != 0:
        raise NotApplicable("the suite does not run as root, so there is nothing to drop")
    with contextlib.suppress(OSError):
        command = [server.setup.program, "-c", "import gunicorn; open('serving/serve')"]
        if subprocess.run(command, user="nobody", capture_output=True).returncode == 0:
            return
    raise NotApplicable(f"the user nobody may not read {server.setup.program} or this project")


def _workers(server: OwnServer) -> set[int]:
    alive = [row for row in server.look()[0] if not row["zombie"]]
    gunicorn = {row["pid"]: row for row in alive if "gunicorn" in row["command"]}
    return {pid for pid, row in gunicorn.items() if row["parent"] in gunicorn}


def _soak(context: Context, requests: int) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: steadily(context, requests // 4), range(4)))


def _megabytes(server: OwnServer) -> float:
    return float(sum(row["kb"] for row in server.look()[0])) / 1024
