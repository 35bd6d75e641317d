"""The containers of inference components. The light kind is a small HTTP server in this process."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol


@dataclass
class Container:
    """A started container: its address, its log, and its stop function."""

    url: str
    stop: Callable[[], None]
    ended: Callable[[], str | None] = lambda: None  # why it stopped, None while it runs
    lines: Callable[[], list[tuple[int, str]]] = lambda: []  # all log lines, with their times in milliseconds


@dataclass(frozen=True)
class Launch:
    """The container to start: an image with `serve`, its environment, its model on S3, its memory limit."""

    image: str
    environment: dict[str, str]
    model_data: str | None = None
    memory_mb: int | None = None


class Runner(Protocol):
    """Starts containers."""

    def start(self, launch: Launch) -> Container:
        """Start an image with `serve`, like SageMaker. Raise StartError if it cannot start."""


class StartError(Exception):
    """A container that could not start, with the message of the container engine."""


Answer = tuple[int, str, bytes]
Model = Callable[[str, str, bytes], Answer]


def plausible(content_type: str, accept: str, body: bytes) -> Answer:
    """Respond like a model server: a number per row, or a chat completion, which can be streamed."""
    if content_type.partition(";")[0] != "application/json":
        return _predictions(
            [line for line in body.decode(errors="replace").splitlines() if line.strip()], accept
        )
    try:
        request: Any = json.loads(body)
    except ValueError:
        return 400, "application/json", b'{"error": "the body is not JSON"}'
    if isinstance(request, dict) and ("messages" in request or "prompt" in request):
        return _completion(request)
    rows = request.get("instances") if isinstance(request, dict) else request
    if not isinstance(rows, list) or not rows:
        return 400, "application/json", b'{"error": "instances must be a list of rows"}'
    return _predictions(rows)


def _predictions(rows: list[Any], accept: str = "") -> Answer:
    if accept in ("text/csv", "application/jsonlines"):
        return 200, accept, b"1.5\n" * len(rows)
    return 200, "application/json", json.dumps({"predictions": [1.5 for _ in rows]}).encode()


def _completion(request: dict[str, Any]) -> Answer:
    words = ["Hello", " from", " the", " fake", "."]
    model = request.get("model", "model")
    if not request.get("stream"):
        message = {"role": "assistant", "content": "".join(words)}
        choice = {"index": 0, "message": message, "text": "".join(words), "finish_reason": "stop"}
        usage = {"prompt_tokens": 3, "completion_tokens": len(words), "total_tokens": 3 + len(words)}
        whole = {
            "id": "c-1",
            "object": "chat.completion",
            "model": model,
            "choices": [choice],
            "usage": usage,
        }
        return 200, "application/json", json.dumps(whole).encode()
    events = []
    for number, word in enumerate(words):
        reason = "stop" if number == len(words) - 1 else None
        choice = {"index": 0, "delta": {"content": word}, "text": word, "finish_reason": reason}
        events.append({"id": "c-1", "object": "chat.completion.chunk", "model": model, "choices": [choice]})
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    return 200, "text/event-stream", text.encode()


@dataclass
class LightRunner:
    """Servers in this process. Tests set their log, health and responses before the start."""

    says: list[str] = field(default_factory=lambda: ["starting", "ready"])
    healthy: bool = True
    exits_saying: str | None = None
    ready_after_seconds: float = 0.0
    model: Model = plausible
    started: list[Launch] = field(default_factory=list)

    def start(self, launch: Launch) -> Container:
        """Start a server with the present settings of the runner."""
        self.started.append(launch)
        log: list[tuple[int, str]] = [(_milliseconds(), line) for line in self.says]
        if self.exits_saying is not None:
            log.append((_milliseconds(), self.exits_saying))
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, log))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

        def stop() -> None:
            server.shutdown()
            server.server_close()

        why = "exited with status 1" if self.exits_saying is not None else None
        url = f"http://127.0.0.1:{server.server_port}"
        return Container(url, stop, lambda: why, lambda: list(log))


def _handler(runner: LightRunner, log: list[tuple[int, str]]) -> type[BaseHTTPRequestHandler]:
    healthy, model = runner.healthy and runner.exits_saying is None, runner.model
    ready = time.monotonic() + runner.ready_after_seconds

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # otherwise each response waits 40 ms

        def do_GET(self) -> None:
            ok = self.path == "/ping" and healthy and time.monotonic() >= ready
            self.reply(200 if ok else 503, "application/json", b"{}")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kind, accept = self.headers.get("Content-Type", ""), self.headers.get("Accept", "")
            status, content_type, answer = model(kind, accept, body)
            log.append((_milliseconds(), f"POST {self.path} {status}"))
            self.reply(status, content_type, answer)

        def reply(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return Handler


def is_well(url: str) -> bool:
    """Return whether /ping of a container succeeds."""
    try:
        with urllib.request.urlopen(f"{url}/ping", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _milliseconds() -> int:
    return int(time.time() * 1000)
