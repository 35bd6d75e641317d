# Part of the library: `copier update` replaces this file.
"""The pods of the project: their state, and why a pod is not ready."""

import re
from dataclasses import dataclass
from typing import Any

from lifecycle.explain import explained
from lifecycle.hyperpod import quantity
from lifecycle.hyperpod.api import Api, ApiFailure
from lifecycle.hyperpod.manifests import Object
from lifecycle.project import PRECONDITION, REFUSED, USAGE, Failure

PULL = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable")
CONFIG = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
RESTARTS = 2  # the rollout fails after this number of restarts
LOG_LINES = 20


@dataclass(frozen=True)
class Problem:
    """Why a pod is not ready: a failure, and whether it can be temporary."""

    failure: Failure
    temporary: bool = False


def listed(api: Api, namespace: str, selector: str) -> list[Object]:
    """Return the pods, oldest first."""
    found = api.items(f"/api/v1/namespaces/{namespace}/pods", selector)
    return sorted(found, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))


def lost(pod: Object) -> bool:
    """Return whether a pod was evicted or its node is gone; another pod replaces it."""
    return bool(pod.get("status", {}).get("phase") == "Failed")


def ready(pod: Object) -> bool:
    """Return whether a pod is ready."""
    return condition(pod, "Ready").get("status") == "True" and "deletionTimestamp" not in pod["metadata"]


def condition(entry: Object, kind: str) -> dict[str, Any]:
    """Return a condition of an object, {} if it has none of this type."""
    found = entry.get("status", {}).get("conditions", [])
    return next((item for item in found if item["type"] == kind), {})


def container(pod: Object) -> dict[str, Any]:
    """Return the status of the pod's container, {} before it starts."""
    return next(iter(pod.get("status", {}).get("containerStatuses", [])), {})


def state(pod: Object) -> str:
    """Return the state of a pod in a word, like kubectl."""
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    waiting = container(pod).get("state", {}).get("waiting", {}).get("reason", "")
    ended = container(pod).get("state", {}).get("terminated", {}).get("reason", "")
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return str(scheduled.get("reason") or "Pending")
    phase = str(pod.get("status", {}).get("reason") or pod.get("status", {}).get("phase", "Pending"))
    return str(waiting or ended or ("Ready" if ready(pod) else phase))


def problem(api: Api, pod: Object) -> Problem | None:
    """Return why a pod is not ready, None if there is no problem yet."""
    name, scheduled = pod["metadata"]["name"], condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return _unscheduled(name, scheduled)
    if lost(pod):
        what = f"pod {name} lost its node"
        seen = f"{pod['status'].get('reason', 'Failed')}: {pod['status'].get('message', 'no reason given')}"
        next_step = "wait for the replacement pod; do/plan shows the nodes"
        return Problem(Failure(REFUSED, "pod-lost", what, seen, next_step), temporary=True)
    status = container(pod)
    waiting = status.get("state", {}).get("waiting", {})
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    if reason in PULL:
        next_step = "do/push; allow the role of the nodes to pull from the repository"
        what = f"cannot pull the image of pod {name}"
        return Problem(Failure(PRECONDITION, "image-not-pulled", what, f"{reason}: {message}", next_step))
    if reason in CONFIG:
        next_step = "create the Secret or ConfigMap in the message, or fix kubernetes/"
        what = f"cannot create the container of pod {name}"
        return Problem(Failure(USAGE, "container-not-made", what, f"{reason}: {message}", next_step))
    return _ended(api, pod, status)


def log_tail(api: Api, pod: Object, previous: bool = False) -> list[str]:
    """Return the last log lines of a pod; with `previous`, those before its last restart."""
    metadata = pod["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/log"
    more = {"previous": "true"} if previous else {}
    try:
        return list(api.lines(path, tailLines=str(LOG_LINES), **more))
    except Failure:
        return []  # there is no log, or no permission to read it


def _unscheduled(name: str, scheduled: dict[str, Any]) -> Problem:
    message = str(scheduled.get("message", ""))
    if scheduled.get("reason") == "SchedulingGated":
        what, next_step = f"pod {name} waits in its queue", "wait, or increase the quota of the queue"
        failure = Failure(REFUSED, "pod-queued", what, message or "its scheduling is gated", next_step)
        return Problem(failure, temporary=True)
    missing = re.findall(r"Insufficient ([a-z0-9-]+(?:[./][a-z0-9-]+)*)", message)
    what = f"no node has capacity for pod {name}"
    cause = f"insufficient {', '.join(dict.fromkeys(missing))}" if missing else ""
    next_step = "free capacity (do/plan shows it), or add nodes"
    if not missing and re.search("taint|affinity|selector", message):
        cause, next_step = "no node matches its node selector or tolerations", "fix them in kubernetes/"
    failure = Failure(REFUSED, "pod-unschedulable", what, message or "Unschedulable", next_step, cause)
    return Problem(failure, temporary=True)


def _ended(api: Api, pod: Object, status: dict[str, Any]) -> Problem | None:
    """Return why the server of a pod ended, if it ended too often or ran out of memory."""
    name, restarts = pod["metadata"]["name"], int(status.get("restartCount", 0))
    last = status.get("state", {}).get("terminated") or status.get("lastState", {}).get("terminated") or {}
    if last.get("reason") == "OOMKilled":
        spec = pod["spec"]["containers"][0]
        limit = spec.get("resources", {}).get("limits", {}).get("memory", "")
        size = quantity.shown("memory", quantity.number(limit)) if limit else "its node's memory"
        next_step = "increase memory in kubernetes/, or use a larger instance_type"
        what = f"the server of pod {name} exceeded its memory limit"
        return Problem(Failure(REFUSED, "out-of-memory", what, f"killed at the limit of {size}", next_step))
    if restarts and (found := unanswered(api, pod, f"restarted {restarts} times")):
        return found
    if restarts < RESTARTS:
        return None
    lines = log_tail(api, pod, previous=True)
    seen = f"ended {restarts} times, last with code {last.get('exitCode', '?')}"
    seen += f"; its last line: {lines[-1]}" if lines else ""
    what = f"the server of pod {name} restarts repeatedly"
    cause, next_step = explained("\n".join(lines), "start it on this machine: do/run")
    return Problem(Failure(REFUSED, "server-crashing", what, seen, next_step, cause))


def unanswered(api: Api, pod: Object, seen: str) -> Problem | None:
    """Return the problem of a server that did not respond to /ping in time, None for other problems."""
    probes = [event for event in events(api, pod) if "probe failed" in event]
    if not probes:
        return None
    what = f"the server of pod {pod['metadata']['name']} did not respond to /ping in time"
    cause, next_step = explained("\n".join(log_tail(api, pod, previous=True)), "")
    cause = cause or "its start takes longer than its startupProbe allows, or fails"
    next_step = next_step or "read its log above; fix the server, or increase failureThreshold in kubernetes/"
    return Problem(Failure(REFUSED, "probe-failing", what, f"{probes[-1]}; {seen}", next_step, cause))


def events(api: Api, entry: Object) -> list[str]:
    """Return the events of an object, oldest first."""
    metadata = entry["metadata"]
    fields = f"involvedObject.name={metadata['name']}"
    try:
        found = api.items(f"/api/v1/namespaces/{metadata['namespace']}/events", fields=fields)
    except ApiFailure as failure:
        if failure.status == 403:
            return []
        raise
    found.sort(key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
    return [f"{event['reason']}: {' '.join(event.get('message', '').split())}" for event in found]
