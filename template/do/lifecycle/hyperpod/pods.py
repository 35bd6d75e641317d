# Part of the library: `copier update` replaces this file.
"""The pods of the project: what state each is in, and why one does not serve."""

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
RESTARTS = 2  # a server that ended as often is not waited for any longer
LOG_LINES = 20


@dataclass(frozen=True)
class Trouble:
    """Why a pod does not serve: a failure to end with, and whether waiting may help."""

    failure: Failure
    may_pass: bool = False


def listed(api: Api, namespace: str, selector: str) -> list[Object]:
    """Return the pods, oldest first."""
    found = api.items(f"/api/v1/namespaces/{namespace}/pods", selector)
    return sorted(found, key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))


def lost(pod: Object) -> bool:
    """Return whether a pod's node is gone or has put it out; another is made in its place."""
    return bool(pod.get("status", {}).get("phase") == "Failed")


def ready(pod: Object) -> bool:
    """Return whether a pod serves."""
    return condition(pod, "Ready").get("status") == "True" and "deletionTimestamp" not in pod["metadata"]


def condition(entry: Object, kind: str) -> dict[str, Any]:
    """Return a condition of an object, {} when it has none of that type."""
    found = entry.get("status", {}).get("conditions", [])
    return next((item for item in found if item["type"] == kind), {})


def container(pod: Object) -> dict[str, Any]:
    """Return the state of the pod's server, {} before there is one."""
    return next(iter(pod.get("status", {}).get("containerStatuses", [])), {})


def state(pod: Object) -> str:
    """Return a pod's state in a word or two, as kubectl would."""
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    waiting = container(pod).get("state", {}).get("waiting", {}).get("reason", "")
    ended = container(pod).get("state", {}).get("terminated", {}).get("reason", "")
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return str(scheduled.get("reason") or "Pending")
    phase = str(pod.get("status", {}).get("reason") or pod.get("status", {}).get("phase", "Pending"))
    return str(waiting or ended or ("Ready" if ready(pod) else phase))


def trouble(api: Api, pod: Object) -> Trouble | None:
    """Return why a pod does not serve, None when there is nothing to say yet."""
    name, scheduled = pod["metadata"]["name"], condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return _unscheduled(name, scheduled)
    if lost(pod):
        what = f"pod {name} has lost its node"
        seen = f"{pod['status'].get('reason', 'Failed')}: {pod['status'].get('message', 'no reason given')}"
        remedy = "wait for the pod in its place; `do/plan` shows the nodes"
        return Trouble(Failure(REFUSED, "pod-lost", what, seen, remedy), may_pass=True)
    status = container(pod)
    waiting = status.get("state", {}).get("waiting", {})
    reason, message = waiting.get("reason", ""), waiting.get("message", "")
    if reason in PULL:
        remedy = "do/push; the role of the nodes must be allowed to pull from the repository"
        what = f"the image of pod {name} cannot be pulled"
        return Trouble(Failure(PRECONDITION, "image-not-pulled", what, f"{reason}: {message}", remedy))
    if reason in CONFIG:
        remedy = "make the Secret or ConfigMap it names, or mend kubernetes/"
        what = f"the container of pod {name} cannot be made"
        return Trouble(Failure(USAGE, "container-not-made", what, f"{reason}: {message}", remedy))
    return _ended(api, pod, status)


def log_tail(api: Api, pod: Object, previous: bool = False) -> list[str]:
    """Return the last lines of a pod's server; of the one before it was started again, with `previous`."""
    metadata = pod["metadata"]
    path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/log"
    more = {"previous": "true"} if previous else {}
    try:
        return list(api.lines(path, tailLines=str(LOG_LINES), **more))
    except Failure:
        return []  # it has none, or this identity must not read it


def _unscheduled(name: str, scheduled: dict[str, Any]) -> Trouble:
    message = str(scheduled.get("message", ""))
    if scheduled.get("reason") == "SchedulingGated":
        what, remedy = f"pod {name} waits in its queue", "wait, or have the queue's quota raised"
        failure = Failure(REFUSED, "pod-queued", what, message or "its scheduling is gated", remedy)
        return Trouble(failure, may_pass=True)
    short = re.findall(r"Insufficient ([a-z0-9-]+(?:[./][a-z0-9-]+)*)", message)
    what = f"pod {name} finds no node"
    cause = f"too little free: {', '.join(dict.fromkeys(short))}" if short else ""
    remedy = "free what is short (`do/plan` shows it), or add nodes"
    if not short and re.search("taint|affinity|selector", message):
        cause, remedy = "its node selector or tolerations fit no node", "mend them in kubernetes/"
    failure = Failure(REFUSED, "pod-unschedulable", what, message or "Unschedulable", remedy, cause)
    return Trouble(failure, may_pass=True)


def _ended(api: Api, pod: Object, status: dict[str, Any]) -> Trouble | None:
    """Return why the pod's server ended, when it has ended too often or for good."""
    name, restarts = pod["metadata"]["name"], int(status.get("restartCount", 0))
    last = status.get("state", {}).get("terminated") or status.get("lastState", {}).get("terminated") or {}
    if last.get("reason") == "OOMKilled":
        spec = pod["spec"]["containers"][0]
        limit = spec.get("resources", {}).get("limits", {}).get("memory", "")
        size = quantity.shown("memory", quantity.number(limit)) if limit else "its node's memory"
        remedy = "raise memory in kubernetes/, or take a larger instance_type"
        what = f"the server of pod {name} took more memory than it may have"
        return Trouble(Failure(REFUSED, "out-of-memory", what, f"killed at its limit of {size}", remedy))
    if restarts and (trouble := unanswered(api, pod, f"started again {restarts} times")):
        return trouble
    if restarts < RESTARTS:
        return None
    lines = log_tail(api, pod, previous=True)
    seen = f"ended {restarts} times, last with code {last.get('exitCode', '?')}"
    seen += f"; its last line: {lines[-1]}" if lines else ""
    what = f"the server of pod {name} ends again and again"
    cause, remedy = explained("\n".join(lines), "do/run, and read its log")
    return Trouble(Failure(REFUSED, "server-crashing", what, seen, remedy, cause))


def unanswered(api: Api, pod: Object, seen: str) -> Trouble | None:
    """Return the trouble of a server that did not answer /ping in the time it has to start, if that is it."""
    probes = [event for event in events(api, pod) if "probe failed" in event]
    if not probes:
        return None
    what = f"the server of pod {pod['metadata']['name']} does not answer /ping in time"
    cause, remedy = explained("\n".join(log_tail(api, pod, previous=True)), "")
    cause = cause or "it needs longer to start than its startupProbe allows, or never comes up"
    remedy = remedy or "read its log above; mend the server, or raise failureThreshold in kubernetes/"
    return Trouble(Failure(REFUSED, "probe-failing", what, f"{probes[-1]}; {seen}", remedy, cause))


def events(api: Api, entry: Object) -> list[str]:
    """Return what the cluster says of an object, oldest first."""
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
