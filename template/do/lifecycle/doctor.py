"""Check this machine, the settings and the account; change nothing."""

import argparse
import dataclasses
import json

from lifecycle import checks, engine
from lifecycle.aws import Aws
from lifecycle.cli import Result
from lifecycle.findings import ERROR, OK, Finding
from lifecycle.policies import policy
from lifecycle.project import DONE, PRECONDITION
from lifecycle.target import Target


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/doctor."""
    engine.add_option(parser)
    parser.add_argument("--offline", action="store_true", help="without AWS")
    parser.add_argument("--policy", metavar="NAME", help="print the policy of a command or role")
    parser.add_argument("--account", help="the account to fill in, when there are no credentials")


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Return what was found; a finding of severity error is a missing precondition."""
    aws = Aws(dataclasses.replace(settings, call_attempts=2), "doctor", read_only=True)
    if arguments.policy:
        account = arguments.account or settings.account or aws.identity["Account"]
        document = policy(arguments.policy, settings, account, aws.partition)
        return {"policy": document, "text": json.dumps(document, indent=2)}
    found = list(checks.of_this_machine(settings, arguments.engine or ""))
    if not arguments.offline:
        found += checks.of_the_account(settings, aws)
    wrong = [check for check in found if check["severity"] != OK]
    code = PRECONDITION if any(check["severity"] == ERROR for check in found) else DONE
    return {"checks": found, "findings": wrong, "exit_code": code, "text": "\n".join(map(_line, found))}


def _line(check: Finding) -> str:
    lines = [f"{check['severity']:<12} {check['what']}: {check['seen']}"]
    lines += [f"{'':<12} {check[name]}" for name in ("cause", "next") if check.get(name)]
    return "\n".join(lines)
