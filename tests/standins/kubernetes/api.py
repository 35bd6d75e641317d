"""A Kubernetes API over HTTPS: objects, dry runs, rights, logs, forwarded ports, and faults on demand."""

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

from tests.standins.kubernetes import tokens
from tests.standins.kubernetes.faults import Fault
from tests.standins.kubernetes.handler import Handler
from tests.standins.kubernetes.store import Store


class KubernetesApi:
    """The API of a cluster of EKS, called `name`, that takes the tokens of one pair of AWS keys.

    `logs` gives the lines of a pod's server, `ports` where its port is on this machine, by the pod's name.
    With a kube-apiserver `behind`, that keeps the objects, and tokens are for it to check.
    """

    def __init__(self, name: str, access_key: str, secret_key: str, folder: Path) -> None:
        self.name, self.keys = name, (access_key, secret_key)
        self.behind: httpx.Client | None = None
        self.store = Store()
        self.faults: list[Fault] = []
        self.calls: list[str] = []
        self.denied: set[str] = set()  # like "patch deployments"
        self.page = 1000
        self.logs: Callable[[str, bool], list[str]] = lambda pod, previous: []
        self.ports: dict[str, int] = {}
        self.trusted: set[str] = set()  # tokens of the cluster's own parts
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
        """Return where it listens."""
        return f"https://127.0.0.1:{self._server.server_port}"

    def problem_of(self, token: str) -> str:
        """Return why a token does not let its bearer in, or ''."""
        return tokens.problem(token, self.name, *self.keys)

    @property
    def authority(self) -> str:
        """Return the certificate of its authority, as EKS gives it."""
        return base64.b64encode(self.certificate.read_bytes()).decode()

    def fault(self, pattern: str, status: int = 0, **details: Any) -> Fault:
        """Have calls fail that match "METHOD /path?query"; return the fault, which counts its strikes."""
        fault = Fault(pattern, status, **details)
        self.faults.append(fault)
        return fault

    def local_port(self, pod: str) -> int | None:
        """Return where a pod's port is on this machine, None when nothing listens there."""
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
        """Say nothing of connections that the other side has cut."""
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):
            super().handle_error(request, client_address)
