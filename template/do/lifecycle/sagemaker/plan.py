# Part of the library: `copier update` replaces this file.
"""Show what do/deploy would create, change and delete, what that costs, and what stands in its way."""

import argparse
import textwrap
from dataclasses import dataclass, replace
from itertools import groupby

from lifecycle import checks, registry
from lifecycle.aws import Aws
from lifecycle.policies import policy
from lifecycle.project import DONE, ERROR, OK, POLICY, PRECONDITION, Failure, Finding, Result, finding
from lifecycle.sagemaker import changes, inventory, money, specification, target_checks
from lifecycle.sagemaker.changes import Step
from lifecycle.sagemaker.specification import Wanted
from lifecycle.sagemaker.target import Target

TOO_DEAR = "too-dear"
WIDTH = 100


@dataclass(frozen=True)
class Plan:
    """What is wanted, the steps to it, what was checked, and the IAM actions that a deploy needs."""

    settings: Target
    wanted: Wanted
    steps: list[Step]
    checks: list[Finding]
    actions: list[str]

    @property
    def wrong(self) -> list[Finding]:
        """The checks that a deploy would be refused for."""
        return [check for check in self.checks if check.severity == ERROR]

    @property
    def exit_code(self) -> int:
        """What a deploy would be refused with, DONE when nothing is in its way."""
        return (POLICY if self.wrong[0].id == TOO_DEAR else PRECONDITION) if self.wrong else DONE

    def require_ready(self) -> None:
        """Raise Failure for the first check that is an error."""
        for check in self.wrong:
            raise Failure(self.exit_code, check.id, check.what, check.seen, check.next, check.cause)

    def as_json(self) -> Result:
        """Return the plan as plain values; do/deploy --plan takes them."""
        names = ("action", "kind", "name", "why", "request")
        return {
            "fingerprint": changes.fingerprint(self.steps),
            "account": self.settings.account,
            "region": self.settings.region,
            "steps": [{name: getattr(step, name) for name in names} for step in self.steps],
            "usd": money.of(self.settings),
            "checks": [check.as_json() for check in self.checks],
            "iam_actions": self.actions,
        }

    def text(self) -> str:
        """Return the plan for a person."""
        steps = [str(step) for step in self.steps] or ["nothing: all is as do/config.toml wants it"]
        lines = [*steps, "", money.told(self.settings), "", *map(checks.line, self.checks)]
        return textwrap.indent("\n".join(lines), "  ")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/plan."""


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Return the plan; nothing is changed."""
    plan = make(settings, Aws(settings, "plan", read_only=True))
    wrong = [check for check in plan.checks if check.severity != OK]
    text = [plan.text(), "", "  IAM actions of a deploy (`do/doctor --policy deploy` prints the policy):"]
    for service, actions in groupby(plan.actions, key=lambda action: action.partition(":")[0]):
        listed = f"{service}: {', '.join(action.partition(':')[2] for action in actions)}"
        text.append(textwrap.fill(listed, WIDTH, initial_indent="    ", subsequent_indent="      "))
    return {**plan.as_json(), "findings": wrong, "exit_code": plan.exit_code, "text": "\n".join(text)}


def make(settings: Target, aws: Aws, wanted: Wanted | None = None) -> Plan:
    """Return a plan for what is wanted: of the settings and the newest image, when nothing else is given.

    Raises Failure for settings that do not go together, without credentials of the right account, for an
    endpoint of another project that has the project's name, and for resources of another identity.
    """
    settings.check()
    settings = replace(settings, account=aws.identify().account)
    image, found = registry.image(settings, aws), inventory.find(settings, aws)
    for item in found:
        if item.removable:
            aws.require_creator(f"the {item}", item.tags)
    wanted = wanted or specification.wanted(settings, image.uri if image else "(no image yet)")
    for kind, _, request in wanted:
        aws.validate(*inventory.call_of("create", kind), request)
    steps = changes.steps(wanted, found, settings.expires_after_hours > 0)
    checked = [checks.pushed(settings, image, ERROR)]
    checked += target_checks.of_image(settings, image) if image else []
    checked += [_cost(settings), *checks.of_target(settings, aws, target_checks.CHECKS)]
    statements = policy("deploy", settings, settings.account, aws.partition)["Statement"]
    actions = sorted({action for statement in statements for action in statement["Action"]})
    return Plan(settings, wanted, steps, checked, actions)


def _cost(settings: Target) -> Finding:
    """Tell whether the instances may cost more than the ceiling."""
    seen, ceiling = money.told(settings), settings.max_usd_per_hour
    if ceiling and not settings.usd_per_hour:
        what, remedy = f"nobody knows what {settings.instance_type} costs", "set usd_per_hour to its price"
        return finding(TOO_DEAR, ERROR, what, seen, f"{remedy}, or max_usd_per_hour to 0")
    if ceiling and settings.max_instance_count * settings.usd_per_hour > ceiling:
        remedy = "fewer or cheaper instances, or a higher max_usd_per_hour in do/config.toml"
        return finding(TOO_DEAR, ERROR, f"it may cost more than {ceiling:.2f} $/h", seen, remedy)
    return finding("cost", OK, f"within {ceiling:.2f} $/h" if ceiling else "no spend ceiling", seen)
