"""What a deployment on the cluster needs that can be checked beforehand; lifecycle/checks.py says how."""

from collections.abc import Callable

from lifecycle import cluster, preflight
from lifecycle.aws import Aws
from lifecycle.findings import OK, WARNING, Finding, finding
from lifecycle.manifests import Manifests
from lifecycle.target import Target


def manifests(settings: Target, aws: Aws) -> Finding:
    """Tell whether kubernetes/ can be read. Raises Failure when it cannot."""
    found = Manifests(settings.image)
    return finding("manifests", OK, "kubernetes/", f"{len(found.objects)} objects for {found.namespace}")


def reached(settings: Target, aws: Aws) -> Finding:
    """Tell whether the cluster is there and knows this identity. Raises Failure when it is not."""
    api = cluster.connect(aws, settings)
    version = api.call("GET", "/version", {})["gitVersion"]
    return finding("cluster", OK, "cluster", f"{settings.hyperpod_cluster} (EKS {api.name}), {version}")


def ready(settings: Target, aws: Aws) -> Finding:
    """Tell whether all is there that applying needs. Raises Failure when something is not."""
    wanted = Manifests(settings.image)
    found = preflight.before_apply(cluster.connect(aws, settings), wanted)
    if found is None:
        return finding("nodes", OK, "rights, namespace, queue", "the nodes cannot be seen")
    room = preflight.capacity(found, *preflight.wanted(wanted.workload))
    seen = "{nodes_ready} of {nodes} {instance_type} nodes, room for {room_for_pods} pods".format(**room)
    return finding("nodes", OK if room["nodes_ready"] else WARNING, "rights, namespace, queue, nodes", seen)


# id -> (what it is about, the check)
CHECKS: dict[str, tuple[str, Callable[[Target, Aws], Finding]]] = {
    "manifests": ("kubernetes/", manifests),
    "cluster": ("cluster", reached),
    "nodes": ("rights, namespace, queue, nodes", ready),
}
