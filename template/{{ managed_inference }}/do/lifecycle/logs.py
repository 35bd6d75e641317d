"""Show what the containers said, follow it, or explain it."""

import argparse
import re
import sys
import time

from lifecycle import explain, inventory
from lifecycle.aws import Aws
from lifecycle.cli import Result
from lifecycle.log_groups import Tail, names
from lifecycle.project import USAGE, Failure
from lifecycle.target import Target

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/logs."""
    parser.add_argument("--since", default="1h", help="how far back: 90s, 10m, 2h, 1d (1h)")
    parser.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    parser.add_argument(
        "--explain", action="store_true", help="name the likely cause and what to do, not the lines"
    )


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Return the lines, or what they mean."""
    aws = Aws(settings, "logs", read_only=True)
    tail = Tail(settings, aws, time.time() - seconds(arguments.since))
    if arguments.explain:
        return _explained(settings, aws, list(tail.new()))
    if not arguments.follow:
        lines = list(tail.new())
        nothing = f"no lines in {' or '.join(names(settings))} since {arguments.since}"
        return {"lines": lines, "text": "\n".join(lines) or nothing}
    while True:
        for line in tail.new():
            print(line, file=sys.stderr if arguments.json else sys.stdout, flush=True)
        time.sleep(settings.poll_seconds)


def seconds(text: str) -> float:
    """Return a time like 10m in seconds. Raises Failure (usage)."""
    if match := re.fullmatch(r"([0-9]{1,6})([smhd])", text):
        return int(match[1]) * UNITS[match[2]]
    raise Failure(USAGE, "bad-time", "--since takes a number and s, m, h or d", text, "do/logs --since 10m")


def _explained(settings: Target, aws: Aws, lines: list[str]) -> Result:
    kinds = ("endpoint", "inference component")
    found = [inventory.describe(settings, aws, kind, settings.project_name) for kind in kinds]
    reasons = [resource.described.get("FailureReason", "") for resource in found if resource]
    status = ", ".join(resource.status for resource in found if resource)
    known = explain.explain("\n".join(lines), "\n".join(filter(None, reasons)), status)
    told = [
        f"{item['what']}\n  seen: {item['seen']}\n  cause: {item['cause']}\n  next: {item['next']}"
        for item in known
    ]
    nothing = "nothing known is in the log; do/logs shows its lines"
    return {"causes": known, "findings": known, "text": "\n".join(told) or nothing}
