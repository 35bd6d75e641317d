"""A package index with a tiny wheel for each pinned requirement, and the faults of a download."""

import hashlib
import io
import re
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

Fault = Literal["", "unavailable", "cut", "hang", "other Python", "other file"]


@dataclass
class WheelIndex:
    """The wheels of `pins`; each adds `folders` to the modules of the environment.

    `held` is set as soon as a download hangs, until `released`.
    """

    pins: dict[str, str]
    folders: tuple[str, ...]
    url: str = ""
    fault: Fault = ""
    downloads: int = 0
    held: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def reset(self) -> None:
        """End the fault, and the downloads that hang."""
        self.fault, self.downloads = "", 0
        self.released.set()
        self.held, self.released = threading.Event(), threading.Event()

    def __post_init__(self) -> None:
        self.wheels = {name: self._wheel(name) for name in self.pins}

    def requirements(self) -> str:
        """Return the pins with the hashes of the wheels, as a requirements file."""
        hashes = {name: hashlib.sha256(wheel).hexdigest() for name, wheel in self.wheels.items()}
        return "".join(f"{name}=={self.pins[name]} --hash=sha256:{hashes[name]}\n" for name in self.pins)

    def wheel(self, name: str) -> bytes:
        """Return the wheel of a package, with the fault "other file" another one than in the requirements."""
        return self._wheel(name, "# changed\n") if self.fault == "other file" else self.wheels[name]

    def _wheel(self, name: str, more: str = "") -> bytes:
        """Return a wheel: its metadata, and the folders."""
        label = f"{name}-{self.pins[name]}.dist-info"
        files = {
            f"{label}/METADATA": self.metadata(name).decode(),
            f"{label}/WHEEL": "Wheel-Version: 1.0\nGenerator: a\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{name}.pth": "\n".join(self.folders) + f"\n{more}",
        }
        files[f"{label}/RECORD"] = "".join(f"{path},,\n" for path in (*files, f"{label}/RECORD"))
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
        return content.getvalue()

    def metadata(self, name: str) -> bytes:
        """Return the metadata of a wheel."""
        return f"Metadata-Version: 2.1\nName: {name}\nVersion: {self.pins[name]}\n".encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # uv opens a connection for each package at the same time


def pins_of(requirements: Path) -> dict[str, str]:
    """Return the versions in a file of pins, by the names that wheels have."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", requirements.read_text(), re.MULTILINE)
    return {re.sub(r"[-_.]+", "_", name).lower(): version for name, version in found}


@contextmanager
def serving(requirements: Path, *folders: str) -> Iterator[WheelIndex]:
    """Serve an index with the wheels of a file of pins."""
    index = WheelIndex(pins_of(requirements), folders)
    server = _Server(("127.0.0.1", 0), _handler(index))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    index.url = f"http://127.0.0.1:{server.server_port}/simple"
    try:
        yield index
    finally:
        index.released.set()
        server.shutdown()
        server.server_close()


def _handler(index: WheelIndex) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _, part, last, *_ = f"{self.path}/".split("/")
            if index.fault == "unavailable":
                self.reply(b"down for maintenance", status=503)
            elif part == "simple":
                name = re.sub(r"[-_.]+", "_", last)
                file = f"{name}-{index.pins[name]}-py3-none-any.whl"
                python = 'data-requires-python="&gt;=3.99"' if index.fault == "other Python" else ""
                link = f'<a href="/wheels/{file}" data-core-metadata="true" {python}>{file}</a>'
                self.reply(link.encode())
            elif last.endswith(".metadata"):
                self.reply(index.metadata(last.partition("-")[0]))
            else:
                self.download(index.wheel(last.partition("-")[0]))

        def download(self, wheel: bytes) -> None:
            index.downloads += 1
            if index.fault == "cut":
                self.reply(wheel, sent=len(wheel) // 2)
            elif index.fault == "hang":
                self.reply(wheel, sent=len(wheel) // 2)
                self.wfile.flush()
                index.held.set()
                index.released.wait(60)
                with suppress(OSError):  # the installer can be gone
                    self.wfile.write(wheel[len(wheel) // 2 :])
            else:
                self.reply(wheel)

        def reply(self, body: bytes, status: int = 200, sent: int | None = None) -> None:
            self.send_response(status)
            kind = "text/html" if body.startswith(b"<a ") else "application/octet-stream"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:sent])

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return Handler
