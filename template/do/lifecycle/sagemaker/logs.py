# Part of the library: `copier update` replaces this file.
"""Show what the containers said, follow it, or explain it."""

import argparse
import re
import sys
import time
from collections.abc import Iterator

from lifecycle import explain
from lifecycle.aws import Aws, AwsFailure
from lifecycle.project import USAGE, Failure, Result, plain
from lifecycle.sagemaker import inventory
from lifecycle.sagemaker.target import Target

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LAST_LINES = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/logs."""
    parser.add_argument("--since", default="1h", help="how far back: 90s, 10m, 2h, 1d (1h)")
    parser.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    told = "name the likely cause and what to do, not the lines"
    parser.add_argument("--explain", action="store_true", help=told)


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Return the lines, or what they mean."""
    since = re.fullmatch(r"([0-9]{1,6})([smhd])", arguments.since)
    if since is None:
        what, example = "--since takes a number and s, m, h or d", "do/logs --since 10m"
        raise Failure(USAGE, "bad-time", what, arguments.since, example)
    aws = Aws(settings, "logs", read_only=True)
    tail = Tail(settings, aws, time.time() - int(since[1]) * UNITS[since[2]])
    if arguments.explain:
        return _explained(settings, aws, list(tail.new()))
    if not arguments.follow:
        lines = list(tail.new())
        nothing = f"no lines in {' or '.join(groups(settings))} since {arguments.since}"
        return {"lines": lines, "text": "\n".join(lines) or nothing}
    while True:
        for line in tail.new():
            print(line, file=sys.stderr if arguments.json else sys.stdout, flush=True)
        time.sleep(settings.poll_seconds)


def groups(settings: Target) -> list[str]:
    """Return the log groups that SageMaker writes for the project."""
    return [f"/aws/sagemaker/{kind}/{settings.project_name}" for kind in ("InferenceComponents", "Endpoints")]


class Tail:
    """The lines of the project's containers from a moment on, each given once."""

    def __init__(self, settings: Target, aws: Aws, since: float) -> None:
        self._since = {group: int(since * 1000) for group in groups(settings)}
        self._aws, self._seen = aws, set[str]()
        self.last: list[str] = []

    def new(self) -> Iterator[str]:
        """Yield the lines since the last time. Raises Failure when AWS refuses."""
        for group, since in self._since.items():
            about = {"logGroupName": group, "startTime": since}
            try:
                for event in self._aws.pages("logs", "filter_log_events", "events", **about):
                    if event["eventId"] not in self._seen:
                        self._seen.add(event["eventId"])
                        self._since[group] = max(self._since[group], event["timestamp"])
                        self.last = [*self.last, plain(event["message"]).rstrip()][-LAST_LINES:]
                        yield self.last[-1]
            except AwsFailure as error:
                if not error.missing:
                    raise

    def quietly(self) -> Iterator[str]:
        """Yield new lines; without the right to read them, or when AWS does not answer, none."""
        try:
            yield from self.new()
        except AwsFailure:
            return


def _explained(settings: Target, aws: Aws, lines: list[str]) -> Result:
    name = settings.project_name
    found = [inventory.describe(settings, aws, kind, name) for kind in inventory.ASYNC_KINDS]
    reasons = [item.described.get("FailureReason", "") for item in found if item]
    status = ", ".join(item.status for item in found if item)
    known = explain.explain("\n".join(lines), "\n".join(filter(None, reasons)), status)
    told = [f"{item.what}\n  seen: {item.seen}\n  cause: {item.cause}\n  next: {item.next}" for item in known]
    nothing = "nothing known is in the log; do/logs shows its lines"
    return {
        "causes": [item.as_json() for item in known],
        "findings": known,
        "text": "\n".join(told) or nothing,
    }
