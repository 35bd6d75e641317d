"""One call of one tool of an MCP server, over its stdin and stdout: a line of JSON-RPC a message.

An SDK would cost each copy more than a second of imports, so the three messages of a call are spoken here.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")  # newest first; all with a handshake
LARGEST_OUTPUT = 1_000_000  # bytes
CHUNK = 65536  # bytes
GRACE = 0.3  # seconds between asking a server to end and killing it
SHOWN = 150  # characters of a server's own description
HIDDEN = b"***"


@dataclass(frozen=True)
class Request:
    """A server's command, its environment and tool. `secrets` are redacted in its answers."""

    command: str
    args: tuple[str, ...]
    env: Mapping[str, str]
    secrets: tuple[str, ...]
    tool: str
    arguments: Mapping[str, Any]


class NoAnswer(Exception):
    """Why a server gives no answer, as the rest of a line that begins with its name."""


class Call:
    """A server that is started and called in a thread of its own.

    `result` is the tool's answer or None; `problem` then states why, or is empty while the
    server is still busy. `noise` is True if it wrote lines that are not messages.
    """

    def __init__(self, request: Request) -> None:
        """Start the server; one that cannot be started is a problem, not an error."""
        self.request = request
        self.result: Mapping[str, Any] | None = None
        self.problem = ""
        self.noise = False
        self.process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        try:
            self.process = _started(request)
        except NoAnswer as reason:
            self.problem = str(reason)
        else:
            self._thread.start()

    def wait(self, end: float) -> None:
        """Wait for the answer until `end` on the monotonic clock."""
        if self.process:
            self._thread.join(max(0.0, end - time.monotonic()))

    def close(self) -> None:
        """Let go of the pipes of a server that has ended."""
        self.wait(time.monotonic() + GRACE)
        if self.process and not self._thread.is_alive():
            for stream in (self.process.stdin, self.process.stdout):
                assert stream
                stream.close()

    def _run(self) -> None:
        try:
            self.result = self._called()
        except NoAnswer as reason:
            self.problem = str(reason)
        except OSError:  # it does not read what it is asked
            self.problem = self._ended()

    def _called(self) -> dict[str, Any]:
        messages = self._messages()
        client = {"name": "ml-container-creator", "version": "1"}
        hello = {"protocolVersion": VERSIONS[0], "capabilities": {}, "clientInfo": client}
        version = self._result(messages, 1, "initialize", hello).get("protocolVersion")
        if version not in VERSIONS:
            raise NoAnswer(f"speaks MCP {said(version)}; known are {', '.join(VERSIONS)}")
        self._send({"method": "notifications/initialized"})
        call = {"name": self.request.tool, "arguments": self.request.arguments}
        return self._result(messages, 2, "tools/call", call)

    def _result(
        self, messages: Iterator[dict[str, Any]], number: int, method: str, parameters: Mapping[str, Any]
    ) -> dict[str, Any]:
        self._send({"id": number, "method": method, "params": parameters})
        for message in messages:
            if type(message.get("id")) is not int or message["id"] != number:
                continue
            result, error = message.get("result"), message.get("error")
            if isinstance(result, dict):
                return result
            text = error.get("message") if isinstance(error, dict) else "neither a result nor an error came"
            raise NoAnswer(f"{method} failed: {said(text)}")
        raise NoAnswer(self._ended())

    def _messages(self) -> Iterator[dict[str, Any]]:
        """Yield the responses of a server, and answer what it asks of a client."""
        for line in self._lines():
            try:
                message = json.loads(line) if line.startswith(b"{") else None
            except (ValueError, RecursionError):
                message = None
            if message is None:
                self.noise = self.noise or bool(line.strip())
            elif "method" not in message:
                yield message
            elif message["method"] == "ping":
                self._send({"id": message.get("id"), "result": {}})
            elif "id" in message:
                refusal = {"code": -32601, "message": "not offered by this client"}
                self._send({"id": message["id"], "error": refusal})

    def _lines(self) -> Iterator[bytes]:
        assert self.process and self.process.stdout
        rest, total = b"", 0
        while chunk := self.process.stdout.read(CHUNK):
            total += len(chunk)
            if total > LARGEST_OUTPUT:
                raise NoAnswer(f"wrote over {LARGEST_OUTPUT // 1_000_000} MB without an answer")
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                for secret in self.request.secrets:
                    line = line.replace(secret.encode(), HIDDEN)
                yield line

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self.process and self.process.stdin
        rest = memoryview(json.dumps({"jsonrpc": "2.0", **message}, default=str).encode() + b"\n")
        while rest:
            rest = rest[self.process.stdin.write(rest) :]

    def _ended(self) -> str:
        assert self.process
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = self.process.wait(GRACE)
            return f"ended with status {status} before it answered. Run its command by hand to see why"
        return "closed its output before it answered. Run its command by hand to see why"


def end(calls: Iterable[Call]) -> None:
    """End all servers, with what they have started: first asked to, then killed."""
    started = [(call, call.process) for call in calls if call.process]
    for _, process in started:
        _signal(process, kill=False)
    last = time.monotonic() + GRACE
    for _, process in started:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, last - time.monotonic()))
    for call, process in started:
        _signal(process, kill=True)
        process.wait()
        call.close()


def said(text: Any) -> str:
    """Return text from a server as part of one line."""
    line = " ".join(str(text).split())[:SHOWN]
    return "".join(letter if letter.isprintable() else "?" for letter in line).rstrip(".")


def _started(request: Request) -> subprocess.Popen[bytes]:
    command = shutil.which(request.command, path=request.env.get("PATH", os.defpath))
    if command is None:
        raise NoAnswer(f"there is no command {said(request.command)} here. Install or correct it")
    try:
        return subprocess.Popen(
            [command, *request.args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env=request.env,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise NoAnswer(f"{said(request.command)} cannot be started: {said(error)}") from None


def _signal(process: subprocess.Popen[bytes], kill: bool) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill() if kill else process.terminate()
        else:  # the whole group: npx and shells start the server proper as a child
            os.killpg(process.pid, signal.SIGKILL if kill else signal.SIGTERM)
