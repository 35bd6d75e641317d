# Part of the library: `copier update` replaces this file.
"""The resources of the nodes in a cluster, and their free capacity."""

from dataclasses import dataclass, field
from typing import Any

from lifecycle.hyperpod import quantity
from lifecycle.hyperpod.api import Api, ApiFailure
from lifecycle.hyperpod.manifests import Object

TYPE = "node.kubernetes.io/instance-type"
GPU = "nvidia.com/gpu"
PODS = "pods"
COUNTED = ("cpu", "memory", GPU)


@dataclass
class Node:
    """A node: instance type, allocatable and allocated resources, and whether it accepts new pods."""

    name: str
    type: str
    allocatable: dict[str, float]
    ready: bool
    allocated: dict[str, float] = field(default_factory=dict)

    def free(self, resource: str) -> float:
        """Return the free amount of a resource, 0 on a node that accepts no pods."""
        left = self.allocatable.get(resource, 0.0) - self.allocated.get(resource, 0.0)
        return max(0.0, left) if self.ready else 0.0

    def schedulable_pods(self, request: dict[str, float]) -> int:
        """Return the number of pods with this request that still fit."""
        fitting = [int(self.free(name) / amount + 1e-9) for name, amount in request.items() if amount]
        return min(fitting, default=0)


def of_cluster(api: Api) -> list[Node] | None:
    """Return the nodes with the allocated resources of all namespaces, None without permission."""
    try:
        nodes = {node.name: node for node in map(_node, api.items("/api/v1/nodes"))}
        pods = api.items("/api/v1/pods", fields="status.phase!=Succeeded,status.phase!=Failed")
    except ApiFailure as failure:
        if failure.status == 403:
            return None
        raise
    for pod in pods:
        node = nodes.get(pod["spec"].get("nodeName", ""))
        if node:
            for name, amount in requests(pod["spec"]).items():
                node.allocated[name] = node.allocated.get(name, 0.0) + amount
    return list(nodes.values())


def requests(spec: Object) -> dict[str, float]:
    """Return the resource requests of a pod; a limit counts if there is no request."""
    found: dict[str, float] = {}
    for container in spec["containers"]:
        resources = container.get("resources", {})
        for name, amount in {**resources.get("limits", {}), **resources.get("requests", {})}.items():
            if name in COUNTED:
                found[name] = found.get(name, 0.0) + quantity.number(amount)
    return found


def _node(entry: Object) -> Node:
    conditions = {item["type"]: item["status"] for item in entry["status"].get("conditions", [])}
    cordoned: Any = entry["spec"].get("unschedulable", False)
    allocatable = entry["status"].get("allocatable", {})
    return Node(
        entry["metadata"]["name"],
        entry["metadata"].get("labels", {}).get(TYPE, "unknown"),
        {name: quantity.number(amount) for name, amount in allocatable.items() if name in COUNTED},
        conditions.get("Ready") == "True" and not cordoned,
    )
