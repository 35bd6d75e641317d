"""What has to be changed so that AWS has what is wanted: a list of calls, worked out from what exists."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lifecycle.inventory import Resource, deletion
from lifecycle.journal import now
from lifecycle.project import POLICY, Failure
from lifecycle.specification import Request, component_update

SCALING = {
    "scalable target": ("application-autoscaling", "register_scalable_target"),
    "policy for load": ("application-autoscaling", "put_scaling_policy"),
    "policy from zero": ("application-autoscaling", "put_scaling_policy"),
    "alarm": ("cloudwatch", "put_metric_alarm"),
}
USABLE = ("InService", "Creating", "Updating", "SystemUpdating", "RollingBack", "")


@dataclass(frozen=True)
class Step:
    """One call that changes something: what it does to what, and why."""

    action: str
    kind: str
    name: str
    service: str
    operation: str
    request: Request = field(repr=False)
    why: str = ""

    def __str__(self) -> str:
        return f"{self.action} {self.kind} {self.name}{f': {self.why}' if self.why else ''}"


def steps(wanted: dict[str, Any], found: list[Resource]) -> list[Step]:
    """Return the calls, in order, [] when all is as wanted. Raises Failure (policy) for a name in use."""
    for resource in found:
        if not resource.ours:
            what, seen = (
                f"the {resource.kind} {resource.name} is not this project's",
                f"{resource.arn} lacks its tag",
            )
            remedy = "take another project_name in do/config.toml, or remove it if it is yours"
            raise Failure(POLICY, "not-ours", what, seen, remedy)
    return [
        *_endpoint(wanted, found),
        *_component(wanted, found),
        *_scaled(wanted, found),
        *_old(wanted, found),
    ]


def expiry(hours: float, planned: list[Step], found: list[Resource]) -> Iterator[Step]:
    """Yield what renews the tag that tells when the endpoint expires: at each change, and when it has."""
    endpoint = next((item for item in _all(found, "endpoint") if item.status in USABLE), None)
    if endpoint is None:
        return
    told = endpoint.tags.get("mcc-expires-at", "")
    request: Request = {"ResourceArn": endpoint.arn}
    if told and not hours:
        request["TagKeys"] = ["mcc-expires-at"]
        yield Step(
            "tag",
            "endpoint",
            endpoint.name,
            "sagemaker",
            "delete_tags",
            request,
            "it does not expire any more",
        )
    elif hours and (planned or told < now()):
        yield Step(
            "tag",
            "endpoint",
            endpoint.name,
            "sagemaker",
            "add_tags",
            request,
            f"it expires in {hours:g} hours",
        )


def fingerprint(planned: list[Step]) -> str:
    """Return digits that tell whether two lists of steps are the same."""
    content = [(step.operation, step.name, step.request) for step in planned]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def differences(wanted: Any, described: Any, path: str = "") -> Iterator[str]:
    """Yield what of a request is not so in what AWS describes; what AWS adds of its own does not count."""
    if isinstance(wanted, dict) and isinstance(described, dict):
        for name, value in wanted.items():
            yield from differences(value, described.get(name), f"{path}.{name}".lstrip("."))
        if path.endswith("Environment"):
            yield from (f"{path}.{name} is gone" for name in described if name not in wanted)
    elif wanted != described and (wanted or described):
        yield f"{path} was {described}, is {wanted}" if described is not None else f"{path} is new"


def _endpoint(wanted: dict[str, Any], found: list[Resource]) -> Iterator[Step]:
    config, request = wanted["endpoint config"], wanted["endpoint"]
    name, config_name = request["EndpointName"], request["EndpointConfigName"]
    if not _named(found, "endpoint config", config_name):
        yield Step("create", "endpoint config", config_name, "sagemaker", "create_endpoint_config", config)
    existing = _named(found, "endpoint", name)
    if existing and existing.status not in USABLE:
        for component in _all(found, "inference component"):
            yield _delete(component, f"its endpoint is {existing.status}")
        yield _delete(existing, existing.described.get("FailureReason", f"it is {existing.status}"))
        existing = None
    if existing is None:
        yield Step("create", "endpoint", name, "sagemaker", "create_endpoint", request)
    elif existing.described["EndpointConfigName"] != config_name:
        why = f"from {existing.described['EndpointConfigName']} to {config_name}"
        yield Step("update", "endpoint", name, "sagemaker", "update_endpoint", request, why)


def _component(wanted: dict[str, Any], found: list[Resource]) -> Iterator[Step]:
    request, model = wanted["inference component"], wanted["model"]
    kind, name, copies = (
        "inference component",
        request["InferenceComponentName"],
        request["RuntimeConfig"]["CopyCount"],
    )
    if model and not _named(found, "model", model["ModelName"]):
        yield Step("create", "model", model["ModelName"], "sagemaker", "create_model", model)
    existing, endpoint = _named(found, kind, name), _named(found, "endpoint", request["EndpointName"])
    if existing and existing.status not in USABLE:
        if endpoint and endpoint.status in USABLE:
            yield _delete(existing, existing.described.get("FailureReason", f"it is {existing.status}"))
        existing = None
    if existing is None or endpoint is None or endpoint.status not in USABLE:
        yield Step("create", kind, name, "sagemaker", "create_inference_component", request)
        return
    changed = list(differences(request["Specification"], specification_of(existing.described)))
    running = existing.described.get("RuntimeConfig", {}).get("DesiredCopyCount", copies)
    if changed:
        update = component_update(request, max(1, running))
        yield Step(
            "update", kind, name, "sagemaker", "update_inference_component", update, "; ".join(changed)
        )
    if running != copies and not wanted["scaling"]:
        update = {"InferenceComponentName": name, "DesiredRuntimeConfig": {"CopyCount": copies}}
        operation, why = (
            "update_inference_component_runtime_config",
            f"{running} copies are running, {copies} wanted",
        )
        yield Step("update", kind, name, "sagemaker", operation, update, why)


def specification_of(described: Request) -> Request:
    """Return the specification of a component as it would be asked for."""
    specification = dict(described.get("Specification", {}))
    if container := dict(specification.get("Container", {})):
        container["Image"] = container.pop("DeployedImage", {}).get("SpecifiedImage")
        specification["Container"] = {"Environment": {}, **container}
    return specification


def _scaled(wanted: dict[str, Any], found: list[Resource]) -> Iterator[Step]:
    for kind, request in wanted["scaling"].items():
        name = (
            request.get("PolicyName") or request.get("AlarmName") or request["ResourceId"].partition("/")[2]
        )
        existing = _named(found, "scaling policy" if "policy" in kind else kind, name)
        changed = list(differences(request, existing.described)) if existing else []
        if existing is None or changed:
            action = "update" if existing else "create"
            yield Step(action, kind, name, *SCALING[kind], request, "; ".join(changed))


def _old(wanted: dict[str, Any], found: list[Resource]) -> Iterator[Step]:
    """Yield what takes away that nothing refers to any more."""
    kept = {wanted["endpoint config"]["EndpointConfigName"], (wanted["model"] or {}).get("ModelName")}
    for resource in found:
        if resource.kind in ("endpoint config", "model") and resource.name not in kept:
            yield _delete(resource, "another takes its place")
    names = {request.get("PolicyName") or request.get("AlarmName") for request in wanted["scaling"].values()}
    for resource in found:
        if resource.kind in ("scaling policy", "alarm") and resource.name not in names:
            yield _delete(resource, "it is not wanted any more")
        elif resource.kind == "scalable target" and not wanted["scaling"]:
            yield _delete(resource, "the number of copies is fixed")


def _delete(resource: Resource, why: str) -> Step:
    return Step("delete", resource.kind, resource.name, *deletion(resource), why)


def _all(found: list[Resource], kind: str) -> list[Resource]:
    return [resource for resource in found if resource.kind == kind]


def _named(found: list[Resource], kind: str, name: str) -> Resource | None:
    return next((resource for resource in _all(found, kind) if resource.name == name), None)
