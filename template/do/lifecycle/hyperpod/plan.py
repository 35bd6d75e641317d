# Part of the library: `copier update` replaces this file.
"""Show what do/deploy would create and change in the cluster, and whether it has room; change nothing."""

import argparse
from typing import Any

from lifecycle import registry
from lifecycle.aws import Aws
from lifecycle.hyperpod import changes, cluster, preflight
from lifecycle.hyperpod.changes import Change
from lifecycle.hyperpod.manifests import Manifests, Object
from lifecycle.hyperpod.nodes import Node
from lifecycle.hyperpod.target import Target
from lifecycle.project import PRECONDITION, Failure, Finding, Result


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/plan."""
    parser.add_argument("--force", action="store_true", help="as with do/deploy --force")


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Have the cluster try what do/deploy would apply, without doing it."""
    aws = Aws(settings, "plan", read_only=True)
    manifests, findings = Manifests(), list[Finding]()
    api = cluster.connect(aws, settings)
    if not manifests.image:
        try:
            manifests = with_pushed(settings, aws)
        except Failure as failure:  # the rest can be planned all the same
            findings.append(failure.finding)
            manifests = Manifests(settings.image)
    found = preflight.before_apply(api, manifests)
    planned = changes.of(api, manifests, arguments.force)
    room = capacity(found, manifests)
    findings += short(room, manifests.workload, planned)
    text = [f"cluster {settings.hyperpod_cluster} (EKS {api.name}), namespace {manifests.namespace}"]
    text += [f"image {manifests.image}", *described(planned), *_told(room)]
    return {
        "cluster": settings.hyperpod_cluster,
        "eks_cluster": api.name,
        "namespace": manifests.namespace,
        "image": manifests.image,
        "changes": [{"object": c.name, "action": c.action, "differences": c.lines} for c in planned],
        "capacity": room,
        "findings": findings,
        "text": "\n".join([*text, *(f"note: {item.what}; {item.seen}" for item in findings)]),
    }


def with_pushed(settings: Target, aws: Aws) -> Manifests:
    """Return the manifests with the pushed image, by digest. Raises Failure when there is none to deploy."""
    image = registry.image(settings, aws)
    if image is None:
        what, seen = "there is no image in ECR", f"{settings.image} has not been pushed"
        raise Failure(PRECONDITION, "no-image", what, seen, "do/build, then do/push")
    problem = image.problem(settings)
    if problem and problem.finding.id == "image-platform":  # its manifest's type is all the same to nodes
        raise problem
    return Manifests(image.uri)


def described(planned: list[Change]) -> list[str]:
    """Return a line for each object, and one for each difference."""
    lines = []
    for change in planned:
        lines += [f"{change.action:7} {change.name}", *(f"          {line}" for line in change.lines)]
    return lines


def capacity(found: list[Node] | None, manifests: Manifests) -> dict[str, Any]:
    """Return how much room the cluster has for the workload, {} when its nodes cannot be seen."""
    return preflight.capacity(found, *preflight.wanted(manifests.workload)) if found is not None else {}


def short(room: dict[str, Any], workload: Object, planned: list[Change]) -> list[Finding]:
    """Return a finding when there is less room than the rollout needs."""
    change = next(change for change in planned if change.entry is workload)
    if not room or change.action == "keep":
        return []
    spec = workload["spec"]
    needed = int(spec.get("replicas", 1))
    if change.before:  # one pod more than before, unless one of those may end first
        needed = 0 if spec.get("strategy", {}).get("rollingUpdate", {}).get("maxUnavailable") else 1
    if room["room_for_pods"] >= needed:
        return []
    what = f"the rollout needs room for {needed} more pods"
    seen = f"the {room['nodes_ready']} ready nodes of type {room['instance_type']} have room for "
    seen += f"{room['room_for_pods']}, {room['free_gpus']} of {room['gpus']} GPUs are free"
    remedy = "free some, add nodes, or have pods wait: schedule_seconds in do/config.toml"
    return [Finding("little-room", "", what, seen, remedy)]


def _told(room: dict[str, Any]) -> list[str]:
    if not room:
        return ["nodes: this identity must not see them"]
    return [
        f"nodes: {room['nodes_ready']} of {room['nodes']} of type {room['instance_type']} ready, room for "
        f"{room['room_for_pods']} pods, {room['free_gpus']} of {room['gpus']} GPUs free"
    ]
