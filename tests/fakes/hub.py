"""A fake Hugging Face Hub, limited to the lookup of a model.

It serves `GET /api/models/{name}[/revision/{revision}]` and `GET /{name}/resolve/{revision}/{file}` with
the statuses and the X-Error-Code headers of the Hub, and records requests. Tests can inject faults.
Limits: no HEAD, ranges, `expand`, uploads, datasets or spaces; one commit per model; no redirects; no rate
limits except injected ones.

    with Hub({"org/model": Model(files={"config.json": {"model_type": "llama"}})}) as hub:
        os.environ["HF_ENDPOINT"] = hub.url

`python tests/fakes/hub.py --port 8080 --models FILE` serves until interrupted; FILE is JSON and maps a
name to the fields of Model.
"""

import argparse
import dataclasses
import hashlib
import http.server
import json
import threading
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import parse_qs, unquote, urlsplit

INFO = "info"  # the metadata of a model


@dataclasses.dataclass(frozen=True)
class Model:
    """A repository. A file is text or JSON; `safetensors` maps a dtype to the Hub's parameter count."""

    files: dict[str, Any]
    safetensors: dict[str, int] | None = None
    sizes: dict[str, int] = dataclasses.field(default_factory=dict)  # of files that are not downloaded
    revisions: tuple[str, ...] = ("main",)
    private: bool = False
    gated: Literal["auto", "manual", False] = False

    def content(self, file: str) -> bytes:
        """Return the bytes of one of `files`."""
        value = self.files[file]
        return value.encode() if isinstance(value, str) else json.dumps(value).encode()

    @property
    def commit(self) -> str:
        """Return an id from the content, like git."""
        return hashlib.sha1(json.dumps(self.files, sort_keys=True).encode()).hexdigest()

    def info(self, name: str, blobs: bool) -> dict[str, Any]:
        """Return the file list of the Hub, with file sizes for `blobs`."""
        sizes = {file: len(self.content(file)) for file in self.files} | self.sizes
        siblings = [{"rfilename": file} | ({"size": size} if blobs else {}) for file, size in sizes.items()]
        info: dict[str, Any] = {"id": name, "sha": self.commit, "gated": self.gated, "private": self.private}
        if self.safetensors is not None:
            info["safetensors"] = {"parameters": self.safetensors, "total": sum(self.safetensors.values())}
        return info | {"siblings": siblings}


@dataclasses.dataclass(frozen=True)
class Answer:
    """A response. `how`: complete, cut in half, never, byte by byte, or endless."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    how: Literal["whole", "truncated", "hang", "drip headers", "drip body", "endless"] = "whole"


def refusal(status: int, code: str, text: str) -> Answer:
    """Return an error in the format of the Hub."""
    headers = {"X-Error-Code": code} if code else {}
    body = json.dumps({"error": text}).encode()
    return Answer(status, body, headers | {"X-Error-Message": text, "Content-Type": "application/json"})


@dataclasses.dataclass(frozen=True)
class Request:
    """A recorded request: the path without its query, and the Authorization header, '' without one."""

    path: str
    authorization: str


class Hub:
    """The server, in threads of this process. `faults` maps INFO or a file to another response."""

    def __init__(
        self,
        models: dict[str, Model] | None = None,
        tokens: set[str] | None = None,
        granted: set[str] | None = None,
        port: int = 0,
    ) -> None:
        """Listen on `port` (0: a free one). `tokens` are valid; those in `granted` can read gated models."""
        self.models, self.tokens, self.granted = models or {}, tokens or set(), granted or set()
        self.faults: dict[str, Answer] = {}
        self.requests: list[Request] = []
        self._stopped = threading.Event()
        handler = type("BoundHandler", (_Handler,), {"hub": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Return the value for HF_ENDPOINT."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def counts(self) -> Counter[str]:
        """Return the number of requests per path."""
        return Counter(request.path for request in self.requests)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the server stops; return whether it has stopped."""
        return self._stopped.wait(seconds)

    def answer(self, target: str, authorization: str) -> Answer:
        """Return the response of the Hub to a GET of `target`."""
        url = urlsplit(target)
        self.requests.append(Request(url.path, authorization))
        parts = [unquote(part) for part in url.path.strip("/").split("/")]
        name, revision, part = _parse(parts)
        if part in self.faults:
            return self.faults[part]
        token = authorization.removeprefix("Bearer ")
        if token and token not in self.tokens:
            return refusal(401, "", "Invalid credentials in Authorization header")
        model = self.models.get(name)
        if model is None or (model.private and not token):
            return refusal(404 if token else 401, "RepoNotFound", "Repository not found")
        if revision not in (*model.revisions, model.commit):
            return refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if part == INFO:
            info = model.info(name, "blobs" in parse_qs(url.query))
            return Answer(200, json.dumps(info).encode(), {"Content-Type": "application/json"})
        if model.gated and token not in self.granted:
            return refusal(403 if token else 401, "GatedRepo", f"Access to model {name} is restricted")
        if part not in model.files:
            return refusal(404, "EntryNotFound", "Entry not found")
        return Answer(200, model.content(part), {"X-Repo-Commit": model.commit})


def _parse(parts: list[str]) -> tuple[str, str, str]:
    """Return the name of the model, the revision and the part of a path; '' for parts that are missing."""
    match parts:
        case ["api", "models", *name, "revision", revision] if 0 < len(name) < 3:
            return "/".join(name), revision, INFO
        case ["api", "models", *name] if 0 < len(name) < 3:
            return "/".join(name), "main", INFO
        case [*name, "resolve", revision, file] if 0 < len(name) < 3:
            return "/".join(name), revision, file
    return "", "", ""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_GET(self) -> None:
        answer = self.hub.answer(self.path, self.headers.get("Authorization", ""))
        if answer.how == "hang":
            self.hub.wait()
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.how == "drip headers":
            self._drip(b"X-Slow: " + b"x" * 1000)
            return
        if answer.how != "endless":
            self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        if answer.how == "drip body":
            self._drip(answer.body)
        elif answer.how == "endless":
            self._send_without_end()
        else:
            half = len(answer.body) // 2 if answer.how == "truncated" else None
            self.wfile.write(answer.body[:half])

    def _drip(self, data: bytes) -> None:
        self.flush_headers()
        for byte in data:
            if self.hub.wait(0.05):
                return
            try:
                self.wfile.write(bytes([byte]))
            except OSError:
                return

    def _send_without_end(self) -> None:
        try:
            while not self.hub.wait(0):
                self.wfile.write(b" " * 65536)
        except OSError:
            return

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log."""


def main() -> None:
    """Serve the models of a file until interrupted."""
    parser = argparse.ArgumentParser(description="A fake for the Hugging Face Hub")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--models", type=Path, required=True)
    arguments = parser.parse_args()
    models = {name: Model(**fields) for name, fields in json.loads(arguments.models.read_text()).items()}
    with Hub(models, port=arguments.port) as hub:
        print(hub.url, flush=True)
        hub.wait()


if __name__ == "__main__":
    main()
