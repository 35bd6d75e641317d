"""The scheduler of a cluster: it assigns a node to pods, or reports why there is none."""

from typing import Any

from tests.fakes.kubernetes.client import Client, Object, path_of

FACTORS = {"m": 1e-3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def schedule(client: Client, pod: Object, nodes: list[Object]) -> None:
    """Assign a node to a pod, or report why there is none, in the words of the scheduler."""
    if pod["spec"].get("schedulingGates"):
        _set_condition(
            client, pod, "SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates"
        )
        return
    wanted, reasons = requested(pod), []
    for node in nodes:
        labels, name = node["metadata"].get("labels", {}), node["metadata"]["name"]
        ready = any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"]["conditions"])
        if not ready:
            reasons.append("node(s) were unschedulable")
        elif not pod["spec"].get("nodeSelector", {}).items() <= labels.items():
            reasons.append("node(s) didn't match Pod's node affinity/selector")
        elif lacking := _lacking(client, name, node["status"]["allocatable"], wanted):
            reasons += [f"Insufficient {resource}" for resource in lacking]
        else:
            binding = {
                "apiVersion": "v1",
                "kind": "Binding",
                "metadata": {"name": pod["metadata"]["name"]},
            }
            _bind(client, pod, binding, name)
            return
    counted = ", ".join(f"{reasons.count(reason)} {reason}" for reason in dict.fromkeys(reasons))
    message = f"0/{len(nodes)} nodes are available: {counted}."
    _set_condition(client, pod, "Unschedulable", message)
    client.say(pod, "FailedScheduling", message)


def _bind(client: Client, pod: Object, binding: Object, node: str) -> None:
    path = path_of("/api/v1", "pods", pod)
    client.create(f"{path}/binding", {**binding, "target": {"kind": "Node", "name": node}})
    client.say(pod, "Scheduled", f"Successfully assigned {pod['metadata']['name']} to {node}")


def _lacking(client: Client, node: str, allocatable: Object, wanted: dict[str, float]) -> list[str]:
    """Return the resources that a node has too little of."""
    left = {name: number(amount) for name, amount in allocatable.items()}
    for pod in client.items("/api/v1/pods"):
        if pod["spec"].get("nodeName") == node and pod.get("status", {}).get("phase") != "Failed":
            for name, amount in requested(pod).items():
                left[name] = left.get(name, 0.0) - amount
    return [name for name, amount in wanted.items() if amount > left.get(name, 0.0)]


def _set_condition(client: Client, pod: Object, reason: str, message: str) -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
    if condition not in pod.get("status", {}).get("conditions", []):
        client.patch_status(path_of("/api/v1", "pods", pod), {"phase": "Pending", "conditions": [condition]})


def number(quantity: Any) -> float:
    """Return a quantity as a number."""
    text = str(quantity)
    suffix = text.lstrip("0123456789.")
    return float(text.removesuffix(suffix)) * FACTORS.get(suffix, 1)


def requested(pod: Object) -> dict[str, float]:
    """Return the resource requests of a pod."""
    found: dict[str, float] = {}
    for container in pod["spec"]["containers"]:
        for name, amount in container.get("resources", {}).get("requests", {}).items():
            found[name] = found.get(name, 0.0) + number(amount)
    return found
