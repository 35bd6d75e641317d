# Part of the library: `copier update` replaces this file.
"""Show the steps of the next do/deploy, the cost, and any blocking issues. Change nothing.

Without AWS credentials, the plan is that of a first deployment.
"""

import argparse
import textwrap
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import groupby
from pathlib import Path

from lifecycle import checks, journal, registry
from lifecycle.aws import NO_CREDENTIALS, Aws, AwsFailure
from lifecycle.model_files import pinned
from lifecycle.policies import policy
from lifecycle.project import DONE, ERROR, OK, POLICY, PRECONDITION, PROJECT, USAGE, Failure, Finding, Result
from lifecycle.resources import Resource
from lifecycle.sagemaker import alarms, changes, export, hosted, inventory
from lifecycle.sagemaker.changes import Step
from lifecycle.sagemaker.hosted import Target, cost, target_checks
from lifecycle.sagemaker.kinds import call_of
from lifecycle.sagemaker.specification import COMPONENT, DesiredState

WIDTH = 79
NO_ACCOUNT = "0" * 12
NO_IMAGE = "(no image yet)"
PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}


@dataclass(frozen=True)
class Plan:
    """The desired state, the steps to it, the results of the checks, and the IAM actions of a deploy."""

    settings: Target
    desired: DesiredState
    steps: list[Step]
    checks: list[Finding]
    actions: list[str]

    @property
    def wrong(self) -> list[Finding]:
        """The blocking issues."""
        return [check for check in self.checks if check.severity == ERROR]

    @property
    def exit_code(self) -> int:
        """The exit code of a deploy with these issues, DONE without any."""
        return (POLICY if self.wrong[0].id == cost.OVER_BUDGET else PRECONDITION) if self.wrong else DONE

    def require_ready(self) -> None:
        """Raise Failure for the first check that is an error."""
        for check in self.wrong:
            raise Failure(self.exit_code, check.id, check.what, check.seen, check.next, check.cause)

    def as_json(self) -> Result:
        """Return the plan as plain values, which do/deploy --plan accepts."""
        names = ("action", "kind", "name", "why", "request")
        return {
            "fingerprint": changes.fingerprint(self.steps),
            "account": self.settings.account,
            "region": self.settings.region,
            "steps": [{name: getattr(step, name) for name in names} for step in self.steps],
            "usd": cost.of(self.settings),
            "checks": [check.as_json() for check in self.checks],
            "iam_actions": self.actions,
        }

    def text(self) -> str:
        """Return the plan as text for the terminal."""
        steps = [str(step) for step in self.steps] or ["no changes: AWS matches do/config.toml"]
        costs = [cost.summary(self.settings), hosted.reserved(self.settings)]
        lines = [*steps, "", *costs, "", *map(checks.line, self.checks)]
        return textwrap.indent("\n".join(lines), "  ")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/plan."""
    text = "write the same plan to FILE as a CloudFormation template, without calls to AWS"
    parser.add_argument("--template", metavar="FILE", type=Path, help=text)
    parser.add_argument("--force", action="store_true", help="replace FILE if it has other content")


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Return the plan, or write the template."""
    if arguments.template:
        settings.check()
        checked = [*target_checks.of_settings(settings), cost.check(settings)]
        Plan(settings, [], [], checked, []).require_ready()
        return export.run(settings, arguments.template, arguments.force)
    if arguments.force:
        what, next_step = "--force is an option of --template", "do/plan --template FILE --force"
        raise Failure(USAGE, "bad-options", what, "--force without --template", next_step)
    return shown(settings)


def shown(settings: Target) -> Result:
    """Return the plan as a result: its steps, cost, checks and IAM actions."""
    settings.check()
    try:
        plan = make(settings, Aws(settings, "plan", read_only=True))
    except AwsFailure as failure:
        if failure.finding.id not in NO_CREDENTIALS:
            raise
        plan = first(settings, failure.finding)
    wrong = [check for check in plan.checks if check.severity != OK]
    text = [plan.text(), "", "  IAM actions of a deploy (the policy: do/doctor --policy deploy):"]
    for service, actions in groupby(plan.actions, key=lambda action: action.partition(":")[0]):
        listed = f"{service}: {', '.join(action.partition(':')[2] for action in actions)}"
        text.append(textwrap.fill(listed, WIDTH, initial_indent="    ", subsequent_indent="      "))
    return {**plan.as_json(), "findings": wrong, "exit_code": plan.exit_code, "text": "\n".join(text)}


def make(
    settings: Target, aws: Aws, desired: DesiredState | None = None, found: list[Resource] | None = None
) -> Plan:
    """Return the plan for a desired state, by default that of the settings and the newest image.

    `found` are the resources in AWS, by default those of a new search. What only a change needs (the role,
    quotas, the network) is checked if the plan has steps.

    Raise Failure without credentials of the right account, for an endpoint of another project that has the
    project's name, and for resources of another identity.
    """
    has_role = bool(settings.role_arn)
    checked = [] if has_role else [target_checks.no_role(settings)]
    settings = with_role(replace(settings, account=aws.identify().account), aws.partition)
    image = registry.image(settings, aws)
    found = inventory.find(settings, aws, indexed=True) if found is None else found
    for item in found:
        if item.removable:
            aws.require_creator(f"the {item}", item.tags)
    desired = desired or hosted.desired(settings, image.uri if image else NO_IMAGE)
    for kind, _, request in desired:
        aws.validate(*call_of("create", kind), request)
    steps = changes.steps(desired, found, settings.expires_after_hours > 0, settings.tags)
    checked += [*target_checks.of_settings(settings), checks.pushed(settings, image, ERROR)]
    checked += target_checks.of_image(settings, image) if image else []
    done = {"components"} if has_role else {"components", "role"}
    known = {name: check for name, check in target_checks.checks_of(settings).items() if name not in done}
    if not steps:  # without a change, only what changes by itself
        known = {
            name: check
            for name, check in known.items()
            if name == "model-source" and pinned(settings.model_data)
        }
    checked += [cost.check(settings), *checks.of_target(settings, aws, known)]
    if steps and (PROJECT / "iam" / "delivery.yml").exists():  # only then there is the module
        checked += checks.of_target(settings, aws, import_module("lifecycle.pipeline_role").CHECKS)
    updates = [step.request for step in steps if (step.action, step.kind) == ("update", COMPONENT)]
    checked += alarms.findings(settings, aws, updates)
    return Plan(settings, desired, steps, checked, _actions(settings, aws.partition))


def first(settings: Target, problem: Finding) -> Plan:
    """Return the plan of a first deployment, without calls to AWS; `problem` is why there are none."""
    checked = [problem, *([] if settings.role_arn else [target_checks.no_role(settings)])]
    checked += [*target_checks.of_settings(settings), cost.check(settings)]
    account = settings.account or journal.account()
    partition = next((name for start, name in PARTITIONS.items() if settings.region.startswith(start)), "aws")
    planned = with_role(replace(settings, account=account or NO_ACCOUNT), partition)
    desired = hosted.desired(planned, NO_IMAGE)
    steps = changes.steps(desired, [], settings.expires_after_hours > 0)
    return Plan(replace(planned, account=account), desired, steps, checked, _actions(planned, partition))


def with_role(settings: Target, partition: str) -> Target:
    """Return settings that have a role: the one that iam/stack.yml creates, if they name none."""
    role = f"arn:{partition}:iam::{settings.account}:role/{settings.stack_role}"
    return settings if settings.role_arn else replace(settings, role_arn=role)


def _actions(settings: Target, partition: str) -> list[str]:
    """Return the IAM actions of a deploy."""
    statements = policy("deploy", settings, settings.account, partition)["Statement"]
    return sorted({action for statement in statements for action in statement["Action"]})
