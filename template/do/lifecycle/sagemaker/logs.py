# Part of the library: `copier update` replaces this file.
"""Show, follow or explain the logs of the containers."""

import argparse
import re
import sys
import time
from collections.abc import Iterator
from typing import Any, NoReturn

from lifecycle import explain
from lifecycle.aws import Aws, AwsFailure
from lifecycle.project import USAGE, Failure, Result, plain
from lifecycle.sagemaker import inventory
from lifecycle.sagemaker.kinds import ASYNC_KINDS
from lifecycle.sagemaker.target import Target

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LAST_LINES = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/logs."""
    parser.add_argument("--since", default="1h", help="start of the log: 90s, 10m, 2h or 1d ago (1h)")
    add_display_options(parser)


def add_display_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that do not select lines."""
    parser.add_argument("--follow", action="store_true", help="show new lines until Ctrl-C")
    text = "show known causes and the next step instead of the lines"
    parser.add_argument("--explain", action="store_true", help=text)


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Return the lines, or their known causes."""
    since = re.fullmatch(r"([0-9]{1,6})([smhd])", arguments.since)
    if since is None:
        what, example = "--since must be a number and s, m, h or d", "do/logs --since 10m"
        raise Failure(USAGE, "bad-time", what, arguments.since, example)
    aws = Aws(settings, "logs", read_only=True)
    tail = Tail(settings, aws, time.time() - int(since[1]) * UNITS[since[2]])
    if arguments.explain:
        return _explained(settings, aws, list(tail.new()))
    if arguments.follow:
        follow(settings, tail, arguments.json)
    lines = list(tail.new())
    nothing = f"no log lines in {' or '.join(groups(settings))} since {arguments.since}"
    return {"lines": lines, "text": "\n".join(lines) or nothing}


def follow(settings: Target, tail: "Tail", to_stderr: bool) -> NoReturn:
    """Print new lines until Ctrl-C."""
    while True:
        for line in tail.new():
            print(line, file=sys.stderr if to_stderr else sys.stdout, flush=True)
        time.sleep(settings.poll_seconds)


def groups(settings: Target) -> list[str]:
    """Return the log groups of the project's SageMaker resources."""
    return [f"/aws/sagemaker/{kind}/{settings.project_name}" for kind in ("InferenceComponents", "Endpoints")]


class Tail:
    """The log lines of the project's containers since a moment, each returned once."""

    def __init__(self, settings: Target, aws: Aws, since: float, stream: tuple[str, str] = ("", "")) -> None:
        """`stream` is a log group and the start of the names of its streams, by default an endpoint's."""
        group, self._streams = stream
        self._since = dict.fromkeys([group] if group else groups(settings), int(since * 1000))
        self._aws, self._seen = aws, set[str]()
        self.last: list[str] = []

    def new(self) -> Iterator[str]:
        """Yield the lines since the last call. Raise Failure if AWS returns an error."""
        for group, since in self._since.items():
            about: dict[str, Any] = {"logGroupName": group, "startTime": since}
            about |= {"logStreamNamePrefix": self._streams} if self._streams else {}
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
        """Yield new lines; none without permission, or if AWS cannot be reached."""
        try:
            yield from self.new()
        except AwsFailure:
            return


def _explained(settings: Target, aws: Aws, lines: list[str]) -> Result:
    name = settings.project_name
    found = [inventory.describe(settings, aws, kind, name) for kind in ASYNC_KINDS]
    reasons = [item.described.get("FailureReason", "") for item in found if item]
    status = ", ".join(item.status for item in found if item)
    return causes(explain.explain("\n".join(lines), "\n".join(filter(None, reasons)), status))


def causes(known: list[explain.Cause]) -> Result:
    """Return known causes as a result."""
    texts = [
        f"{item.what}\n  seen: {item.seen}\n  cause: {item.cause}\n  next: {item.next}" for item in known
    ]
    nothing = "no known cause found in the log; do/logs shows its lines"
    return {
        "causes": [item.as_json() for item in known],
        "findings": known,
        "text": "\n".join(texts) or nothing,
    }
