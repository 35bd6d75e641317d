# Part of the library: `copier update` replaces this file.
"""The checks of a HyperPod cluster before a deployment, for do/doctor."""

from collections.abc import Callable, Iterator

from lifecycle import chosen, model_files
from lifecycle.aws import Aws
from lifecycle.hyperpod import cluster, preflight
from lifecycle.hyperpod.manifests import Manifests
from lifecycle.hyperpod.target import Target
from lifecycle.project import OK, PRECONDITION, USAGE, WARNING, Failure, Finding, finding
from lifecycle.registry import Image

Check = tuple[str, Callable[[Target, Aws], Finding]]  # the title, and the check


def of_image(settings: Target, image: Image) -> Iterator[Finding]:
    """Yield nothing: the project does not set the driver of the nodes."""
    yield from ()


def reachable(settings: Target, aws: Aws) -> Finding:
    """Return whether the cluster exists, accepts the objects of kubernetes/, and has nodes for them."""
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
        return finding("cluster", OK, "cluster", f"{seen}; no permission to list its nodes")
    room = preflight.capacity(nodes, *preflight.requested(manifests.workload))
    seen += (
        "; {nodes_ready} of {nodes} {instance_type} nodes ready, capacity for {room_for_pods} pods".format(
            **room
        )
    )
    if room["nodes_ready"]:
        return finding("cluster", OK, "cluster", seen)
    return finding(
        "cluster", WARNING, "no node is ready", seen, "wait, or check the nodes: kubectl get nodes"
    )


def model(settings: Target, aws: Aws) -> Finding:
    """Return whether the files of the model in S3 are those that `copier copy` looked up."""
    return model_files.on_s3(chosen.HUB_MODEL, aws)


def of_model() -> dict[str, Check]:
    """Return the check of the model, {} if its files were not looked up in S3."""
    return {"model-source": ("model", model)} if model_files.pinned(chosen.HUB_MODEL) else {}


def checks_of(settings: Target) -> dict[str, Check]:
    """Return the checks of these settings: id -> (title, the check)."""
    return {"cluster": ("cluster", reachable), **of_model()}
