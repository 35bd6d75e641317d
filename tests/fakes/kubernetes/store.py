"""The objects of a cluster and the rules of their storage: names, versions, selectors, deletion."""

import copy
import re
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import kubernetes_validate

from tests.fakes.kubernetes import apply as ssa
from tests.fakes.kubernetes.defaults import complete, omit_empty

Object = dict[str, Any]
Place = tuple[str, str]  # namespace ("" for cluster-scoped objects) and name

KINDS: dict[str, dict[str, tuple[str, bool]]] = {  # version: plural: kind, namespaced
    "v1": {
        "configmaps": ("ConfigMap", True),
        "events": ("Event", True),
        "namespaces": ("Namespace", False),
        "nodes": ("Node", False),
        "persistentvolumeclaims": ("PersistentVolumeClaim", True),
        "persistentvolumes": ("PersistentVolume", False),
        "pods": ("Pod", True),
        "secrets": ("Secret", True),
        "services": ("Service", True),
    },
    "apps/v1": {"deployments": ("Deployment", True), "replicasets": ("ReplicaSet", True)},
    "autoscaling/v2": {"horizontalpodautoscalers": ("HorizontalPodAutoscaler", True)},
    "networking.k8s.io/v1": {"networkpolicies": ("NetworkPolicy", True)},
    "policy/v1": {"poddisruptionbudgets": ("PodDisruptionBudget", True)},
}
EXTENSIONS: dict[str, dict[str, tuple[str, bool]]] = {  # the kinds of operators
    "inference.sagemaker.aws.amazon.com/v1": {"inferenceendpointconfigs": ("InferenceEndpointConfig", True)},
    "kueue.x-k8s.io/v1beta1": {"localqueues": ("LocalQueue", True)},
}
IMMUTABLE = {
    "Deployment": [("f:spec", "f:selector")],
    "PersistentVolume": [("f:spec", "f:csi")],
    "PersistentVolumeClaim": [("f:spec", "f:volumeName"), ("f:spec", "f:accessModes")],
}
PROTECTED = {
    "PersistentVolume": ["kubernetes.io/pv-protection"],
    "PersistentVolumeClaim": ["kubernetes.io/pvc-protection"],
}
KUBERNETES = "1.37"


class Refused(Exception):
    """An error response with a Status: an HTTP code, a reason, a message, and causes by field."""

    def __init__(self, code: int, reason: str, message: str, causes: list[Object] | None = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.causes = code, reason, message, causes or []


class Store:
    """All objects, by resource ("apps/v1/deployments"), namespace and name. Every call is atomic."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.known: dict[str, dict[str, tuple[str, bool]]] = dict(KINDS)
        self.objects: dict[str, dict[Place, Object]] = {}
        self._version = 100

    def get(self, resource: str, place: Place) -> Object:
        """Return an object. Raise Refused."""
        with self.lock:
            found = self._of(resource).get(place)
            if found is None:
                plural = resource.rpartition("/")[2]
                raise Refused(404, "NotFound", f'{plural} "{place[1]}" not found')
            return copy.deepcopy(found)

    def list(self, resource: str, namespace: str, labels: str = "", fields: str = "") -> list[Object]:
        """Return the objects of a namespace ("" for all) that match selectors."""
        with self.lock:
            found = [
                entry
                for place, entry in sorted(self._of(resource).items())
                if namespace in ("", place[0]) and _chosen(entry, labels, fields)
            ]
            return copy.deepcopy(found)

    def create(self, resource: str, namespace: str, entry: Object, manager: str) -> Object:
        """Add an object. Raise Refused if it exists."""
        with self.lock:
            metadata = entry.setdefault("metadata", {})
            if "name" not in metadata:
                metadata["name"] = metadata["generateName"] + uuid.uuid4().hex[:5]
            place = (namespace, metadata["name"])
            if place in self._of(resource):
                raise Refused(409, "AlreadyExists", f'"{metadata["name"]}" already exists')
            made = self._born(resource, namespace, entry)
            made = ssa.updated({"metadata": {}}, made, manager)
            return self._keep(resource, place, made)

    def apply(
        self, resource: str, place: Place, entry: Object, manager: str, force: bool, dry_run: bool
    ) -> Object:
        """Apply an object server-side. Raise Refused."""
        with self.lock:
            live = self._of(resource).get(place)
            try:
                result = ssa.apply(live, entry, manager, force)
            except ssa.Conflict as conflict:
                raise _conflict(conflict) from None
            if live is None:
                result = self._born(resource, place[0], result)
            else:
                complete(result)
            _validate(result)
            self._check_immutable(live, result)
            if dry_run:
                return result
            return self._keep(resource, place, result, live)

    def change(
        self, resource: str, place: Place, function: Callable[[Object], Object], manager: str, status: bool
    ) -> Object:
        """Change an object, or only its status. Raise Refused."""
        with self.lock:
            live = self.get(resource, place)
            after = function(copy.deepcopy(live))
            if status:
                after = {**live, "status": after.get("status", {})}
            else:
                after["status"] = live.get("status", {})
                complete(after)
                after = ssa.updated(live, after, manager)
            if "deletionTimestamp" in after["metadata"] and not after["metadata"].get("finalizers"):
                del self._of(resource)[place]
                return after
            return self._keep(resource, place, after, live)

    def delete(self, resource: str, place: Place, foreground: bool, grace: int | None) -> Object:
        """Delete an object after its dependents; a running pod gets a grace period from its node."""
        with self.lock:
            live = self.get(resource, place)
            running = live["kind"] == "Pod" and live["spec"].get("nodeName") and grace != 0
            if not running and not foreground and not live["metadata"].get("finalizers"):
                return self._of(resource).pop(place)
            if foreground and "foregroundDeletion" not in live["metadata"].get("finalizers", []):
                live["metadata"].setdefault("finalizers", []).append("foregroundDeletion")
            live["metadata"].setdefault("deletionTimestamp", _now())
            return self._keep(resource, place, live)

    def _of(self, resource: str) -> dict[Place, Object]:
        return self.objects.setdefault(resource, {})

    def _born(self, resource: str, namespace: str, entry: Object) -> Object:
        version, _, plural = resource.rpartition("/")
        kind, namespaced = self.known[version][plural]
        if namespaced and ("", namespace) not in self._of("v1/namespaces"):
            raise Refused(404, "NotFound", f'namespaces "{namespace}" not found')
        entry = {"apiVersion": version, "kind": kind, **entry}
        own: Object = {"uid": str(uuid.uuid4()), "creationTimestamp": _now(), "generation": 1}
        own |= {"namespace": namespace} if namespaced else {}
        own |= {"finalizers": PROTECTED[kind]} if kind in PROTECTED else {}
        entry["metadata"] = {**entry["metadata"], **own}
        complete(entry)
        return entry

    def _keep(self, resource: str, place: Place, entry: Object, live: Object | None = None) -> Object:
        omit_empty(entry)
        if live and live.get("spec") != entry.get("spec"):
            entry["metadata"]["generation"] = live["metadata"].get("generation", 1) + 1
        plain = {**(live or {}), "metadata": {**(live or {"metadata": {}})["metadata"]}}
        if live is None or plain != entry:
            self._version += 1
            entry["metadata"]["resourceVersion"] = str(self._version)
        self._of(resource)[place] = copy.deepcopy(entry)
        return entry

    def _check_immutable(self, live: Object | None, after: Object) -> None:
        for path in IMMUTABLE.get(after["kind"], []) if live else []:
            if ssa.get(live, path, after["kind"]) != ssa.get(after, path, after["kind"]):
                field = ssa.dotted(path).lstrip(".")
                named = f'{after["kind"]} "{after["metadata"]["name"]}" is invalid'
                raise Refused(422, "Invalid", f"{named}: {field}: field is immutable", [{"field": field}])


def _conflict(conflict: ssa.Conflict) -> Refused:
    managers = ", ".join(sorted({f'"{manager}"' for manager, _ in conflict.fields}))
    listed = "\n".join(f"- {path}" for _, path in conflict.fields)
    number = len(conflict.fields)
    message = f"Apply failed with {number} conflict{'s' * (number > 1)}: conflicts with {managers}:\n{listed}"
    causes = [
        {"reason": "FieldManagerConflict", "message": f'conflict with "{manager}"', "field": path}
        for manager, path in conflict.fields
    ]
    return Refused(409, "Conflict", message, causes)


def _validate(entry: Object) -> None:
    """Validate an object against the schema of its kind, except for kinds of operators."""
    try:
        kubernetes_validate.validate(entry, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        if error.validator == "additionalProperties":
            where = "".join(f".{step}" for step in error.absolute_path)
            told = (
                f"failed to create typed patch object: {where}: {error.message}: field not declared in schema"
            )
            raise Refused(500, "InternalError", told) from None
        named = f'{entry["kind"]} "{entry["metadata"]["name"]}" is invalid'
        raise Refused(422, "Invalid", f"{named}: {error.message}") from None
    except kubernetes_validate.SchemaNotFoundError:
        pass


def _chosen(entry: Object, labels: str, fields: str) -> bool:
    has = entry["metadata"].get("labels", {})
    for part in filter(None, labels.split(",")):
        name, _, value = part.partition("=")
        if has.get(name) != value:
            return False
    for part in filter(None, fields.split(",")):
        name, negative, value = re.fullmatch(r"([^!=]+)(!?)=(.*)", part).groups()  # type: ignore[union-attr]
        found: Any = entry
        for step in name.split("."):
            found = found.get(step, {}) if isinstance(found, dict) else {}
        if (str(found) == value) == bool(negative):
            return False
    return True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
