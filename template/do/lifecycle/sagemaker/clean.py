# Part of the library: `copier update` replaces this file.
"""Remove everything that the project has in AWS, look again whether all is gone, and write a receipt."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from lifecycle import belongings, journal
from lifecycle.aws import Aws, AwsFailure
from lifecycle.belongings import Resource
from lifecycle.console import confirmed, say
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
from lifecycle.sagemaker import inventory, money
from lifecycle.sagemaker.logs import groups as log_groups
from lifecycle.sagemaker.target import Target

ROUNDS = 3


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/clean."""
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--images", action="store_true", help="the images in ECR, too")
    parser.add_argument("--logs", action="store_true", help="the logs, too")
    parser.add_argument("--expired", action="store_true", help="only what has expired")


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Remove what is there; what could not be removed is named, with exit code 6."""
    if arguments.expired and (arguments.images or arguments.logs):
        what, seen = "images and logs never expire", "--expired with --images or --logs"
        raise Failure(USAGE, "bad-options", what, seen, "do/clean --expired, then do/clean --images --logs")
    with _reporting(settings, []):
        return _clean(settings, arguments)


class Search(NamedTuple):
    """The resources that a search found, and why parts of it were not possible."""

    found: list[Resource]
    problems: list[Finding]


class Round(NamedTuple):
    """The resources that one round could not delete, and why."""

    failed: list[Resource]
    problems: list[Finding]


class Removal(NamedTuple):
    """The resources that all rounds deleted, those that remain, and the problems of the last round."""

    removed: list[str]
    remaining: list[Resource]
    problems: list[Finding]


def _clean(settings: Target, arguments: argparse.Namespace) -> Result:
    aws = Aws(settings, "clean")
    account, found = aws.identify().account, _find(settings, aws, arguments).found
    foreign = [str(item) for item in found if not item.ours]
    due = {item.arn for item in inventory.expired(found, journal.now())} if arguments.expired else None
    wanted = _wanted(found, due)
    if arguments.expired and not wanted:
        return {"removed": [], "left": [], "text": "nothing has expired"}
    kept = [f"{item}: {item.kept}" for item in found if item.kept]
    with _reporting(settings, wanted):
        _confirm(settings, aws, arguments, wanted, kept, foreign)
    removed, remaining, problems = _remove_all(settings, aws, arguments, wanted, due)
    left = [item.arn for item in remaining]
    receipt = {"account": account, "region": aws.region, "removed": removed, "left": left}
    receipt |= {"kept": kept, "foreign": foreign}
    with _reporting(settings, remaining):
        told = [problem.as_json() for problem in problems]
        path = journal.save("clean", {"time": journal.now(), **receipt, "problems": told})
    text = [*(f"removed {name}" for name in removed), *(f"kept {reason}" for reason in kept)]
    text += [f"receipt: {path}"]
    text += [f"left: {arn}" for arn in left] or ["nothing is left"]
    code = VERIFICATION if left else DONE
    return {**receipt, "receipt": str(path), "findings": problems, "exit_code": code, "text": "\n".join(text)}


def _confirm(
    settings: Target,
    aws: Aws,
    arguments: argparse.Namespace,
    wanted: list[Resource],
    kept: list[str],
    foreign: list[str],
) -> None:
    """Show the resources to delete and those to keep, and ask. Raises Failure when the answer is not yes."""
    for item in wanted:
        aws.require_creator(f"the {item}", item.tags)
    for item in wanted:
        say(f"  {money.described(settings, item)}")
    for reason in kept:
        say(f"  kept: {reason}")
    for name in foreign:
        say(f"  left alone, for it lacks this project's tag: {name}")
    if wanted and not arguments.yes and not confirmed("remove all of this?", "clean"):
        raise _stopped("the answer was not yes", "do/clean --yes")


def _remove_all(
    settings: Target, aws: Aws, arguments: argparse.Namespace, wanted: list[Resource], due: set[str] | None
) -> Removal:
    """Delete resources, and look again after each round with a connection of its own, until none is left."""
    removed, remaining, problems = list[str](), wanted, list[Finding]()
    for _ in range(ROUNDS if wanted else 1):
        before, round_ = remaining, _remove_once(settings, aws, remaining)
        with _reporting(settings, round_.failed):
            search = _find(settings, Aws(settings, "clean"), arguments)
        remaining, problems = _wanted(search.found, due), [*round_.problems, *search.problems]
        left = {item.arn for item in remaining}
        removed += [str(item) for item in before if item.arn not in left]
        if not left:
            break
    return Removal(removed, remaining, problems)


def _remove_once(settings: Target, aws: Aws, items: list[Resource]) -> Round:
    """Delete each resource once, in order."""
    failed, problems = list[Resource](), list[Finding]()
    for place, item in enumerate(items):
        try:
            _remove(settings, aws, item)
        except Failure as failure:
            failed.append(item)
            problems.append(failure.finding)
        except KeyboardInterrupt:
            with _reporting(settings, [*failed, *items[place:]]):
                raise
    return Round(failed, problems)


@contextmanager
def _reporting(settings: Target, remaining: list[Resource]) -> Iterator[None]:
    """Have what ends the command name the resources that remain; with [], those that might exist.

    The innermost of these blocks decides.
    """
    try:
        yield
    except (Failure, KeyboardInterrupt) as error:
        stopped = _stopped("what was begun goes on", "`do/clean` again")
        failure = error if isinstance(error, Failure) else stopped
        remains = [money.described(settings, item) for item in remaining]
        failure.left = failure.left or remains or inventory.possible(settings)
        raise failure from None


def _wanted(found: list[Resource], due: set[str] | None) -> list[Resource]:
    """Return the resources to remove: all of the project, or those of these ARNs."""
    return [item for item in found if item.removable and (due is None or item.arn in due)]


def _find(settings: Target, aws: Aws, arguments: argparse.Namespace) -> Search:
    """Return all that is to go, in order, and what is somebody else's.

    What these credentials may not look for is no reason to stop: it is among the problems.
    """
    found, problems = inventory.find(settings, aws), list[Finding]()
    parts = [("CodeBuild", belongings.find_build(settings, aws))]
    if arguments.images:
        parts.append(("images", belongings.find_images(settings, aws)))
    if arguments.logs and all(item.ours for item in found):
        groups = [*log_groups(settings), f"/aws/codebuild/{settings.project_name}"]
        parts.append(("logs", belongings.find_logs(aws, groups)))
    for name, part in parts:
        try:
            found += part
        except AwsFailure as error:
            if not error.denied:
                raise
            problems.append(replace(error.finding, what=f"{name}: not looked for", severity=NOT_CHECKED))
    return Search(found, problems)


def _stopped(seen: str, remedy: str) -> Failure:
    return Failure(INTERRUPTED, "interrupted", "stopped before all was removed", seen, remedy)


def _remove(settings: Target, aws: Aws, item: Resource) -> None:
    """Remove a resource and wait until it is gone. Raises Failure when it cannot be removed."""
    say(f"removing {item.kind} {item.name}")
    if item.status != "Deleting" and not _deleted(aws, item, may_wait=item.passing):
        inventory.settled(settings, aws, item.kind, item.name)
        _deleted(aws, item)
    if item.status:
        inventory.settled(settings, aws, item.kind, item.name)


def _deleted(aws: Aws, item: Resource, may_wait: bool = False) -> bool:
    """Ask for a resource's removal; return False when AWS wants it to settle first."""
    try:
        if item.kind in (*inventory.SAGEMAKER, *inventory.SCALING):
            aws.call(*inventory.call_of("delete", item.kind), **inventory.deletion(item))
        else:
            belongings.remove(aws, item)
    except AwsFailure as error:
        if not error.missing and not (may_wait and error.code == REFUSED and not error.denied):
            raise
        return error.missing
    return True
