"""A pod's port at an address of this machine, through the cluster's API."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from lifecycle.api import Api, refusal

PORT = 8080


@contextmanager
def forwarded(api: Api, namespace: str, pod: str) -> Iterator[str]:
    """Give an address whose connections go to the pod's server, as long as the block lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_accept, args=(api, namespace, pod, listening), daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def _accept(api: Api, namespace: str, pod: str, listening: socket.socket) -> None:
    with suppress(OSError):  # the block has ended
        while True:
            near, _ = listening.accept()
            threading.Thread(target=_connect, args=(api, namespace, pod, near), daemon=True).start()


def _connect(api: Api, namespace: str, pod: str, near: socket.socket) -> None:
    """Join a connection to a new one to the pod; end it when there is none."""
    with near:
        far = _open(api, namespace, pod)
        back = threading.Thread(target=_copy, args=(far, near), daemon=True)
        back.start()
        _copy(near, far)
        back.join()


def _open(api: Api, namespace: str, pod: str) -> Any:
    from kubernetes.client import CoreV1Api
    from kubernetes.client.exceptions import ApiException
    from kubernetes.stream import portforward

    ask = CoreV1Api(api.client).connect_get_namespaced_pod_portforward
    try:
        return portforward(ask, pod, namespace, ports=str(PORT)).socket(PORT)
    except ApiException as error:
        raise refusal(error, f"a connection to pod {pod}", api.name) from None


def _copy(source: Any, target: Any) -> None:
    """Send on what arrives until the source ends, then say so to the target."""
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
