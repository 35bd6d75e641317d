"""The reference of commands, from their parsers and from the Makefile."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.projects import GENERATED, REPOSITORY

TITLES = {
    "endpoint": "SageMaker endpoint",
    "serverless": "serverless endpoint",
    "batch": "batch transform jobs",
    "cluster": "HyperPod cluster",
    "chat": "SageMaker endpoint of a language model",
    "triton": "Triton",
}
READ_PARSER = """
import argparse, json, sys
class Found(Exception): pass
def give(parser, *_):
    raise Found(parser)
argparse.ArgumentParser.parse_args = give
sys.path.insert(0, "do")
from lifecycle import cli
def options(parser):
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction) or action.help == argparse.SUPPRESS:
            continue
        takes = action.nargs != 0
        value = action.metavar or action.dest.upper().replace("-", "_")
        if action.choices:
            value = "{" + ",".join(map(str, action.choices)) + "}"
        if not action.option_strings:
            value = action.metavar or action.dest
        text = action.help or ""
        yield {"names": action.option_strings, "value": str(value) if takes else "",
               "help": text % {"default": action.default, "prog": parser.prog} if text else ""}
result = {}
for name in sys.argv[1:]:
    try:
        cli.main(name)
    except Found as found:
        parser = found.args[0]
        result[name] = {"about": parser.description or "", "options": list(options(parser))}
print(json.dumps(result))
"""


@dataclass(frozen=True)
class Command:
    """The `--help` output of a command."""

    about: str
    options: tuple[tuple[str, str], ...]


def commands(project: Path) -> dict[str, Command]:
    """Return the commands of a project, read from the parsers that print their --help."""
    names = sorted(
        path.name for path in (project / "do").iterdir() if path.is_file() and "." not in path.name
    )
    done = subprocess.run(
        [sys.executable, "-c", READ_PARSER, *names],
        cwd=project,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return {
        name: Command(
            found["about"],
            tuple(
                (" ".join(filter(None, [", ".join(option["names"]), option["value"]])), option["help"])
                for option in found["options"]
            ),
        )
        for name, found in json.loads(done.stdout).items()
    }


def commands_page(made: Mapping[str, Path]) -> str:
    """Return the page as Markdown."""
    found = {project: commands(folder) for project, folder in made.items()}
    names = sorted({name for listed in found.values() for name in listed})
    lines = [
        "# Commands",
        "",
        GENERATED,
        "",
        "The commands in `do/` of a project. Every command has `--help`, and these two options:",
        "",
        "- `--json` prints the result as one JSON document.",
        "- `--set NAME=VALUE` overrides a [setting](settings.md) for this run.",
    ]
    for name in names:
        versions: dict[Command, list[str]] = {}
        for project, listed in found.items():
            if name in listed:
                versions.setdefault(listed[name], []).append(project)
        lines += ["", f"## `do/{name}`"]
        for command, where in versions.items():
            if len(versions) > 1:
                lines += ["", f"### `do/{name}`: {', '.join(TITLES[project] for project in where)}"]
            lines += ["", *_text(command.about)]
            own = [option for option in command.options if not option[0].startswith(("--json", "--set "))]
            lines += ["", *(f"- `{use}`: {_sentence(text)}" for use, text in own)] if own else []
    return "\n".join([*lines, "", *_make_commands(), ""])


def _make_commands() -> list[str]:
    """Return the commands of this repository, from the comments of its Makefile."""
    text = (REPOSITORY / "Makefile").read_text("utf-8")
    found = re.findall(r"^([a-z][a-z-]*):[^#\n]*## (.*)$", text, re.M)
    return [
        "## Commands of the template's repository",
        "",
        *(f"- `make {name}`: {_sentence(about)}" for name, about in sorted(found)),
    ]


def _text(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


def _sentence(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;")
