"""Bring the endpoint to what do/config.toml and the newest image say, and check that it answers."""

import argparse
import json
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from lifecycle import changes, inventory, journal, money, plan, remote, requests, specification, waiting
from lifecycle.aws import Aws, AwsFailure
from lifecycle.belongings import Resource
from lifecycle.changes import Step, specification_of
from lifecycle.cli import Result
from lifecycle.console import say
from lifecycle.log_groups import Tail
from lifecycle.plan import Plan
from lifecycle.project import INTERRUPTED, POLICY, PRECONDITION, USAGE, VERIFICATION, Failure
from lifecycle.specification import Request, scalable_target
from lifecycle.target import Target
from lifecycle.transport import Answer


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/deploy."""
    parser.add_argument("--dry-run", action="store_true", help="show the plan, change nothing")
    parser.add_argument(
        "--plan", metavar="FILE", type=Path, help="exactly what do/plan --json wrote there, or nothing"
    )
    parser.add_argument("--rollback", action="store_true", help="go back to the image and settings before")
    requests.add_options(parser)


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Deploy; return what is there now. Success means that the endpoint has answered as do/test expects."""
    if arguments.dry_run:
        return plan.run(settings, arguments)
    rehearse(arguments)
    aws = Aws(settings, "deploy")
    with journal.locked("deploy"):
        try:
            _settle(settings, aws)
            planned = plan.make(settings, aws, before(settings, aws) if arguments.rollback else None)
            require_same(planned, arguments.plan)
            planned.require_ready()
            say(planned.text())
            tail = Tail(settings, aws, time.time())
            for step in planned.steps:
                _take(settings, aws, step, tail)
            answer = _verify(settings, aws, arguments)
            journal.write(verb="deploy", state="deployed", region=aws.region, wanted=planned.wanted)
        except Failure as failure:
            failure.left = [] if failure.code in (USAGE, POLICY) else left(settings)
            raise
        except KeyboardInterrupt:
            what, remedy = (
                "stopped waiting; what was begun goes on",
                "`do/deploy` again goes on, `do/clean` removes all",
            )
            stopped = Failure(INTERRUPTED, "interrupted", what, "Ctrl-C", remedy)
            stopped.left = left(settings)
            raise stopped from None
    done = [str(step) for step in planned.steps]
    text = "\n".join([*(done or ["nothing to do"]), answer.pop("text", ""), money.told(settings)])
    return {
        "endpoint": settings.project_name,
        "steps": done,
        "test": answer,
        "usd": money.of(settings),
        "text": text,
    }


def rehearse(arguments: argparse.Namespace) -> None:
    """Raise Failure (usage) when there is nothing to ask the endpoint with, before anything is made."""

    class Reached(Exception):
        pass

    class Rehearsal:
        name = "rehearsal"

        def ping(self) -> Answer:
            return Answer(200, b"{}")

        def invoke(self, body: bytes, content_type: str, accept: str = "") -> Answer:
            raise Reached

        stream = invoke

    with suppress(Reached):
        requests.check(Rehearsal(), arguments)  # type: ignore[arg-type]


def before(settings: Target, aws: Aws) -> dict[str, Any]:
    """Return what was wanted by the deployment before the present one. Raises Failure without one."""
    deployed = [
        entry["wanted"]
        for entry in journal.read()
        if entry.get("state") == "deployed" and entry.get("region") == aws.region
    ]
    for wanted in reversed(deployed):
        if wanted != deployed[-1]:
            return dict(wanted)
    what, seen = "there is nothing to go back to", f"{journal.JOURNAL} has no other deployment"
    raise Failure(
        PRECONDITION,
        "no-earlier-deployment",
        what,
        seen,
        "set what you want in do/config.toml, then do/deploy",
    )


def require_same(planned: Plan, file: Path | None) -> None:
    """Raise Failure (policy) when a saved plan is not what would be done now."""
    if file is None:
        return
    try:
        saved = json.loads(file.read_text())["result"]
        steps = [(step["action"], step["kind"], step["name"]) for step in saved["steps"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        what, seen = f"{file} is no plan", f"{type(error).__name__}: {error}"
        raise Failure(USAGE, "bad-plan", what, seen, f"do/plan --json > {file}") from None
    now = planned.as_json()
    if (saved["fingerprint"], saved["account"], saved["region"]) != (
        now["fingerprint"],
        now["account"],
        now["region"],
    ):
        changed = [" ".join(step) for step in steps] or ["nothing"]
        seen = f"planned: {', '.join(changed)}; now: {', '.join(map(str, planned.steps)) or 'nothing'}"
        raise Failure(
            POLICY, "plan-outdated", f"things are not as when {file} was made", seen, "do/plan again"
        )


def left(settings: Target) -> list[str]:
    """Return what exists now, with what it costs; what the journal knows of when AWS does not tell."""
    try:
        found = inventory.find(settings, Aws(replace(settings, call_attempts=2), "status", read_only=True))
    except Failure:
        return [
            f"perhaps {name} (by the journal: AWS does not tell)" for name in journal.begun(settings.region)
        ]
    return [money.described(settings, resource) for resource in found if resource.ours]


def _settle(settings: Target, aws: Aws) -> None:
    """Wait for what an earlier command has begun."""
    for kind in ("endpoint", "inference component"):
        resource = inventory.describe(settings, aws, kind, settings.project_name)
        if resource and resource.ours and resource.passing:
            waiting.settled(settings, aws, kind, resource.name, waiting.limit_of(settings))


def _take(settings: Target, aws: Aws, step: Step, tail: Tail) -> None:
    """Make one step and wait until it has taken effect."""
    say(str(step))
    try:
        aws.call(step.service, step.operation, **_completed(settings, aws, step))
    except AwsFailure as error:
        gone = step.action == "delete" and error.missing
        made = inventory.describe(settings, aws, step.kind, step.name) if error.present else None
        if not (gone or (made and made.ours)):
            raise
    if step.kind not in ("endpoint", "inference component") or step.action == "tag":
        return
    if step.action == "delete":
        waiting.settled(settings, aws, step.kind, step.name, waiting.DELETION_SECONDS)
        return
    limit = waiting.limit_of(settings)
    resource = waiting.in_service(settings, aws, step.kind, step.name, limit, tail)
    if not _took(step, resource):
        raise waiting.failed(f"the new {step.kind} {step.name}", resource, tail.last)


def _took(step: Step, resource: Resource) -> bool:
    """Tell whether a resource is as a step wanted it: AWS goes back by itself when the new does not start."""
    wanted = {
        name: step.request[name] for name in ("EndpointConfigName", "Specification") if name in step.request
    }
    described = {**resource.described, "Specification": specification_of(resource.described)}
    return not list(changes.differences(wanted, described))


def _completed(settings: Target, aws: Aws, step: Step) -> Request:
    """Return the request of a step with what is known only now: tags, and the policy that an alarm calls."""
    request, tags = dict(step.request), specification.tags(settings, aws.identity["Arn"])
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    if step.operation == "put_metric_alarm":
        service, key = "application-autoscaling", "ScalingPolicies"
        about = {**scalable_target(settings.project_name), "PolicyNames": [step.name]}
        found = aws.pages(service, "describe_scaling_policies", key, **about)
        return {**request, "AlarmActions": [policy["PolicyARN"] for policy in found], "Tags": listed}
    if step.operation == "register_scalable_target" and step.action == "create":
        return {**request, "Tags": tags}
    if step.operation == "add_tags" or (step.service, step.action) == ("sagemaker", "create"):
        return {**request, "Tags": listed}
    return request


def _verify(settings: Target, aws: Aws, arguments: argparse.Namespace) -> Result:
    """Return what the endpoint answers. Raises Failure (verification) when that is wrong."""
    server = remote.server(settings, aws)
    say(f"asking {server.name}")
    try:
        return requests.check(server, arguments)
    except AwsFailure:
        raise
    except Failure as failure:
        found = failure.finding
        what, seen = "it is deployed, but does not answer as it should", f"{found['what']}: {found['seen']}"
        remedy = f"{found['next']}; `do/logs`; `do/deploy --rollback` goes back, `do/clean` removes it"
        raise Failure(VERIFICATION, found["id"], what, seen, remedy) from None
