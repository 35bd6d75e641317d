"""What every verb has in common on the command line: how it is called, what it prints, its exit code.

A verb is a module with a docstring, `add_options(parser)` and `run(settings, arguments)`, which returns
the result. Results go to stdout (as text, or one JSON document with --json), progress and errors to stderr.
"""

import argparse
import json
import sys
from types import ModuleType
from typing import Any

from lifecycle.project import DONE, INTERRUPTED, USAGE, Failure, load_config
from lifecycle.target import Target

FORMAT_VERSION = 1
Result = dict[str, Any]


def main(verb: ModuleType) -> int:
    """Run one verb with the arguments of the command line and return its exit code.

    Of its result, `text` is what a person reads, `exit_code` replaces 0, `findings` are what it noticed.
    """
    name = verb.__name__.rpartition(".")[2]
    parser = argparse.ArgumentParser(f"do/{name}", description=verb.__doc__)
    verb.add_options(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting, for this run only"
    )
    arguments = parser.parse_args()
    try:
        result = verb.run(load_config(Target, given(arguments.set)), arguments)
    except Failure as failure:
        print(failure, file=sys.stderr)
        result = {"exit_code": failure.code, "findings": [failure.finding], "left": failure.left}
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return INTERRUPTED
    code, text, findings = result.pop("exit_code", DONE), result.pop("text", ""), result.pop("findings", [])
    if arguments.json:
        head = {"format_version": FORMAT_VERSION, "verb": name, "ok": code == DONE, "result": result}
        following = [finding["next"] for finding in findings]
        print(json.dumps({**head, "findings": findings, "next": following}, indent=2))
    elif text:
        print(text)
    return int(code)


def given(settings: list[str]) -> dict[str, str]:
    """Return the settings of the command line by name. Raises Failure (usage) for one without a value."""
    values = {}
    for setting in settings:
        name, equals, values[name] = setting.partition("=")
        if not equals:
            what, remedy = "--set takes a name and a value", "--set poll_seconds=5"
            raise Failure(USAGE, "bad-setting", what, setting, remedy)
    return values
