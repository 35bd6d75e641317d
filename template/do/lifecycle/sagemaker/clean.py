# Part of the library: `copier update` replaces this file.
"""Delete the resources of this project in AWS, verify the deletion, and write a receipt."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from lifecycle import journal, resources
from lifecycle.aws import Aws, AwsFailure
from lifecycle.console import confirmed, log
from lifecycle.project import (
    DONE,
    INTERRUPTED,
    NOT_CHECKED,
    REFUSED,
    USAGE,
    VERIFICATION,
    Failure,
    Finding,
    Result,
)
from lifecycle.resources import Resource
from lifecycle.sagemaker import inventory, waiting
from lifecycle.sagemaker.hosted import Target, cost
from lifecycle.sagemaker.kinds import KINDS
from lifecycle.sagemaker.logs import groups as log_groups

ROUNDS = 3


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/clean."""
    always = ", ".join(kind.name for kind in KINDS.values() if not kind.option)
    parser.epilog = f"Deletes, in this order and only with the project's tag: {always}."
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    parser.add_argument("--images", action="store_true", help="also delete the images in ECR")
    parser.add_argument("--logs", action="store_true", help="also delete the logs")
    parser.add_argument("--expired", action="store_true", help="delete only expired resources")


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Delete the resources; the exit code is 6 if any remain."""
    if arguments.expired and (arguments.images or arguments.logs):
        what, seen = "images and logs never expire", "--expired with --images or --logs"
        raise Failure(USAGE, "bad-options", what, seen, "do/clean --expired, then do/clean --images --logs")
    with _reporting(settings, []):
        return _clean(settings, arguments)


class Search(NamedTuple):
    """The resources that a search found, and why it is incomplete."""

    found: list[Resource]
    problems: list[Finding]


class Round(NamedTuple):
    """The resources that one round could not delete, and why."""

    failed: list[Resource]
    problems: list[Finding]


class Removal(NamedTuple):
    """The resources that all rounds deleted, those that remain, and the problems of the last round."""

    removed: list[Resource]
    remaining: list[Resource]
    problems: list[Finding]


def _clean(settings: Target, arguments: argparse.Namespace) -> Result:
    aws = Aws(settings, "clean")
    account, search = aws.identify().account, _find(settings, aws, arguments)
    found = search.found
    foreign = [str(item) for item in found if not item.owned]
    due = {item.arn for item in inventory.expired(found, journal.now())} if arguments.expired else None
    selected = _selected(found, due)
    if arguments.expired and not selected:
        return {"removed": [], "left": [], "text": "no expired resources"}
    if not search.found and not search.problems and not journal.read():
        line = f"{settings.project_name} was never deployed from here and has no resources in {aws.region}"
        return {"account": account, "region": aws.region, "removed": [], "left": [], "text": line}
    kept = [f"{item}: {item.kept}" for item in found if item.kept]
    with _reporting(settings, selected):
        _confirm(settings, aws, arguments, selected, kept, foreign)
    removed, remaining, problems = _remove_all(settings, aws, arguments, selected, due)
    left = [item.arn for item in remaining]
    names = [str(item) for item in removed]
    receipt = {"account": account, "region": aws.region, "removed": names, "left": left}
    receipt |= {"kept": kept, "foreign": foreign}
    with _reporting(settings, remaining):
        listed = [problem.as_json() for problem in problems]
        path = journal.save("clean", {"time": journal.now(), **receipt, "problems": listed})
    text = [f"{'stopped' if KINDS[item.kind].stops else 'deleted'} {item}" for item in removed]
    text += [f"kept {reason}" for reason in kept]
    text += [f"receipt: {path}"]
    text += [f"remaining: {arn}" for arn in left] or ["no resources remain"]
    code = VERIFICATION if left else DONE
    return {**receipt, "receipt": str(path), "findings": problems, "exit_code": code, "text": "\n".join(text)}


def _confirm(
    settings: Target,
    aws: Aws,
    arguments: argparse.Namespace,
    selected: list[Resource],
    kept: list[str],
    foreign: list[str],
) -> None:
    """Show the resources to delete and those to keep, and ask. Raise Failure unless the answer is yes."""
    for item in selected:
        aws.require_creator(f"the {item}", item.tags)
    for item in selected:
        log(f"  {cost.described(settings, item)}")
    for reason in kept:
        log(f"  kept: {reason}")
    for name in foreign:
        log(f"  not deleted, because it does not have this project's tag: {name}")
    if selected and not arguments.yes and not confirmed("Delete these resources?", "clean"):
        raise _stopped("not confirmed", "do/clean --yes")


def _remove_all(
    settings: Target, aws: Aws, arguments: argparse.Namespace, selected: list[Resource], due: set[str] | None
) -> Removal:
    """Delete resources and search again with a new connection, until none remain."""
    removed, remaining, problems = list[Resource](), selected, list[Finding]()
    for _ in range(ROUNDS if selected else 1):
        before, round_ = remaining, _remove_once(settings, aws, remaining)
        with _reporting(settings, round_.failed):
            search = _find(settings, Aws(settings, "clean"), arguments)
        remaining, problems = _selected(search.found, due), [*round_.problems, *search.problems]
        left = {item.arn for item in remaining}
        removed += [item for item in before if item.arn not in left]
        if not left:
            break
    return Removal(removed, remaining, problems)


def _remove_once(settings: Target, aws: Aws, items: list[Resource]) -> Round:
    """Delete each resource once, in order."""
    failed, problems = list[Resource](), list[Finding]()
    for place, item in enumerate(items):
        try:
            remove(settings, aws, item)
        except Failure as failure:
            failed.append(item)
            problems.append(failure.finding)
        except KeyboardInterrupt:
            with _reporting(settings, [*failed, *items[place:]]):
                raise
    return Round(failed, problems)


@contextmanager
def _reporting(settings: Target, remaining: list[Resource]) -> Iterator[None]:
    """Add the remaining resources to a failure; with [], those that might exist.

    The innermost of these blocks applies.
    """
    try:
        yield
    except (Failure, KeyboardInterrupt) as error:
        stopped = _stopped("deletions continue in AWS", "do/clean")
        failure = error if isinstance(error, Failure) else stopped
        remains = [cost.described(settings, item) for item in remaining]
        possible = inventory.possible(settings)
        if failure.finding.id == "no-credentials" and not journal.read():  # perhaps it was never deployed
            possible = [f"resources of {settings.project_name} might exist (could not verify)"]
        failure.left = failure.left or remains or possible
        raise failure from None


def _selected(found: list[Resource], due: set[str] | None) -> list[Resource]:
    """Return the resources to delete: those of the project, or those with these ARNs."""
    return [item for item in found if item.removable and (due is None or item.arn in due)]


def _find(settings: Target, aws: Aws, arguments: argparse.Namespace) -> Search:
    """Return the resources in the order of deletion, including those of other projects in the way.

    Resources that these credentials cannot list are among the problems.
    """
    found, problems = inventory.find(settings, aws), list[Finding]()
    parts = [("CodeBuild", resources.find_build(settings, aws))]
    if arguments.images:
        parts.append(("images", resources.find_images(settings, aws)))
    if arguments.logs and all(item.owned for item in found):
        groups = [*log_groups(settings), f"/aws/codebuild/{settings.project_name}"]
        parts.append(("logs", resources.find_logs(aws, groups)))
    for name, part in parts:
        try:
            found += part
        except AwsFailure as error:
            if not error.denied:
                raise
            problems.append(replace(error.finding, what=f"{name}: could not be listed", severity=NOT_CHECKED))
    return Search(found, problems)


def _stopped(seen: str, next_step: str) -> Failure:
    return Failure(INTERRUPTED, "interrupted", "stopped before all resources were deleted", seen, next_step)


def remove(settings: Target, aws: Aws, item: Resource) -> None:
    """Delete a resource and wait until it is gone. Raise Failure if it cannot be deleted."""
    kind = KINDS[item.kind]
    log(f"{'stopping' if kind.stops else 'deleting'} {item.kind} {item.name}")
    may_wait = item.in_transition and not kind.stops  # what runs can be stopped at any time
    if item.status != "Deleting" and not _deleted(aws, item, may_wait):
        waiting.until_stable(settings, aws, item.kind, item.name)
        _deleted(aws, item)
    if kind.waits:
        shows = (lambda _: True) if kind.stops else waiting.deleted
        waiting.until_stable(settings, aws, item.kind, item.name, shows=shows)


def _deleted(aws: Aws, item: Resource, may_wait: bool = False) -> bool:
    """Start the deletion of a resource; return False if AWS requires a stable state first."""
    try:
        KINDS[item.kind].remove(aws, item)
    except AwsFailure as error:
        if not error.missing and not (may_wait and error.code == REFUSED and not error.denied):
            raise
        return error.missing
    return True
