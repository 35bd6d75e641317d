"""The switches of questions/, and the paths of template/ that each renders.

`python -m tests.switches` prints the table of docs/development.md.
"""

import re
from collections import defaultdict
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
TEMPLATE = REPOSITORY / "template"
PATTERN = re.compile(r"\{\{ '(/[^']+)' if (?:[a-z_0-9]+ is defined and )?not ([a-z_0-9]+) \}\}")
GUARD = re.compile(r"if ([a-z_0-9]+) is defined and not \1 ")
SWITCH = re.compile(r"\{\{ ([a-z_0-9]+) \}\}")
NOT_SWITCHES = ("project_name", "engine_program")


def patterns() -> list[str]:
    """Return the lines of `_exclude` in copier.yml that depend on answers."""
    text = (REPOSITORY / "copier.yml").read_text().partition("---\n")[0]
    lines: list[str] = yaml.safe_load(text)["_exclude"]
    return [line for line in lines if "{" in line]


def rendered(path: Path) -> str:
    """Return where a file of template/ is rendered to, without its switches."""
    parts = [part for part in path.relative_to(TEMPLATE).parts if not switch_of(part)]
    return "/" + "/".join(parts).removesuffix(".jinja")


def switch_of(part: str) -> str:
    """Return the switch that names a directory, or ''."""
    found = SWITCH.fullmatch(part)
    return found[1] if found and found[1] not in NOT_SWITCHES else ""


def table() -> dict[str, list[str]]:
    """Return the paths of each switch: excluded without it, or in a directory that it names."""
    found: dict[str, set[str]] = defaultdict(set)
    for line in patterns():
        if match := PATTERN.fullmatch(line):
            found[match[2]].add(match[1])
    for path in TEMPLATE.rglob("*"):
        switches = [name for part in path.relative_to(TEMPLATE).parts if (name := switch_of(part))]
        if switches and path.is_file():
            found[switches[-1]].add(rendered(path))
    return {switch: sorted(paths) for switch, paths in sorted(found.items())}


def markdown() -> str:
    """Return the table as Markdown."""
    rows = [
        f"| `{switch}` | {', '.join(f'`{path}`' for path in paths)} |" for switch, paths in table().items()
    ]
    return "\n".join(["| switch | paths |", "| --- | --- |", *rows])


if __name__ == "__main__":
    print(markdown())
