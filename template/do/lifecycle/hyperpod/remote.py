# Part of the library: `copier update` replaces this file.
"""The deployed server, reached through the cluster's API: do/test sends it the same requests."""

import socket
from typing import Any

from lifecycle.aws import Aws
from lifecycle.hyperpod import cluster, pods, rollout
from lifecycle.hyperpod.api import Api
from lifecycle.hyperpod.forward import Forward
from lifecycle.hyperpod.manifests import Manifests, Object
from lifecycle.hyperpod.target import Target
from lifecycle.project import PRECONDITION, Failure
from lifecycle.transport import Server


def server(settings: Target, api: Api | None = None) -> "Pod":
    """Return a ready pod. Raise Failure if there is none."""
    manifests = Manifests()
    api = api or cluster.connect(Aws(settings, "test", read_only=True), settings)
    present = found(api, manifests)
    name = next((pod["metadata"]["name"] for pod in present if pods.ready(pod)), "")
    if not name:
        what, seen = "no pod is ready", rollout.summary(present)
        raise Failure(PRECONDITION, "nothing-serves", what, seen, "do/status, or do/deploy")
    return Pod(api, manifests.namespace, name)


def usd_per_hour(settings: Target) -> float:
    """Return 0: the price of a cluster's nodes is unknown."""
    return 0.0


def found(api: Api, manifests: Manifests) -> list[Object]:
    """Return the pods of the deployment, [] without a deployment."""
    live = api.get(api.path_of(manifests.workload))
    return pods.listed(api, manifests.namespace, rollout.selector(manifests, live)) if live else []


class Pod(Server):
    """The server of a pod, forwarded to an address of this machine while this process runs."""

    def __init__(self, api: Api, namespace: str, name: str) -> None:
        self._forward = Forward(api, namespace, name, socket.create_server(("127.0.0.1", 0)))
        super().__init__(self._forward.url, f"pod {name}")

    def _open(self, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
        try:
            return super()._open(path, body, headers)
        except Failure as failure:
            raise self._forward.failure or failure from None
