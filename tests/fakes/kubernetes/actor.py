"""The controllers of a fake cluster: they create pods, assign nodes, and delete dependents.

They use only the API, like the components of a real cluster. Containers do not run: `behave` sets the outcome
of a pod's server.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.fakes.kubernetes import deployments, scheduler
from tests.fakes.kubernetes.client import MERGE, Client, Object, owner_of, path_of
from tests.fakes.kubernetes.deployments import APPS
from tests.fakes.kubernetes.kubelet import EVENTS, pod_status

OPERATOR = "/apis/inference.sagemaker.aws.amazon.com/v1"
POLICY = "/apis/policy/v1"
KUEUE = "/apis/kueue.x-k8s.io/v1beta1"
COLLECTED = (  # deleted with their dependents
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
FINALIZERS = ("foregroundDeletion", "kubernetes.io/pv-protection", "kubernetes.io/pvc-protection")


class Actor(Client):
    """The controllers, the scheduler and the kubelets of one cluster, in one thread."""

    def __init__(self, url: str, certificate: Path, token: str, pause: float = 0.15) -> None:
        super().__init__(url, certificate, token)
        self._pause, self._stopped = pause, threading.Event()
        self.behave: Callable[[Object], str] = lambda pod: "ready"
        self.operator_fails = ""  # why the inference operator fails, if it does
        self.errors: list[str] = []
        self._evicted: set[str] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Start."""
        self._thread.start()

    def stop(self) -> None:
        """Stop."""
        self._stopped.set()
        self._thread.join(10)
        self.close()

    def node(self, name: str, instance_type: str, ready: bool = True, **allocatable: str) -> None:
        """Add a node; `gpus` is its number of nvidia.com/gpu."""
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
        """Create an empty namespace, and delete all nodes and volumes: a real server keeps earlier ones."""
        with contextlib.suppress(httpx.HTTPStatusError):
            self.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
        places = [(f"{group}/namespaces/{namespace}", plural) for group, plural in (*COLLECTED, *OTHERS)]
        for place, plural in [*places, ("/api/v1", "nodes"), ("/api/v1", "persistentvolumes")]:
            for entry in self.items(f"{place}/{plural}"):
                path = f"{place}/{plural}/{entry['metadata']['name']}"
                with contextlib.suppress(httpx.HTTPStatusError):
                    self.call("PATCH", path, {"metadata": {"finalizers": None}}, MERGE)
                self.delete(path)

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
                    deployments.reconcile(self, entry, sets, pods)
        for entry in self.items(f"{OPERATOR}/inferenceendpointconfigs"):
            self._operate(entry, pods)
        nodes = self.items("/api/v1/nodes")
        for pod in self.items("/api/v1/pods"):
            if "deletionTimestamp" in pod["metadata"]:
                self.delete(path_of("/api/v1", "pods", pod))
            elif "nodeName" not in pod["spec"]:
                scheduler.schedule(self, pod, nodes)
            else:
                self._run_pod(pod)

    def _collect(self, group: str, plural: str, owner: Object, owned: list[Object], of: str) -> None:
        """Delete the dependents of a deleted object, then the object."""
        mine = [entry for entry in owned if owner_of(entry) == owner["metadata"]["uid"]]
        for entry in mine:
            if of == "pods":
                self.delete(path_of("/api/v1", "pods", entry))
            elif "deletionTimestamp" not in entry["metadata"]:
                body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground"}
                with contextlib.suppress(httpx.HTTPStatusError):
                    self.call("DELETE", path_of(group, of, entry), body)
        finalizers = owner["metadata"].get("finalizers", [])
        if not mine and (kept := [name for name in finalizers if name not in FINALIZERS]) != finalizers:
            change = {"metadata": {"finalizers": kept or None}}
            self.call("PATCH", path_of(group, plural, owner), change, MERGE)

    def _run_pod(self, pod: Object) -> None:
        """Write the status of a pod like the kubelet of its node."""
        how = self.behave(pod)
        if how == "evicted" and pod["metadata"]["name"] not in self._evicted:
            self._evicted.add(pod["metadata"]["name"])
        path = path_of("/api/v1", "pods", pod)
        status = pod_status(pod, how)
        if {key: pod.get("status", {}).get(key) for key in status} != status:
            self.patch_status(path, status)
            for reason, message in EVENTS.get(how, ()):
                self.say(pod, reason, message)

    def _operate(self, entry: Object, pods: list[Object]) -> None:
        """Act like the inference operator of HyperPod: report a complete deployment, or why it failed."""
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
        self.patch_status(path_of(OPERATOR, "inferenceendpointconfigs", entry), status)


def wait(until: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for a condition. Raise TimeoutError."""
    end = time.monotonic() + seconds
    while not until():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)
