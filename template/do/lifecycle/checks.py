# Part of the library: `copier update` replaces this file.
"""Checks that do/doctor and do/plan share, and how a finding is shown."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from lifecycle.aws import Aws
from lifecycle.project import NOT_CHECKED, OK, Config, Failure, Finding, finding
from lifecycle.registry import Image

T = TypeVar("T", bound=Config)


def line(check: Finding) -> str:
    """Return a finding for the terminal, in one or more lines."""
    lines = [f"{check.severity:<12} {check.what}: {check.seen}"]
    more = "\n".join(text for text in (check.cause, check.next) if text)
    return "\n".join([*lines, *(f"{'':<12} {text}" for text in more.splitlines())])


def pushed(settings: Config, image: Image | None, severity: str) -> Finding:
    """Return whether the image in ECR can be deployed; `severity` applies when there is none."""
    if image is None:
        return finding("no-image", severity, "there is no image in ECR", settings.image, "do/push")
    if problem := image.problem(settings):
        return problem.finding
    return finding("pushed-image", OK, "image in ECR", f"{image.uri}, {image.media_type}, {image.platform}")


def of_target(
    settings: T, aws: Aws, checks: Mapping[str, tuple[str, Callable[[T, Aws], Finding]]]
) -> Iterator[Finding]:
    """Yield the findings of a target's checks; each is named and has a title."""
    for name, (what, check) in checks.items():
        try:
            yield check(settings, aws)
        except Failure as failure:
            yield not_checked(name, what, failure)


def not_checked(name: str, what: str, failure: Failure) -> Finding:
    """Return that something cannot be found out with these credentials or this network, and why."""
    return finding(name, NOT_CHECKED, what, failure.finding.seen, failure.finding.next)
