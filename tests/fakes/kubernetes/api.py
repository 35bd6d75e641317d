"""A Kubernetes API over HTTPS: objects, dry runs, permissions, logs, forwarded ports, and faults."""

import base64
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from tests.fakes.kubernetes import tokens
from tests.fakes.kubernetes.faults import Fault
from tests.fakes.kubernetes.handler import Handler
from tests.fakes.kubernetes.store import Store


class KubernetesApi:
    """The API of an EKS cluster called `name`, which accepts the tokens of one pair of AWS keys.

    `logs` has the log lines and `ports` the local port of a server, by the name of its pod. A kube-apiserver
    `behind` stores the objects and checks the tokens.
    """

    def __init__(self, name: str, access_key: str, secret_key: str, folder: Path) -> None:
        self.name, self.keys = name, (access_key, secret_key)
        self.behind: httpx.Client | None = None
        self.store = Store()
        self.faults: list[Fault] = []
        self.calls: list[str] = []
        self.denied: set[str] = set()  # for example "patch deployments"
        self.page = 1000
        self.logs: Callable[[str, bool], list[str]] = lambda pod, previous: []
        self.ports: dict[str, int] = {}
        self.trusted: set[str] = set()  # tokens of the components of the cluster
        self.certificate = folder / "server.pem"
        self.key = key = folder / "key.pem"
        subject = ["-subj", "/CN=kubernetes", "-addext", "subjectAltName=IP:127.0.0.1"]
        made = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ]
        files = ["-keyout", str(key), "-out", str(self.certificate), "-days", "2"]
        subprocess.run([*made, *files, *subject], check=True, capture_output=True)

        class Own(Handler):
            api = self

        self._server = _Server(("127.0.0.1", 0), Own)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        """Return the address."""
        return f"https://127.0.0.1:{self._server.server_port}"

    def problem_of(self, token: str) -> str:
        """Return why a token is rejected, or ''."""
        return tokens.problem(token, self.name, *self.keys)

    @property
    def authority(self) -> str:
        """Return the certificate of its authority in the format of EKS."""
        return base64.b64encode(self.certificate.read_bytes()).decode()

    def fault(self, pattern: str, status: int = 0, **details: Any) -> Fault:
        """Let calls fail that match "METHOD /path?query"; return the fault, which counts its failures."""
        fault = Fault(pattern, status, **details)
        self.faults.append(fault)
        return fault

    def local_port(self, pod: str) -> int | None:
        """Return the local port of a pod, None if nothing listens on it."""
        try:
            return self.ports[pod]
        except KeyError:
            return None

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore connections that the client has closed."""
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):
            super().handle_error(request, client_address)
