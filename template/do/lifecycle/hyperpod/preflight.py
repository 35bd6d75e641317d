# Part of the library: `copier update` replaces this file.
"""The checks before an apply: namespace, permissions, queue, volume claims, and nodes."""

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
    """Run the checks and return the nodes, None without permission to list them. Raise Failure."""
    _namespace(api, manifests.namespace)
    _rights(api, manifests)
    _queue(api, manifests)
    _claims(api, manifests)
    found = nodes.of_cluster(api)
    if found is not None:
        fits(found, *requested(manifests.workload))
    return found


def requested(workload: Object) -> tuple[str, dict[str, float]]:
    """Return the instance type of a workload's pods, and the resource requests of a pod."""
    spec = pod_spec(workload)
    if spec:
        return spec.get("nodeSelector", {}).get(nodes.TYPE, ""), nodes.requests(spec)
    worker: dict[str, Any] = workload["spec"]["worker"]
    return workload["spec"].get("instanceType", ""), nodes.requests({"containers": [worker]})


def fits(found: list[Node], instance_type: str, request: dict[str, float]) -> None:
    """Raise Failure if a pod does not fit on an empty node of a type."""
    suitable = [node for node in found if node.type == instance_type or not instance_type]
    if not suitable:
        types = ", ".join(sorted({node.type for node in found}))
        what, seen = f"the cluster has no node of type {instance_type}", f"it has {types or 'no nodes'}"
        next_step = "add an instance group of this type, or copier update --trust -d instance_type=…"
        raise Failure(PRECONDITION, "no-such-nodes", what, seen, next_step)
    for name, amount in request.items():
        largest = max(node.allocatable.get(name, 0.0) for node in suitable)
        if amount > largest:
            what = f"a pod of this project does not fit on a {instance_type} node"
            seen = f"it requests {quantity.shown(name, amount)}, a node has {quantity.shown(name, largest)}"
            next_step = "reduce the request in kubernetes/, or copier update --trust -d instance_type=…"
            cause = (
                "the device plugin does not run on the nodes" if name == nodes.GPU and largest == 0 else ""
            )
            raise Failure(USAGE, "pod-too-large", what, seen, next_step, cause)


def capacity(found: list[Node], instance_type: str, request: dict[str, float]) -> dict[str, Any]:
    """Return the number of nodes for the workload, the pods that still fit, and the free GPUs."""
    suitable = [node for node in found if node.type == instance_type]
    return {
        "instance_type": instance_type,
        "nodes": len(suitable),
        "nodes_ready": sum(node.ready for node in suitable),
        "room_for_pods": sum(node.schedulable_pods(request) for node in suitable),
        "free_gpus": int(sum(node.free(nodes.GPU) for node in suitable)),
        "gpus": int(sum(node.allocatable.get(nodes.GPU, 0.0) for node in suitable)),
    }


def _namespace(api: Api, name: str) -> None:
    try:
        found = api.get(f"/api/v1/namespaces/{name}")
    except ApiFailure as failure:
        if failure.status == 403:
            return  # without permission to read it, the apply reports a missing namespace
        raise
    if found is None:
        what, seen = f"there is no namespace {name}", f"in the cluster {api.name}"
        next_step = (
            f"create it: kubectl create namespace {name}, or copier update --trust -d hyperpod_namespace=…"
        )
        raise Failure(PRECONDITION, "no-namespace", what, seen, next_step)


def _rights(api: Api, manifests: Manifests) -> None:
    """Raise Failure with all missing permissions of this identity."""
    missing = set()
    for entry in manifests.objects:
        namespace = entry["metadata"].get("namespace", "")
        resource = api.path(entry["apiVersion"], entry["kind"], namespace).rpartition("/")[2]
        group = entry["apiVersion"].rpartition("/")[0]
        missing |= {f"{verb} {resource}" for verb in VERBS if not api.may(verb, group, resource, namespace)}
    listed = (("", "pods"), ("apps", "replicasets"))
    missing |= {
        f"list {name}" for group, name in listed if not api.may("list", group, name, manifests.namespace)
    }
    if missing:
        what = f"this identity does not have all permissions in namespace {manifests.namespace}"
        seen = f"not allowed: {', '.join(sorted(missing))}"
        next_step = "add an EKS access policy for the namespace, or a Role and a RoleBinding"
        raise Failure(PRECONDITION, "no-rights", what, seen, next_step)


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
            seen = f"{seen}; available: {', '.join(known) or 'none'}"
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
    next_step = "create it, or copier update --trust -d hyperpod_queue=…"
    raise Failure(PRECONDITION, "no-queue", what, seen, next_step)


def _claims(api: Api, manifests: Manifests) -> None:
    """Raise Failure for a volume claim that is neither in the cluster nor in kubernetes/."""
    spec = pod_spec(manifests.workload) or manifests.workload["spec"].get("kubernetes", {})
    own = [entry["metadata"]["name"] for entry in manifests.objects]
    path = api.path("v1", "PersistentVolumeClaim", manifests.namespace)
    for volume in spec.get("volumes", []):
        name = volume.get("persistentVolumeClaim", {}).get("claimName", "")
        if name and name not in own and api.get(f"{path}/{name}") is None:
            what, seen = f"there is no volume claim {name}", f"in namespace {manifests.namespace}"
            next_step = "create it, or copier update --trust -d hyperpod_model_source=…"
            raise Failure(PRECONDITION, "no-claim", what, seen, next_step)
