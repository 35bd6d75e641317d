# Part of the library: `copier update` replaces this file.
"""Show the objects that do/deploy creates or changes in the cluster, and the free capacity. Change nothing.

Without AWS credentials, the plan is that of a first deployment.
"""

import argparse
from typing import Any

from lifecycle import checks, registry
from lifecycle.aws import NO_CREDENTIALS, Aws, AwsFailure
from lifecycle.hyperpod import changes, cluster, preflight, quantity, target_checks
from lifecycle.hyperpod.changes import Change
from lifecycle.hyperpod.manifests import Manifests, Object
from lifecycle.hyperpod.nodes import Node
from lifecycle.hyperpod.target import Target
from lifecycle.project import OK, PRECONDITION, Failure, Finding, Result


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/plan."""
    parser.add_argument("--force", action="store_true", help="plan for do/deploy --force")


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Return the differences that a server-side dry run in the cluster reports."""
    try:
        aws = Aws(settings, "plan", read_only=True)
        aws.identify()
    except AwsFailure as failure:
        if failure.finding.id not in NO_CREDENTIALS:
            raise
        return first(settings, failure)
    manifests, findings = Manifests(), list[Finding]()
    api = cluster.connect(aws, settings)
    if not manifests.image:
        try:
            manifests = with_pushed(settings, aws)
        except Failure as failure:  # the rest of the plan is still valid
            findings.append(failure.finding)
            manifests = Manifests(settings.image)
    found = preflight.before_apply(api, manifests)
    planned = changes.of(api, manifests, arguments.force)
    checked = checks.of_target(settings, aws, target_checks.of_model())
    findings += [check for check in checked if check.severity != OK]
    room = capacity(found, manifests)
    findings += capacity_findings(room, manifests.workload, planned)
    text = [f"cluster {settings.hyperpod_cluster} (EKS {api.name}), namespace {manifests.namespace}"]
    text += [f"image {manifests.image}", *described(planned), *_capacity_lines(room)]
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


def first(settings: Target, failure: AwsFailure) -> Result:
    """Return the objects of a first deployment, without calls to AWS; `failure` is why there are none."""
    manifests = Manifests(settings.image)
    instance_type, request = preflight.requested(manifests.workload)
    replicas = manifests.workload["spec"].get("replicas", 1)
    amounts = ", ".join(quantity.shown(name, amount) for name, amount in request.items())
    planned = [Change(entry, None, []) for entry in manifests.objects]
    text = [f"cluster {settings.hyperpod_cluster}, namespace {manifests.namespace}"]
    text += [f"image {manifests.image}", *described(planned)]
    text += [f"pods: {replicas} on {instance_type}, each reserves {amounts}"]
    text += [
        "the pods use existing nodes of the cluster, at no additional charge",
        checks.line(failure.finding),
    ]
    return {
        "cluster": settings.hyperpod_cluster,
        "namespace": manifests.namespace,
        "image": manifests.image,
        "changes": [{"object": change.name, "action": "create", "differences": []} for change in planned],
        "findings": [failure.finding],
        "exit_code": failure.code,
        "text": "\n".join(text),
    }


def with_pushed(settings: Target, aws: Aws) -> Manifests:
    """Return the manifests with the pushed image, by digest. Raise Failure if there is none to deploy."""
    image = registry.image(settings, aws)
    if image is None:
        what, seen = "there is no image in ECR", f"{settings.image} has not been pushed"
        raise Failure(PRECONDITION, "no-image", what, seen, "do/build, then do/push")
    problem = image.problem(settings)
    if problem and problem.finding.id == "image-platform":  # nodes accept any manifest type
        raise problem
    return Manifests(image.uri)


def described(planned: list[Change]) -> list[str]:
    """Return a line for each object, and one for each difference."""
    lines = []
    for change in planned:
        lines += [f"{change.action:7} {change.name}", *(f"          {line}" for line in change.lines)]
    return lines


def capacity(found: list[Node] | None, manifests: Manifests) -> dict[str, Any]:
    """Return the free capacity of the cluster for the workload, {} without permission to list nodes."""
    return preflight.capacity(found, *preflight.requested(manifests.workload)) if found is not None else {}


def capacity_findings(room: dict[str, Any], workload: Object, planned: list[Change]) -> list[Finding]:
    """Return a finding if the free capacity is less than the rollout needs."""
    change = next(change for change in planned if change.entry is workload)
    if not room or change.action == "keep":
        return []
    spec = workload["spec"]
    needed = int(spec.get("replicas", 1))
    if change.before:  # one more pod than before, unless an old pod can end first
        needed = 0 if spec.get("strategy", {}).get("rollingUpdate", {}).get("maxUnavailable") else 1
    if room["room_for_pods"] >= needed:
        return []
    what = f"not enough capacity: the rollout needs {needed} more pods"
    seen = f"{room['nodes_ready']} ready nodes of type {room['instance_type']} can run "
    seen += f"{room['room_for_pods']} more, {room['free_gpus']} of {room['gpus']} GPUs are free"
    next_step = "free capacity, add nodes, or increase schedule_seconds in do/config.toml to wait"
    return [Finding("little-room", "", what, seen, next_step)]


def _capacity_lines(room: dict[str, Any]) -> list[str]:
    if not room:
        return ["nodes: no permission to list them"]
    return [
        f"nodes: {room['nodes_ready']} of {room['nodes']} of type {room['instance_type']} ready, "
        f"capacity for {room['room_for_pods']} more pods, {room['free_gpus']} of {room['gpus']} GPUs free"
    ]
