"""The status and events that a kubelet writes for a pod, by the outcome of its server."""

from tests.fakes.kubernetes.client import Object

# The outcomes of a server: the status and the event that the kubelet writes.
BEHAVIOURS = ("ready", "starting", "image", "config", "oom", "crash", "probe", "evicted")

EVENTS = {
    "image": [("Failed", "Failed to pull image: manifest unknown")],
    "config": [("Failed", 'Error: secret "hf-token" not found')],
    "crash": [("BackOff", "Back-off restarting failed container server")],
    "probe": [
        ("Unhealthy", "Startup probe failed: HTTP probe failed with statuscode: 502"),
        ("Killing", "Container server failed startup probe, will be restarted"),
    ],
    "evicted": [("TaintManagerEviction", "Marking for deletion Pod")],
}


def pod_status(pod: Object, how: str) -> Object:
    """Return the status of a pod with an outcome."""
    if how == "evicted":
        return {
            "phase": "Failed",
            "reason": "NodeLost",
            "message": "Node which was running pod is unresponsive",
        }
    waiting = {
        "image": ("ImagePullBackOff", f'Back-off pulling image "{pod["spec"]["containers"][0]["image"]}"'),
        "config": ("CreateContainerConfigError", 'secret "hf-token" not found'),
        "oom": ("CrashLoopBackOff", "back-off 10s restarting failed container"),
        "crash": ("CrashLoopBackOff", "back-off 20s restarting failed container"),
    }
    ended = {
        "oom": {"reason": "OOMKilled", "exitCode": 137},
        "crash": {"reason": "Error", "exitCode": 3},
        "probe": {"reason": "Error", "exitCode": 137},
    }
    container: Object = {
        "name": "server",
        "image": pod["spec"]["containers"][0]["image"],
        "imageID": pod["spec"]["containers"][0]["image"],
        "ready": how == "ready",
        "restartCount": {"oom": 1, "crash": 2, "probe": 1}.get(how, 0),
        "state": {"running": {"startedAt": "2026-11-25T00:00:00Z"}},
        "lastState": {"terminated": ended[how]} if how in ended else {},
    }
    if how in waiting:
        reason, message = waiting[how]
        container["state"] = {"waiting": {"reason": reason, "message": message}}
    conditions = [
        {"type": "PodScheduled", "status": "True"},
        {"type": "Ready", "status": str(how == "ready")},
    ]
    phase = "Pending" if how in ("image", "config") else "Running"
    return {"phase": phase, "conditions": conditions, "containerStatuses": [container]}
