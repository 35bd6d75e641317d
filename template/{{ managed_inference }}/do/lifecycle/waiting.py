"""Waiting for SageMaker: what it says, how long it has taken, and what the container says meanwhile."""

from lifecycle import explain, inventory
from lifecycle.aws import Aws
from lifecycle.belongings import Resource
from lifecycle.console import Progress, duration
from lifecycle.logs import Tail
from lifecycle.project import REFUSED, TIMED_OUT, Failure
from lifecycle.target import Target

INSTANCES_SECONDS = 1800  # SageMaker gives up on finding instances by itself
LOG_LINES_SHOWN = 8


def settled(settings: Target, aws: Aws, kind: str, name: str, tail: Tail | None = None) -> Resource | None:
    """Wait until a resource has left a passing state and return it, None when it is gone.

    Raises Failure (timed out) when it takes too long for its instances, model and start: it goes on in AWS.
    """
    limit = settings.wait_seconds or INSTANCES_SECONDS + settings.download_seconds + settings.startup_seconds
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
            what, seen = f"{kind} {name} takes long", f"still {status} after {duration(progress.elapsed)}"
            remedy = f"`do/status` shows it, `do/{aws.verb}` again goes on waiting, `do/clean` removes it"
            raise Failure(TIMED_OUT, "timed-out", what, seen, remedy)
        progress.sleep(settings.poll_seconds)


def failed(what: str, resource: Resource | None, lines: list[str]) -> Failure:
    """Return why something does not serve: AWS's reason, the last lines of its log, the likely cause."""
    status = resource.status if resource else "gone"
    reason = resource.described.get("FailureReason", "") if resource else ""
    known = [
        *explain.explain("\n".join(lines), reason, status),
        {"next": "`do/logs` shows all", "cause": ""},
    ][0]
    seen = "\n        ".join([reason or f"it is {status}", *lines[-LOG_LINES_SHOWN:]])
    remedy = f"{known['next']}; `do/clean` removes it"
    return Failure(REFUSED, "not-in-service", f"{what} does not serve", seen, remedy, known["cause"])
