# Part of the library: `copier update` replaces this file.
"""Deploy the newest image with the settings of do/config.toml, and verify that the endpoint responds."""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

from lifecycle import explain, journal, project
from lifecycle.aws import Aws, AwsFailure, tag_list
from lifecycle.console import log
from lifecycle.project import POLICY, USAGE, Failure, Result
from lifecycle.resources import Resource
from lifecycle.sagemaker import alarms, changes, inventory, plan, remote, specification, undo, waiting
from lifecycle.sagemaker.changes import Step
from lifecycle.sagemaker.hosted import Target, cost
from lifecycle.sagemaker.kinds import ASYNC_KINDS
from lifecycle.sagemaker.logs import Tail
from lifecycle.sagemaker.plan import Plan
from lifecycle.sagemaker.specification import DesiredState, Request
from lifecycle.served import requests

HAS_ENDPOINT = Target.target_kind != "job"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/deploy."""
    parser.add_argument("--dry-run", action="store_true", help="show the plan and change nothing")
    text = "deploy only if the plan still matches this output of do/plan --json"
    parser.add_argument("--plan", metavar="FILE", type=Path, help=text)
    parser.add_argument(
        "--rollback", action="store_true", help="deploy the previous image and settings again"
    )
    text = "if the first deployment fails, delete the endpoint without asking"
    parser.add_argument("--yes", action="store_true", help=text if HAS_ENDPOINT else argparse.SUPPRESS)
    if HAS_ENDPOINT:
        requests.add_options(parser)


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Deploy, and return the result. The exit code is 0 only if the endpoint, if any, passes do/test."""
    if arguments.dry_run:
        return plan.shown(settings)
    if HAS_ENDPOINT:
        requests.validate(arguments)
    aws = Aws(settings, "deploy")
    with journal.locked("deploy"):
        try:
            planned, answer = _deploy(settings, aws, arguments)
        except Failure as failure:
            failure.left = [] if failure.code in (USAGE, POLICY) else _left(settings)
            raise
        except KeyboardInterrupt:
            what, seen = "stopped waiting", "the operation continues in AWS"
            next_step = "do/deploy continues, do/clean deletes all resources"
            stopped = Failure(project.INTERRUPTED, "interrupted", what, seen, next_step)
            stopped.left = _left(settings)
            raise stopped from None
    done, usd = [str(step) for step in planned.steps], cost.of(settings)
    text = "\n".join([*(done or ["no changes"]), answer.get("text", ""), cost.summary(settings)])
    test = {name: value for name, value in answer.items() if name != "text"}
    result = {"steps": done, "usd": usd, "text": text}
    return result | ({"endpoint": settings.project_name, "test": test} if HAS_ENDPOINT else {})


def _deploy(settings: Target, aws: Aws, arguments: argparse.Namespace) -> tuple[Plan, Result]:
    found = _settled(settings, aws)
    settings.check()
    settings.require_role()
    planned = plan.make(settings, aws, _before(aws) if arguments.rollback else None, found)
    if arguments.plan:
        _require_same(planned, arguments.plan)
    planned.require_ready()
    log(planned.text())
    tail = Tail(settings, aws, time.time())
    try:
        for step in planned.steps:
            _apply(settings, aws, step, tail)
        answer = _verified(settings, arguments) if HAS_ENDPOINT else {"text": "next: do/batch FILE"}
    except Failure as failure:
        undo.offer(settings, aws, planned.steps, failure, arguments.yes)
        raise
    journal.write(verb="deploy", state="deployed", region=aws.region, wanted=planned.desired)
    return planned, answer


def _settled(settings: Target, aws: Aws) -> list[Resource]:
    """Return the resources in AWS after the operations of earlier commands."""
    found = inventory.find(settings, aws, indexed=True)
    if not any(item.kind in ASYNC_KINDS and item.owned and item.in_transition for item in found):
        return found
    for kind in reversed(ASYNC_KINDS):
        resource = inventory.describe(settings, aws, kind, settings.project_name)
        if resource and resource.owned and resource.in_transition:
            resource = waiting.until_stable(settings, aws, kind, resource.name)
        if resource is None:
            break  # without its endpoint, a component stays in transition forever
    return inventory.find(settings, aws, indexed=True)


def _before(aws: Aws) -> DesiredState:
    """Return the desired state of the previous deployment. Raise Failure if there is none."""
    entries = (entry for entry in journal.read() if entry.get("region") == aws.region)
    deployed: list[DesiredState] = [entry["wanted"] for entry in entries if entry.get("state") == "deployed"]
    for desired in reversed(deployed):
        if desired != deployed[-1]:
            return desired
    what, seen = "there is no previous deployment", f"{journal.JOURNAL} has no other deployment"
    next_step = "change do/config.toml, then do/deploy"
    raise Failure(project.PRECONDITION, "no-earlier-deployment", what, seen, next_step)


def _require_same(planned: Plan, file: Path) -> None:
    """Raise Failure (policy) if a saved plan differs from the present one."""
    try:
        saved = json.loads(file.read_text())["result"]
        known = [saved[name] for name in ("fingerprint", "account", "region")]
        steps = [f"{step['action']} {step['kind']} {step['name']}" for step in saved["steps"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        what, seen = f"{file} is not a plan", f"{type(error).__name__}: {error}"
        raise Failure(USAGE, "bad-plan", what, seen, f"do/plan --json > {file}") from None
    now = planned.as_json()
    if known != [now[name] for name in ("fingerprint", "account", "region")]:
        then, now_to_do = "; ".join(steps) or "nothing", "; ".join(map(str, planned.steps)) or "nothing"
        what, seen = f"the plan in {file} is out of date", f"planned: {then}. Now: {now_to_do}"
        raise Failure(POLICY, "plan-outdated", what, seen, f"do/plan --json > {file}")


def _apply(settings: Target, aws: Aws, step: Step, tail: Tail) -> None:
    """Apply one step and wait until it is complete."""
    log(str(step))
    shows = _shows(settings, aws, step)
    try:
        _call(aws, step, _completed(settings, aws, step))
    except AwsFailure as error:
        gone = step.action == "delete" and error.missing
        present = inventory.describe(settings, aws, step.kind, step.name) if error.present else None
        if not (gone or (present and present.owned)):
            raise
    if step.kind in ASYNC_KINDS and step.action != "tag":
        resource = waiting.until_stable(
            settings, aws, step.kind, step.name, tail.quietly, specification.rollout(step.request), shows
        )
        if step.action != "delete" and not _applied(step, resource):
            if step.action == "update" and resource and resource.status == "InService":
                raise _rolled_back(resource, tail.last, alarms.started(aws, alarms.of_update(step.request)))
            new = "new " if step.action == "update" else ""
            raise inventory.failed(f"the {new}{step.kind} {step.name}", resource, tail.last)


def _shows(settings: Target, aws: Aws, step: Step) -> waiting.Shows:
    """Return whether a description of the resource of a step includes the change that the step makes."""
    if step.kind in ASYNC_KINDS and step.action in ("update", "scale"):
        return waiting.updated(inventory.describe(settings, aws, step.kind, step.name))
    return waiting.deleted if step.action == "delete" else waiting.created


def _call(aws: Aws, step: Step, request: Request) -> None:
    """Make the call of a step. AWS can miss a resource for a few seconds after its creation: try again."""
    service, operation = step.call
    deadline = time.monotonic() + waiting.STALE_READ_SECONDS
    while True:
        try:
            aws.call(service, operation, **request)
            return
        except AwsFailure as error:
            if step.action == "delete" or not error.missing or time.monotonic() > deadline:
                raise
        log("AWS does not find what was created before; trying again")
        time.sleep(min(2.0, aws.settings.poll_seconds))


def _rolled_back(resource: Resource, lines: list[str], started: list[str]) -> Failure:
    """Return the failure of an update that AWS rolled back, for which AWS gives no reason.

    `started` are the alarms of the update that are in ALARM.
    """
    container = changes.specification_of(resource.described).get("Container", {})
    serving = container.get("Image") or resource.described.get("EndpointConfigName", "the previous model")
    cause, next_step = explain.explained("\n".join(lines), "do/logs shows the complete log")
    seen = f"the {resource} serves {serving} again"
    seen = "\n        ".join([seen, *lines[-inventory.LOG_LINES_SHOWN :]])
    if started:
        cause, next_step = f"an alarm started: {'; '.join(started)}", "do/logs shows the complete log"
    cause = cause or "the new version did not start in time; its last log lines are above"
    next_step = f"{next_step}; fix the image or the setting, then run do/deploy"
    return Failure(project.REFUSED, "rolled-back", "AWS rolled back the update", seen, next_step, cause)


def _applied(step: Step, resource: Resource | None) -> bool:
    """Return whether a resource has the state of a step; AWS rolls back an update that does not start."""
    if resource is None or resource.status != "InService":
        return False
    names = ("EndpointConfigName", "Specification")
    desired = {name: step.request[name] for name in names if name in step.request}
    described = {**resource.described, "Specification": changes.specification_of(resource.described)}
    return not list(changes.differences(desired, described))


def _completed(settings: Target, aws: Aws, step: Step) -> Request:
    """Return the request of a step with its tags, and with the scaling policy of an alarm."""
    request, (service, operation) = dict(step.request), step.call
    tags = {
        **(settings.tags if step.action == "tag" else aws.tags),
        **specification.expiry(settings.expires_after_hours),
    }
    listed = tag_list(tags)
    if operation == "put_metric_alarm" and "AlarmActions" not in request:
        about = {**specification.scalable_target(settings.project_name), "PolicyNames": [step.name]}
        found = aws.pages("application-autoscaling", "describe_scaling_policies", "ScalingPolicies", **about)
        return {**request, "AlarmActions": [policy["PolicyARN"] for policy in found], "Tags": listed}
    if operation == "register_scalable_target" and step.action == "create":
        return {**request, "Tags": tags}
    created = step.action == "create" and (service == "sagemaker" or step.kind == "alarm")
    tagged = step.action == "tag" or created
    return {**request, "Tags": listed} if tagged else request


def _verified(settings: Target, arguments: argparse.Namespace) -> Result:
    """Return the response of the endpoint. Raise Failure (verification) if it is wrong."""
    server = remote.server(settings, "deploy")
    log(f"invoking {server.name}")
    try:
        return requests.check(server, arguments)
    except AwsFailure:
        raise
    except Failure as failure:
        if failure.code == project.TIMED_OUT:
            raise
        found = failure.finding
        what, seen = "it is deployed, but the response is wrong", f"{found.what}: {found.seen}"
        next_step = f"{found.next}; see do/logs; do/deploy --rollback restores the previous version"
        raise Failure(project.VERIFICATION, found.id, what, seen, next_step) from None


def _left(settings: Target) -> list[str]:
    """Return the existing resources with their cost, or those that might exist if AWS cannot be reached."""
    try:
        found = inventory.find(settings, Aws(replace(settings, call_attempts=2), "deploy", read_only=True))
    except Failure:
        return inventory.possible(settings) if journal.read() else []
    return [cost.described(settings, resource) for resource in found if resource.removable]
