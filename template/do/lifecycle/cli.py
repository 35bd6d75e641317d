# Part of the library: `copier update` replaces this file.
"""The command line that all commands share: common options, output and exit code.

A command is a module with a docstring, `add_options(parser)` and `run(settings, arguments)`, which returns
the result. Results go to stdout (as text, or one JSON document with --json), progress and errors to stderr.
"""

import argparse
import importlib
import importlib.util
import json
import sys
from types import ModuleType

from lifecycle import chosen, target
from lifecycle.console import fitted
from lifecycle.project import DONE, INTERRUPTED, Failure, load_config, plain, rename_old_variables

FORMAT_VERSION = 1
COMMON = ("exit_code", "text", "findings")  # keys of every result
RAW = ("logs", "test", "token")  # their text is not wrapped: it is from the container, or one long word


def main(name: str) -> int:
    """Run a command with the arguments of the command line and return its exit code.

    A result has `text` for the terminal, `findings`, and an `exit_code` unless that is 0.
    """
    command = _module(name)
    parser = argparse.ArgumentParser(f"do/{name}", description=command.__doc__)
    command.add_options(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    text = "change a setting of do/config.toml for this run"
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", type=_setting, help=text)
    arguments = parser.parse_args()
    try:
        rename_old_variables(target.Target)
        result = command.run(load_config(target.Target, dict(arguments.set)), arguments)
    except Failure as failure:
        print(fitted(str(failure), sys.stderr), file=sys.stderr)
        result = {"exit_code": failure.code, "findings": [failure.finding], "left": failure.left}
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return INTERRUPTED
    code, text, findings = result.get("exit_code", DONE), result.get("text", ""), result.get("findings", [])
    if arguments.json:
        own = {key: value for key, value in result.items() if key not in COMMON}
        head = {"format_version": FORMAT_VERSION, "verb": name, "ok": code == DONE, "result": own}
        following = [finding.next for finding in findings]
        print(
            json.dumps(
                {**head, "findings": [finding.as_json() for finding in findings], "next": following}, indent=2
            )
        )
    elif text:
        print(plain(text) if name in RAW else fitted(text, sys.stdout))
    return int(code)


def _module(name: str) -> ModuleType:
    """Return the module of a command: shared, or of the target, the kind of model or the builder."""
    for package in ("lifecycle", *target.PACKAGES, f"lifecycle.{chosen.KIND}"):
        if importlib.util.find_spec(f"{package}.{name}"):
            return importlib.import_module(f"{package}.{name}")
    return importlib.import_module(f"lifecycle.codebuild.{name}")


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text} has no value; write it like poll_seconds=5")
    return name, value
