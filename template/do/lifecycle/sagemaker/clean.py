"""Remove everything that the project has in AWS, look again whether all is gone, and write a receipt."""

import argparse

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
    known: list[Resource] = []
    if arguments.expired and (arguments.images or arguments.logs):
        what, seen = "images and logs never expire", "--expired with --images or --logs"
        raise Failure(USAGE, "bad-options", what, seen, "do/clean --expired, then do/clean --images --logs")
    try:
        return _clean(settings, arguments, known)
    except (Failure, KeyboardInterrupt) as error:
        stopped = _stopped("what was begun goes on", "`do/clean` again")
        failure = error if isinstance(error, Failure) else stopped
        failure.left = [money.described(settings, item) for item in known] or inventory.possible(settings)
        raise failure from None


def _clean(settings: Target, arguments: argparse.Namespace, known: list[Resource]) -> Result:
    """Remove what is found; `known` holds what is not removed yet."""
    aws, problems = Aws(settings, "clean"), list[Finding]()
    account, found = aws.identity["Account"], _find(settings, aws, arguments, problems)
    foreign = [str(item) for item in found if not item.ours]
    due = {item.arn for item in inventory.expired(found, journal.now())} if arguments.expired else None
    known += _wanted(found, due)
    if arguments.expired and not known:
        return {"removed": [], "left": [], "text": "nothing has expired"}
    for item in known:
        aws.require_creator(f"the {item}", item.tags)
    for item in known:
        say(f"  {money.described(settings, item)}")
    kept = [f"{item}: {item.kept}" for item in found if item.kept]
    for reason in kept:
        say(f"  kept: {reason}")
    for name in foreign:
        say(f"  left alone, for it lacks this project's tag: {name}")
    if known and not arguments.yes and not confirmed("remove all of this?", "clean"):
        raise _stopped("the answer was not yes", "do/clean --yes")
    removed = []
    for _ in range(ROUNDS if known else 1):
        problems.clear()
        present = list(known)
        for item in present:
            try:
                _remove(settings, aws, item)
                known.remove(item)
            except Failure as failure:
                problems.append(failure.finding)
        found = _find(settings, Aws(settings, "clean"), arguments, problems)
        known[:] = _wanted(found, due)
        left = [item.arn for item in known]
        removed += [str(item) for item in present if item.arn not in left]
        if not left:
            break
    receipt = {"account": account, "region": aws.region, "removed": removed, "left": left}
    receipt |= {"kept": kept, "foreign": foreign}
    path = journal.save("clean", {"time": journal.now(), **receipt, "problems": problems})
    text = [*(f"removed {name}" for name in removed), *(f"kept {reason}" for reason in kept)]
    text += [f"receipt: {path}"]
    text += [f"left: {arn}" for arn in left] or ["nothing is left"]
    code = VERIFICATION if left else DONE
    return {**receipt, "receipt": str(path), "findings": problems, "exit_code": code, "text": "\n".join(text)}


def _wanted(found: list[Resource], due: set[str] | None) -> list[Resource]:
    """Return the resources to remove: all of the project, or those of these ARNs."""
    return [item for item in found if item.removable and (due is None or item.arn in due)]


def _find(
    settings: Target, aws: Aws, arguments: argparse.Namespace, problems: list[Finding]
) -> list[Resource]:
    """Return all that is to go, in order, and what is somebody else's.

    What these credentials may not look for is no reason to stop: it is added to `problems`.
    """
    found = inventory.find(settings, aws)
    parts = {"CodeBuild": belongings.find_build(settings, aws)}
    if arguments.images:
        parts["images"] = belongings.find_images(settings, aws)
    if arguments.logs and all(item.ours for item in found):
        groups = [*log_groups(settings), f"/aws/codebuild/{settings.project_name}"]
        parts["logs"] = belongings.find_logs(aws, groups)
    for name, part in parts.items():
        try:
            found += part
        except AwsFailure as error:
            if not error.denied:
                raise
            problems.append({**error.finding, "what": f"{name}: not looked for", "severity": NOT_CHECKED})
    return found


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
