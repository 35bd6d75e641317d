# Part of the library: `copier update` replaces this file.
"""What must be so before anything is applied: namespace, rights, queue, claims, and nodes to hold a pod."""

from typing import Any

from lifecycle.hyperpod import nodes, quantity
from lifecycle.hyperpod.api import Api, ApiFailure
from lifecycle.hyperpod.manifests import Manifests, Object, pod_spec
from lifecycle.hyperpod.nodes import Node
from lifecycle.project import PRECONDITION, USAGE, Failure

VERBS = ("get", "list", "create", "patch", "delete")
QUEUE = "kueue.x-k8s.io/queue-name"
QUEUES = ("kueue.x-k8s.io/v1beta2", "kueue.x-k8s.io/v1beta1")


def before_apply(api: Api, manifests: Manifests) -> list[Node] | None:
    """Check all of it; return the nodes, None when this identity must not see them. Raises Failure."""
    _namespace(api, manifests.namespace)
    _rights(api, manifests)
    _queue(api, manifests)
    _claims(api, manifests)
    found = nodes.of_cluster(api)
    if found is not None:
        fits(found, *requested(manifests.workload))
    return found


def requested(workload: Object) -> tuple[str, dict[str, float]]:
    """Return the instance type that a workload's pods go to, and what one of them asks for."""
    spec = pod_spec(workload)
    if spec:
        return spec.get("nodeSelector", {}).get(nodes.TYPE, ""), nodes.requests(spec)
    worker: dict[str, Any] = workload["spec"]["worker"]
    return workload["spec"].get("instanceType", ""), nodes.requests({"containers": [worker]})


def fits(found: list[Node], instance_type: str, request: dict[str, float]) -> None:
    """Raise Failure when no node of a type could hold a pod, were it empty."""
    suitable = [node for node in found if node.type == instance_type or not instance_type]
    if not suitable:
        types = ", ".join(sorted({node.type for node in found}))
        what, seen = f"the cluster has no node of type {instance_type}", f"it has {types or 'no node'}"
        remedy = "add an instance group of that type, or `copier update -d instance_type=…`"
        raise Failure(PRECONDITION, "no-such-nodes", what, seen, remedy)
    for name, amount in request.items():
        largest = max(node.allocatable.get(name, 0.0) for node in suitable)
        if amount > largest:
            what = f"no {instance_type} node can hold a pod of this project"
            seen = f"it asks for {quantity.shown(name, amount)}, a node gives {quantity.shown(name, largest)}"
            remedy = "ask for less in kubernetes/, or `copier update -d instance_type=…`"
            cause = "the device plugin does not run there" if name == nodes.GPU and largest == 0 else ""
            raise Failure(USAGE, "pod-too-large", what, seen, remedy, cause)


def capacity(found: list[Node], instance_type: str, request: dict[str, float]) -> dict[str, Any]:
    """Return how many nodes there are for the workload, how many pods still go there, and the free GPUs."""
    suitable = [node for node in found if node.type == instance_type]
    return {
        "instance_type": instance_type,
        "nodes": len(suitable),
        "nodes_ready": sum(node.ready for node in suitable),
        "room_for_pods": sum(node.room(request) for node in suitable),
        "free_gpus": int(sum(node.free(nodes.GPU) for node in suitable)),
        "gpus": int(sum(node.allocatable.get(nodes.GPU, 0.0) for node in suitable)),
    }


def _namespace(api: Api, name: str) -> None:
    try:
        found = api.get(f"/api/v1/namespaces/{name}")
    except ApiFailure as failure:
        if failure.status == 403:
            return  # it may be used without being seen; what is applied there will show
        raise
    if found is None:
        what, seen = f"there is no namespace {name}", f"in the cluster {api.name}"
        remedy = "have it made, or `copier update -d hyperpod_namespace=…`"
        raise Failure(PRECONDITION, "no-namespace", what, seen, remedy)


def _rights(api: Api, manifests: Manifests) -> None:
    """Raise Failure that names everything this identity must be allowed and is not."""
    missing = set()
    for entry in manifests.objects:
        namespace = entry["metadata"].get("namespace", "")
        resource = api.path(entry["apiVersion"], entry["kind"], namespace).rpartition("/")[2]
        group = entry["apiVersion"].rpartition("/")[0]
        missing |= {f"{verb} {resource}" for verb in VERBS if not api.may(verb, group, resource, namespace)}
    looked_at = (("", "pods"), ("apps", "replicasets"))
    missing |= {
        f"list {name}" for group, name in looked_at if not api.may("list", group, name, manifests.namespace)
    }
    if missing:
        what = f"this identity must not do all that is needed in {manifests.namespace}"
        seen = f"not allowed: {', '.join(sorted(missing))}"
        remedy = "have it allowed: an access policy of EKS for the namespace, or a Role and RoleBinding"
        raise Failure(PRECONDITION, "no-rights", what, seen, remedy)


def _queue(api: Api, manifests: Manifests) -> None:
    queue = manifests.workload["metadata"].get("labels", {}).get(QUEUE, "")
    if not queue:
        return
    seen = f"{queue} in namespace {manifests.namespace}"
    for version in QUEUES:
        try:
            path = api.path(version, "LocalQueue", manifests.namespace)
            if api.get(f"{path}/{queue}"):
                return
            known = [item["metadata"]["name"] for item in api.items(path)]
            seen = f"{seen}; known are {', '.join(known) or 'none'}"
        except ApiFailure as failure:
            if failure.status == 403:
                return
            if failure.status != 404:
                raise
            continue
        break
    else:
        seen = "Kueue is not installed in the cluster"
    what = f"there is no queue {queue}"
    remedy = "have it made, or `copier update -d hyperpod_queue=…`"
    raise Failure(PRECONDITION, "no-queue", what, seen, remedy)


def _claims(api: Api, manifests: Manifests) -> None:
    """Raise Failure for a volume claim that neither the cluster nor kubernetes/ has."""
    spec = pod_spec(manifests.workload) or manifests.workload["spec"].get("kubernetes", {})
    made = [entry["metadata"]["name"] for entry in manifests.objects]
    path = api.path("v1", "PersistentVolumeClaim", manifests.namespace)
    for volume in spec.get("volumes", []):
        name = volume.get("persistentVolumeClaim", {}).get("claimName", "")
        if name and name not in made and api.get(f"{path}/{name}") is None:
            what, seen = f"there is no claim {name}", f"in namespace {manifests.namespace}"
            remedy = "have it made, or `copier update -d hyperpod_model_source=…`"
            raise Failure(PRECONDITION, "no-claim", what, seen, remedy)
