# Part of the library: `copier update` replaces this file.
"""What has to be changed so that AWS has what is wanted: a list of calls, worked out from what exists."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lifecycle.journal import now
from lifecycle.project import POLICY, Failure
from lifecycle.resources import Resource
from lifecycle.sagemaker.inventory import IMMUTABLE_KINDS, call_of, deletion
from lifecycle.sagemaker.specification import (
    COMPONENT,
    EXPIRES_AT,
    NEVER,
    DesiredState,
    Request,
    component_update,
)

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


def steps(wanted: DesiredState, found: list[Resource], expires: bool) -> list[Step]:
    """Return the calls, in order, [] when all is as wanted. Raises Failure (policy) for a name in use."""
    found = [resource for resource in found if not resource.kept]
    for resource in (resource for resource in found if not resource.ours):
        what = f"the {resource.kind} {resource.name} is not this project's"
        remedy = "take another project_name in do/config.toml, or remove it if it is yours"
        raise Failure(POLICY, "not-ours", what, f"{resource.arn} lacks the project's tag", remedy)
    reasons = {(item.kind, item.name): _unusable(item, found) for item in found}
    usable = {(item.kind, item.name): item for item in found if not reasons[item.kind, item.name]}
    planned = [_delete(item, why) for item in found if (why := reasons[item.kind, item.name])]
    scaled = any(kind == "scalable target" for kind, *_ in wanted)
    for kind, name, request in wanted:
        existing = usable.get((kind, name))
        if existing is None:
            planned.append(Step("create", kind, name, request))
        elif kind == COMPONENT:
            planned += _updated(request, existing, scaled)
        elif kind not in IMMUTABLE_KINDS and (changed := list(differences(request, existing.described))):
            planned.append(Step("update", kind, name, request, "; ".join(changed)))
    named = {(kind, name) for kind, name, _ in wanted}
    old = (item for key, item in usable.items() if key not in named)
    old = (item for item in old if item.kind not in ("endpoint", COMPONENT))
    planned += [_delete(item, "it is not wanted any more") for item in old]
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
    specification: Request = described.get("Specification", {})
    container: Request = specification.get("Container", {})
    if not container:
        return specification
    image = container.get("DeployedImage", {}).get("SpecifiedImage")
    kept = {name: value for name, value in container.items() if name != "DeployedImage"}
    return {**specification, "Container": {"Environment": {}, **kept, "Image": image}}


def _unusable(item: Resource, found: list[Resource]) -> str:
    """Return why something must be made anew, "" when it can be used: a component goes with its endpoint."""
    if item.status not in USABLE:
        return str(item.described.get("FailureReason") or f"it is {item.status}")
    if item.kind != COMPONENT:
        return ""
    hosts = {endpoint.name: endpoint.status for endpoint in found if endpoint.kind == "endpoint"}
    status = hosts.get(item.described["EndpointName"], "gone")
    return "" if status in USABLE else f"its endpoint is {status}"


def _updated(request: Request, existing: Resource, scaled: bool) -> Iterator[Step]:
    """Yield what brings a component up to date; `scaled` is whether the load tells its number of copies."""
    name, copies = existing.name, request["RuntimeConfig"]["CopyCount"]
    runtime = existing.described.get("RuntimeConfig", {})
    running = runtime.get("DesiredCopyCount", copies)
    serving = runtime.get("CurrentCopyCount", running)
    if changed := list(differences(request["Specification"], specification_of(existing.described))):
        yield Step("update", COMPONENT, name, component_update(request, serving), "; ".join(changed))
    if running != copies and not scaled:
        request = {"InferenceComponentName": name, "DesiredRuntimeConfig": {"CopyCount": copies}}
        yield Step("scale", COMPONENT, name, request, f"{running} copies are wanted now, {copies} then")


def _expiry(expires: bool, planned: list[Step], found: list[Resource]) -> Iterator[Step]:
    """Yield what renews the tag that tells when the endpoint expires: at each change, and when it has."""
    for endpoint in found:
        if endpoint.kind == "endpoint" and endpoint.status in USABLE:
            told = endpoint.tags.get(EXPIRES_AT, "")
            if planned or (told < now() if expires else told != NEVER):
                yield Step("tag", "endpoint", endpoint.name, {"ResourceArn": endpoint.arn}, "when it expires")


def _delete(resource: Resource, why: str) -> Step:
    return Step("delete", resource.kind, resource.name, deletion(resource), why)
