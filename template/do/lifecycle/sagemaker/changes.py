# Part of the library: `copier update` replaces this file.
"""The calls that change the existing resources in AWS to the desired state."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lifecycle.journal import now
from lifecycle.project import POLICY, PRECONDITION, Failure
from lifecycle.resources import Resource
from lifecycle.sagemaker.inventory import SERVING
from lifecycle.sagemaker.kinds import IMMUTABLE_KINDS, JOB, SAGEMAKER, call_of, deletion
from lifecycle.sagemaker.specification import (
    COMPONENT,
    EXPIRES_AT,
    NEVER,
    DesiredState,
    Request,
    component_update,
)

USABLE = ("Creating", "", *SERVING)


@dataclass(frozen=True)
class Step:
    """One call that changes a resource, and the reason."""

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


def steps(
    desired: DesiredState, found: list[Resource], expires: bool, tags: Mapping[str, str] | None = None
) -> list[Step]:
    """Return the calls in order, [] without changes; `tags` are those of the settings.

    Raise Failure (policy) for a name in use.
    """
    found = [resource for resource in found if not resource.kept]
    for resource in (resource for resource in found if not resource.owned):
        what = f"the {resource.kind} {resource.name} is owned by another project"
        next_step = "set another project_name in do/config.toml, or delete the resource if it is yours"
        raise Failure(POLICY, "not-ours", what, f"{resource.arn} lacks the project's tag", next_step)
    _require_same_target(desired, found)
    in_use = {item.described["ModelName"] for item in found if item.kind == JOB}
    found = [item for item in found if item.kind != JOB]
    reasons = {(item.kind, item.name): _unusable(item, found) for item in found}
    usable = {(item.kind, item.name): item for item in found if not reasons[item.kind, item.name]}
    planned = [_delete(item, why) for item in found if (why := reasons[item.kind, item.name])]
    scaled = any(kind == "scalable target" for kind, *_ in desired)
    watched = [name for kind, name, request in desired if kind == "alarm" and "AlarmActions" in request]
    for kind, name, request in desired:
        existing = usable.get((kind, name))
        if existing is None:
            planned.append(Step("create", kind, name, request))
        elif kind == COMPONENT:
            planned += _updated(request, existing, scaled, watched)
        elif kind not in IMMUTABLE_KINDS and (changed := list(differences(request, existing.described))):
            planned.append(Step("update", kind, name, request, "; ".join(changed)))
    named = {(kind, name) for kind, name, _ in desired}
    old = (item for key, item in usable.items() if key not in named)
    old = (item for item in old if item.kind not in ("endpoint", COMPONENT) and item.name not in in_use)
    old = (item for item in old if item.kind in {kind for kind, *_ in desired} or _has_endpoint(desired))
    planned += [_delete(item, "it is no longer in the configuration") for item in old]
    kept = [item for key, item in usable.items() if key in named]
    planned += _tagged(tags or {}, kept)
    return [*planned, *_expiry(expires, planned, found)]


def _require_same_target(desired: DesiredState, found: list[Resource]) -> None:
    """Raise Failure (precondition) for an endpoint of components if one of a model is desired, or reverse.

    Batch transform jobs have no endpoint, so any is of another target.
    """
    wanted = _has_endpoint(desired)
    configs = {item.name: item for item in found if item.kind == "endpoint config"}
    for endpoint in (item for item in found if item.kind == "endpoint"):
        if not wanted:
            what, seen = f"the endpoint {endpoint.name} exists", "this project runs batch transform jobs"
            raise Failure(PRECONDITION, "other-target", what, seen, "do/clean, then do/deploy")
        present = configs.get(endpoint.described.get("EndpointConfigName", ""))
        of_model = any(_has_model(request) for kind, _, request in desired if kind == "endpoint config")
        if present and _has_model(present.described) != of_model:
            what = f"the endpoint {endpoint.name} is of another deployment target"
            runs = ("an inference component", "a model")
            seen = f"it runs {runs[not of_model]}, this project deploys {runs[of_model]}"
            raise Failure(PRECONDITION, "other-target", what, seen, "do/clean, then do/deploy")


def _has_endpoint(desired: DesiredState) -> bool:
    return any(kind == "endpoint" for kind, *_ in desired)


def _has_model(config: Request) -> bool:
    return any("ModelName" in variant for variant in config["ProductionVariants"])


def fingerprint(planned: list[Step]) -> str:
    """Return a hash of a list of steps."""
    content = [(step.action, step.kind, step.name, step.request) for step in planned]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def differences(desired: Any, described: Any, path: str = "") -> Iterator[str]:
    """Yield the differences of a request from the description by AWS, without fields that AWS adds."""
    if isinstance(desired, dict) and isinstance(described, dict):
        for name, value in desired.items():
            yield from differences(value, described.get(name), f"{path}.{name}".lstrip("."))
        if path.endswith("Environment"):
            yield from (f"{path}.{name} is removed" for name in described if name not in desired)
    elif desired != described and (desired or described):
        yield f"{path} was {described}, is {desired}" if described is not None else f"{path} is new"


def specification_of(described: Request) -> Request:
    """Return the specification of a component in the format of a request."""
    specification: Request = described.get("Specification", {})
    container: Request = specification.get("Container", {})
    if not container:
        return specification
    image = container.get("DeployedImage", {}).get("SpecifiedImage")
    kept = {name: value for name, value in container.items() if name != "DeployedImage"}
    return {**specification, "Container": {"Environment": {}, **kept, "Image": image}}


def _unusable(item: Resource, found: list[Resource]) -> str:
    """Return why a resource must be created again, "" if it can be used."""
    if item.status not in USABLE:
        return str(item.described.get("FailureReason") or f"its status is {item.status}")
    if item.kind != COMPONENT:
        return ""
    hosts = {endpoint.name: endpoint.status for endpoint in found if endpoint.kind == "endpoint"}
    status = hosts.get(item.described["EndpointName"], "deleted")
    return "" if status in USABLE else f"its endpoint is {status}"


def _updated(request: Request, existing: Resource, scaled: bool, watched: list[str]) -> Iterator[Step]:
    """Yield the updates of a component.

    `scaled` is whether auto scaling sets the number of copies; the alarms `watched` can roll back an update.
    """
    name, copies = existing.name, request["RuntimeConfig"]["CopyCount"]
    runtime = existing.described.get("RuntimeConfig", {})
    running = runtime.get("DesiredCopyCount", copies)
    serving = runtime.get("CurrentCopyCount", running)
    if changed := list(differences(request["Specification"], specification_of(existing.described))):
        update = component_update(request, serving, watched)
        yield Step("update", COMPONENT, name, update, "; ".join(changed))
    if running != copies and not scaled:
        request = {"InferenceComponentName": name, "DesiredRuntimeConfig": {"CopyCount": copies}}
        yield Step("scale", COMPONENT, name, request, f"from {running} to {copies} copies")


def _tagged(tags: Mapping[str, str], kept: list[Resource]) -> Iterator[Step]:
    """Yield the calls that give the tags of the settings to resources without them."""
    for item in kept:
        if item.kind in SAGEMAKER and (new := [key for key in tags if item.tags.get(key) != tags[key]]):
            yield Step("tag", item.kind, item.name, {"ResourceArn": item.arn}, f"tag {', '.join(new)}")


def _expiry(expires: bool, planned: list[Step], found: list[Resource]) -> Iterator[Step]:
    """Yield the renewal of the expiry tag of the endpoint: at each change, and after the expiry."""
    for endpoint in found:
        if endpoint.kind == "endpoint" and endpoint.status in USABLE:
            expiry = endpoint.tags.get(EXPIRES_AT, "")
            if planned or (expiry < now() if expires else expiry != NEVER):
                yield Step("tag", "endpoint", endpoint.name, {"ResourceArn": endpoint.arn}, "expiry time")


def _delete(resource: Resource, why: str) -> Step:
    return Step("delete", resource.kind, resource.name, deletion(resource), why)
