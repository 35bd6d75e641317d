"""What has to be changed so that AWS has what is wanted: a list of calls, worked out from what exists."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lifecycle.belongings import Resource
from lifecycle.inventory import call_of, deletion
from lifecycle.journal import now
from lifecycle.project import POLICY, Failure
from lifecycle.specification import NEVER, Request, component_update, name_of

COMPONENT = "inference component"
USABLE = ("InService", "Creating", "Updating", "SystemUpdating", "RollingBack", "")


@dataclass(frozen=True)
class Step:
    """One call that changes something: what it does to what, and why."""

    action: str
    kind: str
    name: str
    request: Request = field(repr=False)
    why: str = ""

    def __str__(self) -> str:
        return f"{self.action} {self.kind} {self.name}{f': {self.why}' if self.why else ''}"

    @property
    def call(self) -> tuple[str, str]:
        """The service and the operation."""
        return call_of(self.action, self.kind)


def steps(wanted: dict[str, Any], found: list[Resource], expires: bool) -> list[Step]:
    """Return the calls, in order, [] when all is as wanted. Raises Failure (policy) for a name in use."""
    for resource in (resource for resource in found if not resource.ours):
        what = f"the {resource.kind} {resource.name} is not this project's"
        remedy = "take another project_name in do/config.toml, or remove it if it is yours"
        raise Failure(POLICY, "not-ours", what, f"{resource.arn} lacks the project's tag", remedy)
    parts = (
        _endpoint(wanted, found),
        _component(wanted, found),
        _scaling(wanted, found),
        _old(wanted, found),
    )
    planned = [step for part in parts for step in part]
    return [*planned, *_expiry(expires, planned, found)]


def fingerprint(planned: list[Step]) -> str:
    """Return digits that tell whether two lists of steps are the same."""
    content = [(step.action, step.kind, step.name, step.request) for step in planned]
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


def specification_of(described: Request) -> Request:
    """Return the specification of a component as it would be asked for."""
    specification = dict(described.get("Specification", {}))
    if container := dict(specification.get("Container", {})):
        container["Image"] = container.pop("DeployedImage", {}).get("SpecifiedImage")
        specification["Container"] = {"Environment": {}, **container}
    return specification


def _endpoint(wanted: dict[str, Any], found: list[Resource]) -> Iterator[Step]:
    config, request = wanted["endpoint config"], wanted["endpoint"]
    name, config_name = request["EndpointName"], request["EndpointConfigName"]
    if not _named(found, "endpoint config", config_name):
        yield Step("create", "endpoint config", config_name, config)
    existing = _named(found, "endpoint", name)
    if existing and existing.status not in USABLE:
        for component in (resource for resource in found if resource.kind == COMPONENT):
            yield _delete(component, f"its endpoint is {existing.status}")
        yield _delete(existing, existing.described.get("FailureReason", f"it is {existing.status}"))
    if existing is None or existing.status not in USABLE:
        yield Step("create", "endpoint", name, request)
    elif existing.described["EndpointConfigName"] != config_name:
        why = f"from {existing.described['EndpointConfigName']} to {config_name}"
        yield Step("update", "endpoint", name, request, why)


def _component(wanted: dict[str, Any], found: list[Resource]) -> Iterator[Step]:
    request, model = wanted[COMPONENT], wanted["model"]
    name, copies = request["InferenceComponentName"], request["RuntimeConfig"]["CopyCount"]
    if model and not _named(found, "model", model["ModelName"]):
        yield Step("create", "model", model["ModelName"], model)
    existing, endpoint = _named(found, COMPONENT, name), _named(found, "endpoint", request["EndpointName"])
    hosted = endpoint is not None and endpoint.status in USABLE
    if existing and hosted and existing.status not in USABLE:
        yield _delete(existing, existing.described.get("FailureReason", f"it is {existing.status}"))
    if existing is None or not hosted or existing.status not in USABLE:
        yield Step("create", COMPONENT, name, request)
        return
    running = existing.described.get("RuntimeConfig", {}).get("DesiredCopyCount", copies)
    if changed := list(differences(request["Specification"], specification_of(existing.described))):
        yield Step("update", COMPONENT, name, component_update(request, max(1, running)), "; ".join(changed))
    if running != copies and not wanted["scaling"]:
        request = {"InferenceComponentName": name, "DesiredRuntimeConfig": {"CopyCount": copies}}
        yield Step("scale", COMPONENT, name, request, f"{running} copies are wanted now, {copies} then")


def _scaling(wanted: dict[str, Any], found: list[Resource]) -> Iterator[Step]:
    for kind, request in wanted["scaling"]:
        existing = _named(found, kind, name_of(request))
        if existing is None:
            yield Step("create", kind, name_of(request), request)
        elif changed := list(differences(request, existing.described)):
            yield Step("update", kind, name_of(request), request, "; ".join(changed))


def _old(wanted: dict[str, Any], found: list[Resource]) -> Iterator[Step]:
    """Yield what takes away that nothing refers to any more."""
    kept = {("endpoint config", wanted["endpoint"]["EndpointConfigName"])}
    kept |= {("model", wanted["model"]["ModelName"])} if wanted["model"] else set()
    kept |= {(kind, name_of(request)) for kind, request in wanted["scaling"]}
    for resource in found:
        if resource.kind not in ("endpoint", COMPONENT) and (resource.kind, resource.name) not in kept:
            yield _delete(resource, "it is not wanted any more")


def _expiry(expires: bool, planned: list[Step], found: list[Resource]) -> Iterator[Step]:
    """Yield what renews the tag that tells when the endpoint expires: at each change, and when it has."""
    for endpoint in found:
        if endpoint.kind == "endpoint" and endpoint.status in USABLE:
            told = endpoint.tags.get("mcc-expires-at", "")
            if planned or (told < now() if expires else told != NEVER):
                yield Step("tag", "endpoint", endpoint.name, {"ResourceArn": endpoint.arn}, "when it expires")


def _delete(resource: Resource, why: str) -> Step:
    return Step("delete", resource.kind, resource.name, deletion(resource), why)


def _named(found: list[Resource], kind: str, name: str) -> Resource | None:
    return next((item for item in found if (item.kind, item.name) == (kind, name)), None)
