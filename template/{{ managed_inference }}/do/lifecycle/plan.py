"""Show what do/deploy would create, change and delete, what that costs, and what stands in its way."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from lifecycle import changes, checks, inventory, money, registry, specification, target_checks
from lifecycle.aws import Aws
from lifecycle.changes import Step
from lifecycle.cli import Result
from lifecycle.findings import ERROR, OK, Finding, finding, of_failure
from lifecycle.inventory import Resource
from lifecycle.policies import policy
from lifecycle.project import DONE, POLICY, PRECONDITION, Failure
from lifecycle.target import Target


@dataclass(frozen=True)
class Plan:
    """What is wanted, what is there, the steps between them, and what was checked."""

    settings: Target
    wanted: dict[str, Any]
    found: list[Resource]
    steps: list[Step]
    checks: list[Finding]
    actions: list[str]

    @property
    def exit_code(self) -> int:
        """What a deploy would be refused with, DONE when nothing is in its way."""
        wrong = [check for check in self.checks if check["severity"] == ERROR]
        return (POLICY if wrong[0]["id"] == "too-dear" else PRECONDITION) if wrong else DONE

    def require_ready(self) -> None:
        """Raise Failure for the first check that is an error."""
        for check in self.checks:
            if check["severity"] == ERROR:
                rest = (check["id"], check["what"], check["seen"], check["next"], check.get("cause", ""))
                raise Failure(self.exit_code, *rest)

    def as_json(self) -> Result:
        """Return the plan as plain values; do/deploy --plan takes them."""
        steps = [
            {
                "action": step.action,
                "kind": step.kind,
                "name": step.name,
                "why": step.why,
                "request": step.request,
            }
            for step in self.steps
        ]
        return {
            "fingerprint": changes.fingerprint(self.steps),
            "account": self.settings.account,
            "region": self.settings.region,
            "steps": steps,
            "usd": money.of(self.settings),
            "checks": self.checks,
            "iam_actions": self.actions,
        }

    def text(self) -> str:
        """Return the plan for a person."""
        lines = [f"  {step}" for step in self.steps] or ["  nothing: all is as do/config.toml wants it"]
        lines += ["", f"  {money.told(self.settings)}", ""]
        for check in self.checks:
            lines.append(f"  {check['severity']:<12} {check['what']}: {check['seen']}")
            lines += [
                f"  {'':<12} {check[name]}"
                for name in ("cause", "next")
                if check.get(name) and check["severity"] != OK
            ]
        return "\n".join([*lines, "", f"  IAM actions: {', '.join(self.actions)}"])


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/plan."""


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Return the plan; nothing is changed."""
    plan = make(settings, Aws(settings, "plan", read_only=True))
    wrong = [check for check in plan.checks if check["severity"] != OK]
    return {**plan.as_json(), "findings": wrong, "exit_code": plan.exit_code, "text": plan.text()}


def make(settings: Target, aws: Aws, wanted: dict[str, Any] | None = None) -> Plan:
    """Return a plan for what is wanted: of the settings and the newest image, when nothing else is given.

    Raises Failure for settings that do not go together, without credentials of the right account, and for
    somebody else's endpoint of the project's name.
    """
    settings.check()
    settings = replace(settings, account=aws.identity["Account"])
    image = registry.image(settings, aws)
    found = inventory.find(settings, aws)
    if wanted is None:
        wanted = specification.wanted(settings, image.uri if image else "(no image yet)")
    validate(aws, wanted)
    planned = changes.steps(wanted, found)
    planned += changes.expiry(settings.expires_after_hours, planned, found)
    checked = [*_of_image(settings, image), too_dear(settings)]
    for name, (what, check) in target_checks.CHECKS.items():
        checked.append(checks.guarded(name, what, lambda check=check: check(settings, aws)))  # type: ignore[misc]
    statements = policy("deploy", settings, settings.account, aws.partition)["Statement"]
    actions = sorted({action for statement in statements for action in statement["Action"]})
    return Plan(settings, wanted, found, planned, checked, actions)


def validate(aws: Aws, wanted: dict[str, Any]) -> None:
    """Hold every request that may be made against AWS's own models. Raises Failure (usage)."""
    sagemaker = {"endpoint config", "endpoint", "model", "inference component"}
    for kind, request in wanted.items():
        if kind in sagemaker and request:
            aws.validate("sagemaker", f"create_{kind.replace(' ', '_')}", request)
    for kind, request in wanted["scaling"].items():
        aws.validate(*changes.SCALING[kind], request)


def too_dear(settings: Target) -> Finding:
    """Tell whether the instances may cost more than the ceiling."""
    seen, ceiling = money.told(settings), settings.max_usd_per_hour
    if not ceiling:
        return finding("too-dear", OK, "no spend ceiling", seen)
    if not settings.usd_per_hour:
        remedy = "write its price as usd_per_hour, or max_usd_per_hour = 0"
        return finding("too-dear", ERROR, f"nobody knows what {settings.instance_type} costs", seen, remedy)
    if settings.max_instance_count * settings.usd_per_hour > ceiling:
        remedy = "fewer or cheaper instances, or a higher max_usd_per_hour in do/config.toml"
        return finding("too-dear", ERROR, f"it may cost more than {ceiling:.2f} $/h", seen, remedy)
    return finding("too-dear", OK, f"within the ceiling of {ceiling:.2f} $/h", seen)


def _of_image(settings: Target, image: registry.Image | None) -> Iterator[Finding]:
    if image is None:
        yield finding(
            "no-image", ERROR, "there is no image in ECR", f"{settings.project_name}:latest", "do/push"
        )
        return
    problem = image.problem(settings)
    seen = f"{image.uri}, {image.media_type}, {image.platform}"
    yield of_failure(problem) if problem else finding("pushed-image", OK, "image in ECR", seen)
    yield from target_checks.of_image(settings, image)
