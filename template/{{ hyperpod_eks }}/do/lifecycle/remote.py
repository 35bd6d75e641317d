"""The deployed server, reached through the cluster's API: do/test sends it what it sends to one here."""

import socket
from collections.abc import Iterator
from typing import Any

from lifecycle import cluster, pods, rollout
from lifecycle.api import Api
from lifecycle.aws import Aws
from lifecycle.forward import Forward
from lifecycle.manifests import Manifests, Object
from lifecycle.project import PRECONDITION, Failure
from lifecycle.target import Target
from lifecycle.transport import Answer, Http


def server(settings: Target, api: Api | None = None) -> "Pod":
    """Return a pod that serves. Raises Failure when there is none."""
    manifests = Manifests()
    api = api or cluster.connect(Aws(settings, "test", read_only=True), settings)
    present = found(api, manifests)
    name = next((pod["metadata"]["name"] for pod in present if pods.ready(pod)), "")
    if not name:
        what, seen = "no pod serves", rollout.summary(present)
        raise Failure(PRECONDITION, "nothing-serves", what, seen, "do/status, or do/deploy")
    return Pod(api, manifests.namespace, name)


def found(api: Api, manifests: Manifests) -> list[Object]:
    """Return the pods of what is deployed, [] when nothing is."""
    live = api.get(api.path_of(manifests.workload))
    return pods.listed(api, manifests.namespace, rollout.selector(manifests, live)) if live else []


class Pod:
    """One pod's server, at an address of this machine for as long as this process lives."""

    def __init__(self, api: Api, namespace: str, name: str) -> None:
        self.name = f"pod {name}"
        self._forward = Forward(api, namespace, name, socket.create_server(("127.0.0.1", 0)))
        self._http = Http(self._forward.url)

    def ping(self) -> Answer:
        return self._asked(self._http.ping)

    def invoke(
        self, body: bytes, content_type: str, accept: str = "application/json", attributes: str = ""
    ) -> Answer:
        return self._asked(self._http.invoke, body, content_type, accept, attributes)

    def stream(self, body: bytes, content_type: str) -> Iterator[bytes]:
        return self._http.stream(body, content_type)

    def _asked(self, ask: Any, *request: Any) -> Answer:
        try:
            answer: Answer = ask(*request)
        except Failure as failure:
            raise self._forward.failure or failure from None
        return answer
