"""The server that is deployed, reached through the cluster's API."""

from collections.abc import Iterator
from contextlib import contextmanager

from lifecycle import pods, rollout
from lifecycle.api import Api
from lifecycle.forward import forwarded
from lifecycle.manifests import Manifests, Object
from lifecycle.project import PRECONDITION, Failure
from lifecycle.transport import Http, Server


@contextmanager
def server(api: Api, manifests: Manifests) -> Iterator[Server]:
    """Give the server of a pod that serves. Raises Failure when there is none, or it cannot be reached."""
    name = next((pod["metadata"]["name"] for pod in found(api, manifests) if pods.ready(pod)), "")
    if not name:
        what, seen = "no pod serves", rollout.summary(found(api, manifests))
        raise Failure(PRECONDITION, "nothing-serves", what, seen, "do/status, or do/deploy")
    with forwarded(api, manifests.namespace, name) as forward:
        try:
            yield Http(forward.url)
        except Failure as failure:
            raise forward.failure or failure from None


def found(api: Api, manifests: Manifests) -> list[Object]:
    """Return the pods of what is deployed, [] when nothing is."""
    live = api.get(api.path_of(manifests.workload))
    return pods.listed(api, manifests.namespace, rollout.selector(manifests, live)) if live else []
