"""A small model server that keeps the contract, or breaks one rule of it. The model adds up a row.

As a script it is the `serving/serve` of a pretended project, which breaks the rule named by BREAK.
"""

import contextlib
import csv
import http.server
import io
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

FEATURES = 4
LIMIT = 25 * 1024 * 1024
MAX_ROWS = 400_000
HEADER_LIMIT = 8192
LONG_TIME = 500_000  # bytes of a body that is pretended to take too long when there is a limit
GUNICORN_WORKER = [sys.executable, "-c", "import time; time.sleep(600)  # gunicorn worker"]


class Question(NamedTuple):
    """A request as the server sees it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Answer(NamedTuple):
    """A response; without `keep` the connection is closed after it."""

    status: int
    content_type: str
    body: bytes
    keep: bool = True


Break = Callable[[Question, Answer], Answer]


class Refusal(Exception):
    """A status and a message."""


def right_answer(question: Question) -> Answer:
    """Answer as the contract wants it."""
    try:
        path = question.path.partition("?")[0]
        methods = {"/ping": ("GET", "HEAD"), "/invocations": ("POST",)}
        if any(len(value) > HEADER_LIMIT for value in question.headers.values()):
            raise Refusal(431, "a header is too long")
        if path not in methods:
            raise Refusal(404, "there is nothing here")
        if question.method not in methods[path]:
            raise Refusal(405, "wrong method")
        if path == "/ping":
            about = {"row_shape": [FEATURES], "max_rows": MAX_ROWS}
            return Answer(200, "application/json", json.dumps(about).encode())
        sums = [sum(row) for row in rows_in(question)]
        if question.headers.get("accept") == "text/csv":
            return Answer(200, "text/csv", "".join(f"{value}\n" for value in sums).encode())
        if question.headers.get("accept", "*/*") != "*/*":
            raise Refusal(406, "cannot answer like that")
        return Answer(200, "application/json", json.dumps({"predictions": sums}).encode())
    except Refusal as refusal:
        status, message = refusal.args
        return Answer(
            status, "application/json", json.dumps({"error": "refused", "message": message}).encode()
        )


def rows_in(question: Question) -> list[list[float]]:
    """Return the rows in a body. Raises Refusal."""
    body, media_type = (
        question.body,
        question.headers.get("content-type", "application/json").partition(";")[0],
    )
    if len(body) > LIMIT:
        raise Refusal(413, "too long")
    if media_type not in DECODERS:
        raise Refusal(415, "unknown content type")
    if media_type == "text/csv" and body.count(b"\n") > MAX_ROWS:
        raise Refusal(413, "too many rows")
    try:
        rows = DECODERS[media_type](body)
        if not rows or any(
            len(row) != FEATURES or not all(type(x) is not bool and abs(x) == x for x in row) for row in rows
        ):
            raise Refusal(400, "rows do not fit")
    except (ValueError, TypeError, KeyError, struct.error) as error:
        raise Refusal(400, f"malformed: {type(error).__name__}") from None
    return list(rows)


def from_json(body: bytes) -> Any:
    """Return the rows in a JSON document."""
    document = json.loads(body)
    return document["instances"] if isinstance(document, dict) else document


def from_npy(body: bytes) -> Any:
    """Return the rows in a .npy file of float64."""
    end = 10 + struct.unpack("<H", body[8:10])[0]
    if b"'<f8'" not in body[:end] or (len(body) - end) % (8 * FEATURES):
        raise ValueError
    return list(struct.iter_unpack(f"<{FEATURES}d", body[end:]))


DECODERS: dict[str, Callable[[bytes], Any]] = {
    "application/json": from_json,
    "application/jsonlines": lambda body: [json.loads(line) for line in body.splitlines()],
    "application/x-npy": from_npy,
    "text/csv": lambda body: [
        list(map(float, row)) for row in csv.reader(io.StringIO(body.decode().replace("_", "x"))) if row
    ],
}


class Handler(http.server.BaseHTTPRequestHandler):
    """Reads a request and writes the response from `answer`."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "nginx", ""
    disable_nagle_algorithm = True
    wbufsize = -1
    change: Break = staticmethod(lambda question, answer: answer)

    def do_GET(self) -> None:
        """Answer any method."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        length, body = int(headers.get("content-length", 0)), b""
        if headers.get("transfer-encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        elif length:
            body = self.rfile.read(length)
        question = Question(self.command, self.path, headers, body)
        answer = self.change(question, right_answer(question))
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if not answer.keep:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body if self.command != "HEAD" else b"")

    do_POST = do_HEAD = do_GET

    def log_message(self, *arguments: Any) -> None:
        """Stay silent."""


class Threads(http.server.ThreadingHTTPServer):
    """A thread a connection; at the end those with a request are waited for."""

    daemon_threads = False
    request_queue_size = 128


def log_requests(broken: str) -> Break:
    """Return a change that logs, leaks or stalls as the rule to break wants it."""
    leaked: list[bytearray] = []

    def change(question: Question, answer: Answer) -> Answer:
        if broken == "leaks memory":
            leaked.append(bytearray(os.urandom(100_000)))
        path = question.path if broken == "logs query strings" else question.path.partition("?")[0]
        limited = "SERVING_PREDICT_SECONDS" in os.environ and broken != "ends no request"
        if limited and len(question.body) > LONG_TIME:
            if broken != "ends requests in silence":
                os.write(2, b"over SERVING_PREDICT_SECONDS\n")
            answer = Answer(502, "application/json", b'{"error": "Bad Gateway", "message": "ended"}')
        if not path.startswith("/ping") or broken == "logs pings":
            row = {"path": path, "status": answer.status} | ({} if broken == "logs no times" else {"ms": 1})
            os.write(1, f"{json.dumps(row)}\n".encode())  # in one go, as print does not among threads
        if broken == "warns" and len(question.body) > LONG_TIME:
            os.write(2, b"2026/11/29 20:00:00 [warn] 7#7: *1 a client request body is buffered\n")
        return answer

    return change


def main() -> None:
    """Serve a project's model until SIGTERM arrives, breaking the rule named by BREAK."""
    broken, model = os.environ.get("BREAK", ""), Path(os.environ["MODEL_DIR"], "model.txt")
    try:
        if broken != "serves without a model":
            float(model.read_text())
    except (OSError, ValueError):
        for _ in range(99 if broken == "respawns" else 1):
            print(f"serve: cannot load the model in {model.parent}", flush=True)
        sys.exit(0 if broken == "fails with 0" else 3)
    lock = Path(tempfile.gettempdir(), "lock")
    if broken == "trips over stale files" and lock.exists():
        sys.exit(1)
    lock.touch()
    if broken == "writes into the model":
        model.parent.joinpath("cache").touch()
    port = 1 if broken == "ignores the port" else int(os.environ["SAGEMAKER_BIND_TO_PORT"])
    with contextlib.ExitStack() as stack:
        if broken == "listens on another port":
            stack.enter_context(socket.create_server(("0.0.0.0", 0)))
        command = [sys.executable, __file__, "gunicorn"]
        master = subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE)
        assert master.stdout and master.stdout.readline()
        Handler.change = staticmethod(log_requests(broken))
        server = Threads(("0.0.0.0" if broken != "ignores the port" else "127.0.0.1", port), Handler)
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0) if broken == "drops requests" else stop.set())
        threading.Thread(target=server.serve_forever).start()
        stop.wait()
        server.shutdown()
        server.server_close()
        if broken != "leaves a child":
            master.terminate()
            master.wait()
    sys.exit(1 if broken == "exits with 1" else 0)


def gunicorn() -> None:
    """Keep a worker running until SIGTERM arrives or the parent is gone."""
    parent, worker = os.getppid(), subprocess.Popen(GUNICORN_WORKER)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    print("the worker runs", flush=True)
    while not stop.wait(0.1) and (os.getppid() == parent or os.environ.get("BREAK") == "leaves a child"):
        if worker.poll() is not None and os.environ.get("BREAK") != "replaces no worker":
            worker = subprocess.Popen(GUNICORN_WORKER)
    worker.kill()


if __name__ == "__main__":
    gunicorn() if sys.argv[1:] == ["gunicorn"] else main()
