# Part of the library: `copier update` replaces this file.
"""What a HyperPod cluster needs that can be checked beforehand; lifecycle/doctor.py says how."""

from collections.abc import Callable, Iterator

from lifecycle.aws import Aws
from lifecycle.hyperpod import cluster, preflight
from lifecycle.hyperpod.manifests import Manifests
from lifecycle.hyperpod.target import Target
from lifecycle.project import OK, PRECONDITION, USAGE, WARNING, Failure, Finding, finding
from lifecycle.registry import Image


def of_image(settings: Target, image: Image) -> Iterator[Finding]:
    """Yield nothing: a cluster's nodes have the driver that they have."""
    yield from ()


def reachable(settings: Target, aws: Aws) -> Finding:
    """Tell whether the cluster is there, takes what kubernetes/ has, and has nodes for it."""
    try:
        manifests = Manifests(settings.image)
        api = cluster.connect(aws, settings)
        nodes = preflight.before_apply(api, manifests)
    except Failure as failure:
        if failure.code not in (PRECONDITION, USAGE):
            raise
        return failure.finding
    seen = f"{settings.hyperpod_cluster}, as {api.name} in EKS"
    if nodes is None:
        return finding("cluster", OK, "cluster", f"{seen}; its nodes cannot be seen")
    room = preflight.capacity(nodes, *preflight.requested(manifests.workload))
    seen += "; {nodes_ready} of {nodes} {instance_type} nodes, room for {room_for_pods} pods".format(**room)
    if room["nodes_ready"]:
        return finding("cluster", OK, "cluster", seen)
    return finding("cluster", WARNING, "no node is ready", seen, "wait, or have the nodes looked at")


# id -> (what it is about, the check)
CHECKS: dict[str, tuple[str, Callable[[Target, Aws], Finding]]] = {"cluster": ("cluster", reachable)}
