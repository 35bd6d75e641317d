"""Waiting for SageMaker: what it says, how long it has taken, and what the container says meanwhile."""

from lifecycle import explain, inventory
from lifecycle.aws import Aws
from lifecycle.console import Progress, duration
from lifecycle.inventory import Resource
from lifecycle.log_groups import Tail
from lifecycle.project import REFUSED, TIMED_OUT, Failure
from lifecycle.target import Target

INSTANCES_SECONDS = 1800  # SageMaker gives up on finding instances by itself
DELETION_SECONDS = 900
LOG_LINES_SHOWN = 8


def settled(
    settings: Target, aws: Aws, kind: str, name: str, limit: float, tail: Tail | None = None
) -> Resource | None:
    """Wait until a resource has left a passing state and return it, None when it is gone.

    Raises Failure (timed out) after `limit` seconds: it goes on in AWS.
    """
    progress = Progress(f"{kind} {name}", limit)
    while True:
        resource = inventory.describe(settings, aws, kind, name)
        status = resource.status if resource else "gone"
        for line in tail.quietly() if tail else ():
            progress.line(line)
        if resource is None or not resource.passing:
            progress.end(status)
            return resource
        progress.show(status)
        if progress.elapsed > limit:
            what, seen = (
                f"{kind} {name} is not ready in time",
                f"still {status} after {duration(progress.elapsed)}",
            )
            remedy = f"`do/status` shows it, `do/{aws.verb}` again goes on waiting, `do/clean` removes it"
            raise Failure(TIMED_OUT, "timed-out", what, seen, remedy)
        progress.sleep(settings.poll_seconds)


def in_service(
    settings: Target, aws: Aws, kind: str, name: str, limit: float, tail: Tail | None = None
) -> Resource:
    """Wait until a resource serves and return it. Raises Failure that says why it does not."""
    resource = settled(settings, aws, kind, name, limit, tail)
    if resource and resource.status == "InService":
        return resource
    raise failed(f"{kind} {name}", resource, tail.last if tail else [])


def failed(what: str, resource: Resource | None, lines: list[str]) -> Failure:
    """Return why something does not serve: AWS's reason, the last lines of its log, the likely cause."""
    status = resource.status if resource else "gone"
    reason = resource.described.get("FailureReason", "") if resource else ""
    known = explain.explain("\n".join(lines), reason, status)
    seen = "\n        ".join([reason or f"it is {status}", *lines[-LOG_LINES_SHOWN:]])
    remedy = known[0]["next"] if known else "`do/logs` shows all lines"
    cause = known[0]["cause"] if known else ""
    return Failure(
        REFUSED, "not-in-service", f"{what} does not serve", seen, f"{remedy}; `do/clean` removes it", cause
    )


def limit_of(settings: Target) -> float:
    """Return seconds that a component may take: for its instances, its model's download and its start."""
    return settings.wait_seconds or INSTANCES_SECONDS + settings.download_seconds + settings.startup_seconds
