"""The defaults and omitted fields of the API, limited to the objects of this project."""

from typing import Any

Object = dict[str, Any]
# Counts that a server omits while they are 0, by `omitempty` in the Go types of apps/v1.
COUNTS = ("updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas")
OMITTED = {
    "Deployment": ("replicas", "observedGeneration", *COUNTS),
    "ReplicaSet": ("observedGeneration", "fullyLabeledReplicas", *COUNTS),
}
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def complete(entry: Object) -> None:
    """Fill in the defaults of an object."""
    if function := BY_KIND.get(entry["kind"]):
        function(entry)


def omit_empty(entry: Object) -> None:
    """Remove the counts of an object's status that are 0, as a server does."""
    status = entry.get("status", {})
    for name in OMITTED.get(entry["kind"], ()):
        if status.get(name) == 0:
            del status[name]


def _deployment(entry: Object) -> None:
    spec = entry["spec"]
    _default(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    _default(spec.setdefault("strategy", {}), type="RollingUpdate")
    _default(spec["strategy"].setdefault("rollingUpdate", {}), maxSurge="25%", maxUnavailable="25%")
    spec["template"]["metadata"].setdefault("creationTimestamp", None)
    _pod(spec["template"]["spec"])


def _pod(spec: Object) -> None:
    _default(spec, restartPolicy="Always", dnsPolicy="ClusterFirst", schedulerName="default-scheduler")
    _default(spec, terminationGracePeriodSeconds=30)
    spec.setdefault("securityContext", {})
    for container in spec["containers"]:
        _default(container, terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File")
        _default(container, imagePullPolicy="IfNotPresent" if "@" in container["image"] else "Always")
        resources = container.setdefault("resources", {})
        for name, amount in resources.get("limits", {}).items():
            resources.setdefault("requests", {}).setdefault(name, amount)
        for resource in (resources.get("limits", {}), resources.get("requests", {})):
            resource.update({name: str(amount) for name, amount in resource.items()})
        for port in container.get("ports", []):
            _default(port, protocol="TCP")
        for probe in (container[name] for name in PROBES if name in container):
            _default(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
            _default(probe["httpGet"], scheme="HTTP")


def _service(entry: Object) -> None:
    spec = entry["spec"]
    _default(spec, type="ClusterIP", sessionAffinity="None", internalTrafficPolicy="Cluster")
    _default(spec, clusterIP="10.100.0.10", clusterIPs=["10.100.0.10"], ipFamilyPolicy="SingleStack")
    _default(spec, ipFamilies=["IPv4"])
    for port in spec["ports"]:
        _default(port, protocol="TCP")


def _claim(entry: Object) -> None:
    _default(entry["spec"], volumeMode="Filesystem")


def _default(holder: Object, **values: Any) -> None:
    for name, value in values.items():
        holder.setdefault(name, value)


BY_KIND = {
    "Deployment": _deployment,
    "Pod": lambda entry: _pod(entry["spec"]),
    "Service": _service,
    "PersistentVolume": _claim,
    "PersistentVolumeClaim": _claim,
}
