# Part of the library: `copier update` replaces this file.
"""Port forwarding from an address of this machine to a pod, through the cluster's API."""

import re
import socket
import threading
from contextlib import suppress
from typing import Any

from lifecycle.hyperpod.api import Api, refusal
from lifecycle.project import Failure

PORT = 8080


class Forward:
    """Forward connections to `url`, the address of the socket `listening`, to the server of a pod.

    `failure` is the reason why the last connection failed.
    """

    def __init__(self, api: Api, namespace: str, pod: str, listening: socket.socket) -> None:
        self._api, self._namespace, self._pod, self._listening = api, namespace, pod, listening
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.failure: Failure | None = None
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._listening.accept()
            threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        """Connect a client to the pod; close the connection if that fails."""
        with near:
            try:
                far = self._connect()
            except Failure as failure:
                self.failure = failure
                return
            back = threading.Thread(target=_copy, args=(far, near), daemon=True)
            back.start()
            _copy(near, far)
            back.join()

    def _connect(self) -> Any:
        from kubernetes.client import ApiClient, CoreV1Api
        from kubernetes.client.exceptions import ApiException
        from kubernetes.stream import portforward

        # A separate client, because a client cannot be used for other calls while it connects.
        ask = CoreV1Api(ApiClient(self._api.client.configuration)).connect_get_namespaced_pod_portforward
        try:
            return portforward(ask, self._pod, self._namespace, ports=str(PORT)).socket(PORT)
        except ApiException as error:
            if refused := re.match(r"Handshake status (\d+) [A-Za-z ]+", str(error.reason)):
                error.status, error.reason = int(refused[1]), refused[0].strip()
            raise refusal(error, f"a connection to pod {self._pod}", self._api.name) from None


def _copy(source: Any, target: Any) -> None:
    """Copy data until the source ends, then close the writing side of the target."""
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
