"""Remove everything that the project has in AWS, look again whether all is gone, and write a receipt."""

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from lifecycle import belongings, inventory, journal, log_groups, money, waiting
from lifecycle.aws import Aws, AwsFailure
from lifecycle.belongings import Resource
from lifecycle.cli import Result
from lifecycle.console import say
from lifecycle.project import DONE, INTERRUPTED, USAGE, VERIFICATION, Failure
from lifecycle.target import Target

ROUNDS = 3


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/clean."""
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--images", action="store_true", help="the images in ECR, too")
    parser.add_argument("--logs", action="store_true", help="the logs, too")
    parser.add_argument("--expired", action="store_true", help="only when the endpoint has expired")


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Remove what is there; what could not be removed is named, with exit code 6."""
    known: list[Resource] = []
    try:
        return _clean(settings, arguments, known)
    except Failure as failure:
        failure.left = [money.described(settings, item) for item in known] or [
            f"perhaps {name} (by the journal: AWS does not tell)" for name in journal.begun(settings.region)
        ]
        raise
    except KeyboardInterrupt:
        what, remedy = "stopped; what was begun goes on", "`do/clean` again goes on"
        stopped = Failure(INTERRUPTED, "interrupted", what, "Ctrl-C", remedy)
        stopped.left = [money.described(settings, item) for item in known]
        raise stopped from None


def _clean(settings: Target, arguments: argparse.Namespace, known: list[Resource]) -> Result:
    aws, problems = Aws(settings, "clean"), []
    account = aws.identity["Account"]
    known += find(settings, aws, arguments, problems)
    foreign = [str(item) for item in known if not item.ours]
    known[:] = [item for item in known if item.ours]
    if arguments.expired and not any(expired(item) for item in known):
        known.clear()
        return {"removed": [], "left": [], "text": "nothing has expired"}
    for item in known:
        say(f"  {money.described(settings, item)}")
    for name in foreign:
        say(f"  left alone, without this project's tag: {name}")
    if known and not arguments.yes:
        _ask()
    removed, present = [], list(known)
    for _ in range(ROUNDS):
        problems.clear()
        for item in present:
            _remove(settings, aws, item, problems)
        seen = [item for item in find(settings, Aws(settings, "clean"), arguments, problems) if item.ours]
        removed += [str(item) for item in present if item.arn not in {other.arn for other in seen}]
        known[:] = present = seen
        if not present:
            break
    left = [item.arn for item in present]
    receipt = {
        "account": account,
        "region": settings.region,
        "removed": removed,
        "left": left,
        "left_alone": foreign,
    }
    path = journal.save("clean", {"time": journal.now(), **receipt, "problems": problems})
    text = [*(f"removed {name}" for name in removed), f"receipt: {path.relative_to(path.parent.parent)}"]
    if present:
        text += [f"left: {item.arn}" for item in present]
    else:
        text.append("nothing is left")
    code = VERIFICATION if present else DONE
    return {**receipt, "receipt": str(path), "findings": problems, "exit_code": code, "text": "\n".join(text)}


def find(settings: Target, aws: Aws, arguments: argparse.Namespace, problems: list[Any]) -> list[Resource]:
    """Return all that is to go, in order, and what is somebody else's.

    What these credentials may not look for is no reason to stop: it is added to `problems`.
    """
    found = inventory.find(settings, aws)
    foreign = any(not item.ours for item in found)
    parts = {"CodeBuild": belongings.find_build(settings, aws)}
    if arguments.images:
        parts["images"] = belongings.find_images(settings, aws)
    if arguments.logs and not foreign:
        groups = [*log_groups.names(settings), f"/aws/codebuild/{settings.project_name}"]
        parts["logs"] = belongings.find_logs(aws, groups)
    for name, part in parts.items():
        found += _allowed(name, part, problems)
    return found


def expired(resource: Resource) -> bool:
    """Tell whether a resource has a date after which it is not wanted, and that has come."""
    return resource.kind == "endpoint" and "" < resource.tags.get("mcc-expires-at", "") < journal.now()


def _allowed(name: str, part: Iterator[Resource], problems: list[Any]) -> Iterator[Resource]:
    try:
        yield from part
    except AwsFailure as error:
        if not error.denied:
            raise
        problems.append({**error.finding, "what": f"{name}: not looked for", "severity": "not checked"})


def _ask() -> None:
    if not sys.stdin.isatty():
        what, seen = "nobody is there to be asked", "standard input is no terminal"
        raise Failure(USAGE, "not-asked", what, seen, "do/clean --yes")
    print("remove all of this? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Failure(
            INTERRUPTED, "not-confirmed", "nothing was removed", "the answer was no", "do/clean --yes"
        )


def _remove(settings: Target, aws: Aws, item: Resource, problems: list[Any]) -> None:
    """Remove a resource and wait until it is gone; what goes wrong is added to `problems`."""
    say(f"removing {item.kind} {item.name}")
    try:
        if item.kind in inventory.SAGEMAKER and item.status == "Deleting":
            pass
        elif not _deleted(aws, item):
            waiting.settled(settings, aws, item.kind, item.name, waiting.limit_of(settings))
            _deleted(aws, item, last=True)
        if item.status:
            waiting.settled(settings, aws, item.kind, item.name, waiting.DELETION_SECONDS)
    except Failure as failure:
        problems.append(failure.finding)


def _deleted(aws: Aws, item: Resource, last: bool = False) -> bool:
    """Ask for a resource's removal; return False when AWS says to wait until it has settled."""
    try:
        if item.kind in (*inventory.SAGEMAKER, "scaling policy", "scalable target", "alarm"):
            service, operation, request = inventory.deletion(item)
            aws.call(service, operation, **request)
        else:
            belongings.remove(aws, item)
    except AwsFailure as error:
        if error.missing:
            return True
        if item.passing and not last and not error.denied:
            return False
        raise
    return True
