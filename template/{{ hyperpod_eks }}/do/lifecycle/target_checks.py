"""What a HyperPod cluster needs that can be checked beforehand; lifecycle/checks.py says how."""

from collections.abc import Callable, Iterator

from lifecycle import cluster, preflight
from lifecycle.aws import Aws
from lifecycle.findings import OK, Finding, finding, of_failure
from lifecycle.manifests import Manifests
from lifecycle.project import PRECONDITION, Failure
from lifecycle.registry import Image
from lifecycle.target import Target


def of_image(settings: Target, image: Image) -> Iterator[Finding]:
    """Yield nothing: a cluster's nodes have the driver that they have."""
    yield from ()


def reachable(settings: Target, aws: Aws) -> Finding:
    """Tell whether the cluster is there and takes what kubernetes/ has."""
    try:
        api = cluster.connect(aws, settings)
        preflight.before_apply(api, Manifests())
    except Failure as failure:
        if failure.code != PRECONDITION:
            raise
        return of_failure(failure)
    return finding("cluster", OK, "cluster", f"{settings.hyperpod_cluster}, as {api.name} in EKS")


# id -> (what it is about, the check)
CHECKS: dict[str, tuple[str, Callable[[Target, Aws], Finding]]] = {"cluster": ("cluster", reachable)}
