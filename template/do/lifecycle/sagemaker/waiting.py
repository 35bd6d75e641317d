# Part of the library: `copier update` replaces this file.
"""Wait for the operations of SageMaker, which continue in the background."""

import time
from collections.abc import Callable, Iterable
from datetime import datetime

from lifecycle.aws import Aws
from lifecycle.console import Progress, duration
from lifecycle.project import TIMED_OUT, Failure
from lifecycle.resources import Resource
from lifecycle.sagemaker import inventory
from lifecycle.sagemaker.kinds import KINDS
from lifecycle.sagemaker.specification import Rollout
from lifecycle.sagemaker.target import Target

STALE_READ_SECONDS = 30.0  # for which AWS can return the state before a change
ONE_BATCH = Rollout()
Shows = Callable[[Resource | None], bool]


def created(resource: Resource | None) -> bool:
    """Return whether a description shows that a resource was created."""
    return resource is not None


def deleted(resource: Resource | None) -> bool:
    """Return whether a description shows that a resource was deleted, or is being deleted."""
    return resource is None or resource.status == "Deleting"


def updated(before: Resource | None) -> Shows:
    """Return whether a description shows a change of the resource that was described `before`."""
    return lambda resource: modified(resource) != modified(before)


def modified(resource: Resource | None) -> datetime | None:
    """Return the time of the last change of a resource, None if it does not exist or has none."""
    return resource.described.get("LastModifiedTime") if resource else None


def patience(settings: Target, rollout: Rollout = ONE_BATCH) -> float:
    """Return the time limit in seconds: for instances, and for each batch the download, start and wait."""
    each = settings.download_seconds + settings.startup_seconds + rollout.wait_seconds
    return settings.wait_seconds or settings.provision_seconds + rollout.batches * each


def until_stable(
    settings: Target,
    aws: Aws,
    kind: str,
    name: str,
    new_lines: Callable[[], Iterable[str]] = tuple,
    rollout: Rollout = ONE_BATCH,
    shows: Shows = lambda _: True,
) -> Resource | None:
    """Wait until a resource is in a stable state and return it, None if it is deleted.

    `new_lines` returns the new log lines of its containers, and `shows` whether a description includes the
    last change: descriptions can be out of date for some seconds. Raise Failure (timed out) after the time
    limit for instances, model and start, and for each batch of the `rollout`; the operation continues in AWS.
    """
    limit, current = patience(settings, rollout), time.monotonic() + STALE_READ_SECONDS
    progress = Progress(f"{kind} {name}", limit)
    while True:
        resource = inventory.describe(settings, aws, kind, name)
        status = resource.status if resource else "gone"
        for line in new_lines():
            progress.line(line)
        stable = resource is None or not resource.in_transition
        if stable and (shows(resource) or time.monotonic() > current):
            progress.end(status)
            return resource
        progress.show(f"{status}, as before the change" if stable else status)
        if progress.elapsed > limit:
            what, seen = (
                f"timed out waiting for {kind} {name}",
                f"still {status} after {duration(progress.elapsed)}",
            )
            ends = "stops" if KINDS[kind].stops else "deletes"
            next_step = f"do/status shows the state, do/{aws.verb} continues to wait, do/clean {ends} it"
            raise Failure(TIMED_OUT, "timed-out", what, seen, next_step)
        progress.sleep(settings.poll_seconds)
