"""What a cluster does to objects: it makes pods of a Deployment, finds them nodes, runs them, and cleans up.

It works through the API alone, as the parts of a real cluster do. Containers do not run: `behave` says what
becomes of a pod's server, and nothing else decides whether it is ready.
"""

import contextlib
import hashlib
import json
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

Object = dict[str, Any]
APPS = "/apis/apps/v1"
REVISION, HASH = "deployment.kubernetes.io/revision", "pod-template-hash"
OPERATOR = "/apis/inference.sagemaker.aws.amazon.com/v1"
POLICY = "/apis/policy/v1"
KUEUE = "/apis/kueue.x-k8s.io/v1beta1"
COLLECTED = (  # what is deleted with what it made
    (APPS, "deployments"),
    (APPS, "replicasets"),
    (OPERATOR, "inferenceendpointconfigs"),
    (POLICY, "poddisruptionbudgets"),
    (f"{POLICY}beta1", "poddisruptionbudgets"),
    ("/apis/networking.k8s.io/v1", "networkpolicies"),
    ("/apis/autoscaling/v2", "horizontalpodautoscalers"),
    ("/api/v1", "configmaps"),
    ("/api/v1", "services"),
    ("/api/v1", "persistentvolumeclaims"),
    ("/api/v1", "persistentvolumes"),
)
OTHERS = (("/api/v1", "pods"), ("/api/v1", "events"), (KUEUE, "localqueues"))
MERGE = "application/merge-patch+json"
FINALIZERS = ("foregroundDeletion", "kubernetes.io/pv-protection", "kubernetes.io/pvc-protection")
FACTORS = {"m": 1e-3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
# How a pod's server comes out: each is what the kubelet writes into the status and says as an event.
BEHAVIOURS = ("ready", "starting", "image", "config", "oom", "crash", "probe", "evicted")


class Actor:
    """The controllers, the scheduler and the kubelets of one cluster, in one thread."""

    def __init__(self, url: str, certificate: Path, token: str, pause: float = 0.15) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        trusted = ssl.create_default_context(cafile=certificate)
        self._http = httpx.Client(base_url=url, verify=trusted, headers=headers, timeout=10)
        self._pause, self._stopped = pause, threading.Event()
        self.behave: Callable[[Object], str] = lambda pod: "ready"
        self.operator_fails = ""  # why the inference operator gives up, if it does
        self.errors: list[str] = []
        self._evicted: set[str] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to act."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._stopped.set()
        self._thread.join(10)
        self._http.close()

    def node(self, name: str, instance_type: str, ready: bool = True, **allocatable: str) -> None:
        """Add a node; `gpus` stands for nvidia.com/gpu."""
        gpus = allocatable.pop("gpus", "0")
        amounts = {"cpu": "8", "memory": "64Gi", "pods": "110", **allocatable}
        amounts |= {"nvidia.com/gpu": gpus} if gpus != "0" else {}
        labels = {"node.kubernetes.io/instance-type": instance_type, "kubernetes.io/hostname": name}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": {}}
        self.create("/api/v1/nodes", node)
        condition = {"type": "Ready", "status": str(ready), "reason": "KubeletReady"}
        status = {"conditions": [condition], "allocatable": amounts, "capacity": amounts}
        self.patch_status(f"/api/v1/nodes/{name}", status)

    def empty(self, namespace: str) -> None:
        """Have a namespace, and nothing in it, no nodes, no volumes: a real server keeps those of before."""
        with contextlib.suppress(httpx.HTTPStatusError):
            self.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
        places = [(f"{group}/namespaces/{namespace}", plural) for group, plural in (*COLLECTED, *OTHERS)]
        for place, plural in [*places, ("/api/v1", "nodes"), ("/api/v1", "persistentvolumes")]:
            for entry in self.items(f"{place}/{plural}"):
                path = f"{place}/{plural}/{entry['metadata']['name']}"
                with contextlib.suppress(httpx.HTTPStatusError):
                    self._call("PATCH", path, {"metadata": {"finalizers": None}}, MERGE)
                self._delete(path)

    def create(self, path: str, entry: Object) -> Object:
        """Create an object."""
        return self._call("POST", path, entry)

    def patch_status(self, path: str, status: Object) -> None:
        """Change an object's status."""
        self._call("PATCH", f"{path}/status", {"status": status}, MERGE)

    def patch(self, path: str, change: Object) -> Object:
        """Change an object as somebody with kubectl would."""
        return self._call("PATCH", path, change, MERGE, "kubectl-edit")

    def items(self, path: str) -> list[Object]:
        """Return the objects of a listing, [] where the cluster has no such kind."""
        response = self._http.get(path)
        return [] if response.status_code == 404 else list(response.raise_for_status().json()["items"])

    def _call(
        self, method: str, path: str, body: Object, content: str = "", manager: str = "kubelet"
    ) -> Object:
        headers = {"Content-Type": content or "application/json"}
        response = self._http.request(
            method, path, params={"fieldManager": manager}, content=json.dumps(body), headers=headers
        )
        if response.is_error:
            raise httpx.HTTPStatusError(response.text, request=response.request, response=response)
        found: Object = response.json()
        return found

    def _delete(self, path: str) -> None:
        body = json.dumps({"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0})
        with contextlib.suppress(httpx.HTTPStatusError):
            headers = {"Content-Type": "application/json"}
            self._http.request("DELETE", path, content=body, headers=headers).raise_for_status()

    def _run(self) -> None:
        while not self._stopped.wait(self._pause):
            try:
                self._act()
            except httpx.HTTPError as error:
                if not self._stopped.is_set() and "Conflict" not in str(error):
                    self.errors.append(str(error))

    def _act(self) -> None:
        sets, pods = self.items(f"{APPS}/replicasets"), self.items("/api/v1/pods")
        owned = {"deployments": (sets, "replicasets"), "replicasets": (pods, "pods")}
        for group, plural in COLLECTED:
            for entry in sets if plural == "replicasets" else self.items(f"{group}/{plural}"):
                if "deletionTimestamp" in entry["metadata"]:
                    self._collect(group, plural, entry, *owned.get(plural, ([], "")))
                elif plural == "deployments":
                    self._reconcile(entry, sets, pods)
        for entry in self.items(f"{OPERATOR}/inferenceendpointconfigs"):
            self._operate(entry, pods)
        nodes = self.items("/api/v1/nodes")
        for pod in self.items("/api/v1/pods"):
            if "deletionTimestamp" in pod["metadata"]:
                self._delete(_path("/api/v1", "pods", pod))
            elif "nodeName" not in pod["spec"]:
                self._schedule(pod, nodes)
            else:
                self._run_pod(pod)

    def _collect(self, group: str, plural: str, owner: Object, owned: list[Object], of: str) -> None:
        """Delete what a deleted object made, and let it go when nothing of that is left."""
        mine = [entry for entry in owned if _owner(entry) == owner["metadata"]["uid"]]
        for entry in mine:
            if of == "pods":
                self._delete(_path("/api/v1", "pods", entry))
            elif "deletionTimestamp" not in entry["metadata"]:
                body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground"}
                with contextlib.suppress(httpx.HTTPStatusError):
                    self._call("DELETE", _path(group, of, entry), body)
        finalizers = owner["metadata"].get("finalizers", [])
        if not mine and (kept := [name for name in finalizers if name not in FINALIZERS]) != finalizers:
            change = {"metadata": {"finalizers": kept or None}}
            self._call("PATCH", _path(group, plural, owner), change, MERGE)

    def _reconcile(self, deployment: Object, sets: list[Object], pods: list[Object]) -> None:
        """Bring a Deployment's pods nearer to its template, as its rolling update allows."""
        spec, metadata = deployment["spec"], deployment["metadata"]
        mine = [entry for entry in sets if _owner(entry) == metadata["uid"]]
        mine = [entry for entry in mine if "deletionTimestamp" not in entry["metadata"]]
        key = _hash(spec["template"])
        current = next((entry for entry in mine if entry["metadata"]["labels"][HASH] == key), None)
        latest = max((int(entry["metadata"]["annotations"][REVISION]) for entry in mine), default=0)
        if current is None:
            current = self._new_set(deployment, key, latest + 1)
            mine.append(current)
        elif int(current["metadata"]["annotations"][REVISION]) < latest:  # back to an earlier template
            path = _path(APPS, "replicasets", current)
            change = {"metadata": {"annotations": {REVISION: str(latest + 1)}}}
            current.update(self._call("PATCH", path, change, MERGE))
        revision = current["metadata"]["annotations"][REVISION]
        if metadata.get("annotations", {}).get(REVISION) != revision:
            change = {"metadata": {"annotations": {REVISION: revision}}}
            path = _path(APPS, "deployments", deployment)
            self._call("PATCH", path, change, MERGE, "kube-controller-manager")
        by_set = {
            entry["metadata"]["uid"]: [
                pod for pod in pods if _owner(pod) == entry["metadata"]["uid"] and _alive(pod)
            ]
            for entry in mine
        }
        new = by_set.pop(current["metadata"]["uid"])
        old = [pod for others in by_set.values() for pod in others]
        self._scale(deployment, current, new, old)
        self._report(deployment, current, new, old)

    def _new_set(self, deployment: Object, key: str, revision: int) -> Object:
        metadata, template = deployment["metadata"], deployment["spec"]["template"]
        labels = {**template["metadata"].get("labels", {}), HASH: key}
        owner = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": metadata["name"],
            "uid": metadata["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
        made = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{metadata['name']}-{key}",
                "labels": labels,
                "annotations": {REVISION: str(revision)},
                "ownerReferences": [owner],
            },
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": {**deployment["spec"]["selector"]["matchLabels"], HASH: key}},
                "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
            },
        }
        return self.create(f"{APPS}/namespaces/{metadata['namespace']}/replicasets", made)

    def _scale(self, deployment: Object, current: Object, new: list[Object], old: list[Object]) -> None:
        rolling, wanted = deployment["spec"]["strategy"]["rollingUpdate"], deployment["spec"]["replicas"]
        serving = [pod for pod in (*new, *old) if _ready(pod)]
        for pod in old:
            if not _ready(pod) or len(serving) > wanted - int(rolling["maxUnavailable"]):
                self._delete(_path("/api/v1", "pods", pod))
                if pod in serving:
                    serving.remove(pod)
                return  # one a turn
        if len(new) < wanted and len(new) + len(old) < wanted + int(rolling["maxSurge"]):
            self._new_pod(current)
        elif len(new) > wanted:
            self._delete(_path("/api/v1", "pods", new[-1]))

    def _new_pod(self, owner: Object) -> None:
        metadata, template = owner["metadata"], owner["spec"]["template"]
        reference = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": metadata["name"],
            "uid": metadata["uid"],
            "controller": True,
        }
        own = {**template["metadata"], "generateName": f"{metadata['name']}-", "ownerReferences": [reference]}
        own.pop("creationTimestamp", None)
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": own, "spec": template["spec"]}
        made = self.create(f"/api/v1/namespaces/{metadata['namespace']}/pods", pod)
        self.patch_status(_path("/api/v1", "pods", made), {"phase": "Pending"})

    def _report(self, deployment: Object, current: Object, new: list[Object], old: list[Object]) -> None:
        """Write a Deployment's status."""
        started = datetime.fromisoformat(current["metadata"]["creationTimestamp"])
        late = (datetime.now(UTC) - started).total_seconds() > deployment["spec"]["progressDeadlineSeconds"]
        ready, wanted = sum(map(_ready, new)), deployment["spec"]["replicas"]
        failed = late and ready < wanted
        reason = "ProgressDeadlineExceeded" if failed else "NewReplicaSetAvailable"
        progressing = {"type": "Progressing", "status": str(not failed), "reason": reason}
        status = {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": len(new) + len(old),
            "updatedReplicas": len(new),
            "readyReplicas": ready + sum(map(_ready, old)),
            "availableReplicas": ready + sum(map(_ready, old)),
            "conditions": [progressing],
        }
        if {key: deployment.get("status", {}).get(key, 0) for key in status} != status:
            self.patch_status(_path(APPS, "deployments", deployment), status)

    def _schedule(self, pod: Object, nodes: list[Object]) -> None:
        """Find a pod a node, or say why there is none, in the scheduler's words."""
        if pod["spec"].get("schedulingGates"):
            self._set_condition(
                pod, "SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates"
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
            elif lacking := self._lacking(name, node["status"]["allocatable"], wanted):
                reasons += [f"Insufficient {resource}" for resource in lacking]
            else:
                binding = {
                    "apiVersion": "v1",
                    "kind": "Binding",
                    "metadata": {"name": pod["metadata"]["name"]},
                }
                self._bind(pod, binding, name)
                return
        counted = ", ".join(f"{reasons.count(reason)} {reason}" for reason in dict.fromkeys(reasons))
        message = f"0/{len(nodes)} nodes are available: {counted}."
        self._set_condition(pod, "Unschedulable", message)
        self._say(pod, "FailedScheduling", message)

    def _bind(self, pod: Object, binding: Object, node: str) -> None:
        path = _path("/api/v1", "pods", pod)
        self.create(f"{path}/binding", {**binding, "target": {"kind": "Node", "name": node}})
        self._say(pod, "Scheduled", f"Successfully assigned {pod['metadata']['name']} to {node}")

    def _lacking(self, node: str, allocatable: Object, wanted: dict[str, float]) -> list[str]:
        """Return which resources a node has too little of."""
        left = {name: number(amount) for name, amount in allocatable.items()}
        for pod in self.items("/api/v1/pods"):
            if pod["spec"].get("nodeName") == node and pod.get("status", {}).get("phase") != "Failed":
                for name, amount in requested(pod).items():
                    left[name] = left.get(name, 0.0) - amount
        return [name for name, amount in wanted.items() if amount > left.get(name, 0.0)]

    def _run_pod(self, pod: Object) -> None:
        """Write what a kubelet would of a pod on its node."""
        how = self.behave(pod)
        if how == "evicted" and pod["metadata"]["name"] not in self._evicted:
            self._evicted.add(pod["metadata"]["name"])
        path = _path("/api/v1", "pods", pod)
        status = _pod_status(pod, how)
        if {key: pod.get("status", {}).get(key) for key in status} != status:
            self.patch_status(path, status)
            for reason, message in EVENTS.get(how, ()):
                self._say(pod, reason, message)

    def _set_condition(self, pod: Object, reason: str, message: str) -> None:
        condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
        if condition not in pod.get("status", {}).get("conditions", []):
            self.patch_status(_path("/api/v1", "pods", pod), {"phase": "Pending", "conditions": [condition]})

    def _say(self, about: Object, reason: str, message: str) -> None:
        """Make an event, once."""
        metadata = about["metadata"]
        key = hashlib.sha256(f"{metadata['uid']}{reason}{message}".encode()).hexdigest()[:16]
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{metadata['name'][:200]}.{key}", "namespace": metadata["namespace"]},
            "involvedObject": {"kind": "Pod", "name": metadata["name"], "namespace": metadata["namespace"]},
            "reason": reason,
            "message": message,
            "type": "Normal",
            "lastTimestamp": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        }
        with contextlib.suppress(httpx.HTTPStatusError):  # it is there already
            self.create(f"/api/v1/namespaces/{metadata['namespace']}/events", event)

    def _operate(self, entry: Object, pods: list[Object]) -> None:
        """Do as HyperPod's inference operator does: say that the deployment is complete, or why it failed."""
        state = "DeploymentFailed" if self.operator_fails else "DeploymentComplete"
        if entry.get("status", {}).get("state") == state:
            return
        condition = {
            "type": state,
            "status": "True",
            "reason": "Reconciled",
            "message": self.operator_fails or "ok",
        }
        status = {
            "state": state,
            "observedGeneration": entry["metadata"].get("generation", 1),
            "selector": f"app={entry['metadata']['name']}",
            "conditions": [{**condition, "lastTransitionTime": "2026-11-25T00:00:00Z"}],
        }
        self.patch_status(_path(OPERATOR, "inferenceendpointconfigs", entry), status)


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


def number(quantity: Any) -> float:
    """Return a quantity as a number."""
    text = str(quantity)
    suffix = text.lstrip("0123456789.")
    return float(text.removesuffix(suffix)) * FACTORS.get(suffix, 1)


def requested(pod: Object) -> dict[str, float]:
    """Return what a pod's containers ask for."""
    found: dict[str, float] = {}
    for container in pod["spec"]["containers"]:
        for name, amount in container.get("resources", {}).get("requests", {}).items():
            found[name] = found.get(name, 0.0) + number(amount)
    return found


def _pod_status(pod: Object, how: str) -> Object:
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


def _path(group: str, plural: str, entry: Object) -> str:
    metadata = entry["metadata"]
    within = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{group}{within}/{plural}/{metadata['name']}"


def _owner(entry: Object) -> str:
    references = entry["metadata"].get("ownerReferences", [])
    return str(references[0]["uid"]) if references else ""


def _alive(pod: Object) -> bool:
    return "deletionTimestamp" not in pod["metadata"] and pod.get("status", {}).get("phase") != "Failed"


def _ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return _alive(pod) and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _hash(template: Object) -> str:
    return hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]


def wait(until: Callable[[], bool], seconds: float = 60.0) -> None:
    """Return when something is so. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not until():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)
