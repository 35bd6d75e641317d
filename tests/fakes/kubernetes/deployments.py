"""The controllers of a cluster that create the pods of a Deployment and replace them, one per turn."""

import hashlib
import json
from datetime import UTC, datetime

from tests.fakes.kubernetes.client import MERGE, Client, Object, is_alive, is_ready, owner_of, path_of

APPS = "/apis/apps/v1"
REVISION, HASH = "deployment.kubernetes.io/revision", "pod-template-hash"


def reconcile(client: Client, deployment: Object, sets: list[Object], pods: list[Object]) -> None:
    """Move the pods of a Deployment toward its template, within the limits of its rolling update."""
    spec, metadata = deployment["spec"], deployment["metadata"]
    mine = [entry for entry in sets if owner_of(entry) == metadata["uid"]]
    mine = [entry for entry in mine if "deletionTimestamp" not in entry["metadata"]]
    key = hash_of(spec["template"])
    current = next((entry for entry in mine if entry["metadata"]["labels"][HASH] == key), None)
    latest = max((int(entry["metadata"]["annotations"][REVISION]) for entry in mine), default=0)
    if current is None:
        current = _new_set(client, deployment, key, latest + 1)
        mine.append(current)
    elif int(current["metadata"]["annotations"][REVISION]) < latest:  # back to an earlier template
        path = path_of(APPS, "replicasets", current)
        change = {"metadata": {"annotations": {REVISION: str(latest + 1)}}}
        current.update(client.call("PATCH", path, change, MERGE))
    revision = current["metadata"]["annotations"][REVISION]
    if metadata.get("annotations", {}).get(REVISION) != revision:
        change = {"metadata": {"annotations": {REVISION: revision}}}
        path = path_of(APPS, "deployments", deployment)
        client.call("PATCH", path, change, MERGE, "kube-controller-manager")
    by_set = {
        entry["metadata"]["uid"]: [
            pod for pod in pods if owner_of(pod) == entry["metadata"]["uid"] and is_alive(pod)
        ]
        for entry in mine
    }
    new = by_set.pop(current["metadata"]["uid"])
    old = [pod for others in by_set.values() for pod in others]
    _scale(client, deployment, current, new, old)
    _report(client, deployment, current, new, old)


def _new_set(client: Client, deployment: Object, key: str, revision: int) -> Object:
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
    return client.create(f"{APPS}/namespaces/{metadata['namespace']}/replicasets", made)


def _scale(client: Client, deployment: Object, current: Object, new: list[Object], old: list[Object]) -> None:
    rolling, wanted = deployment["spec"]["strategy"]["rollingUpdate"], deployment["spec"]["replicas"]
    serving = [pod for pod in (*new, *old) if is_ready(pod)]
    for pod in old:
        if not is_ready(pod) or len(serving) > wanted - int(rolling["maxUnavailable"]):
            client.delete(path_of("/api/v1", "pods", pod))
            if pod in serving:
                serving.remove(pod)
            return  # one per turn
    if len(new) < wanted and len(new) + len(old) < wanted + int(rolling["maxSurge"]):
        _new_pod(client, current)
    elif len(new) > wanted:
        client.delete(path_of("/api/v1", "pods", new[-1]))


def _new_pod(client: Client, owner: Object) -> None:
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
    made = client.create(f"/api/v1/namespaces/{metadata['namespace']}/pods", pod)
    client.patch_status(path_of("/api/v1", "pods", made), {"phase": "Pending"})


def _report(
    client: Client, deployment: Object, current: Object, new: list[Object], old: list[Object]
) -> None:
    """Write a Deployment's status."""
    started = datetime.fromisoformat(current["metadata"]["creationTimestamp"])
    late = (datetime.now(UTC) - started).total_seconds() > deployment["spec"]["progressDeadlineSeconds"]
    ready, wanted = sum(map(is_ready, new)), deployment["spec"]["replicas"]
    failed = late and ready < wanted
    reason = "ProgressDeadlineExceeded" if failed else "NewReplicaSetAvailable"
    progressing = {"type": "Progressing", "status": str(not failed), "reason": reason}
    status = {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": len(new) + len(old),
        "updatedReplicas": len(new),
        "readyReplicas": ready + sum(map(is_ready, old)),
        "availableReplicas": ready + sum(map(is_ready, old)),
        "conditions": [progressing],
    }
    if {key: deployment.get("status", {}).get(key, 0) for key in status} != status:
        client.patch_status(path_of(APPS, "deployments", deployment), status)


def hash_of(template: Object) -> str:
    return hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
