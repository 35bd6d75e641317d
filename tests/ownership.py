"""Whose the files of a rendered project are: the team's, or the library's, which `copier update` replaces.

`.gitattributes` of the project marks the library. `python -m tests.ownership` prints the tree of README.md.
"""

import tempfile
from collections import defaultdict
from fnmatch import fnmatch
from pathlib import Path

import copier

REPOSITORY = Path(__file__).resolve().parents[1]
HEADER = b"# Part of the library: `copier update` replaces this file."


def files(project: Path) -> dict[str, bool]:
    """Return the files of a project, each with whether it belongs to the library."""
    marks = [line.split() for line in (project / ".gitattributes").read_text().splitlines()]
    patterns = [
        (mark[0], mark[1] == "linguist-generated=true") for mark in marks if "linguist" in "".join(mark[1:])
    ]
    paths = (path.relative_to(project) for path in sorted(project.rglob("*")) if path.is_file())
    names = [path.as_posix() for path in paths if path.parts[0] != ".git"]
    return {name: of_library(name, patterns) for name in names}


def of_library(name: str, patterns: list[tuple[str, bool]]) -> bool:
    """Return the value of the last pattern that matches a name, False without one."""
    return next((value for pattern, value in reversed(patterns) if fnmatch(name, pattern)), False)


def assert_small(project: Path) -> None:
    """Assert that a team has few files to read: everything else is the library's."""
    team = [name for name, library in files(project).items() if not library]
    assert len(team) <= 16 and lines(project, team) <= 650, (len(team), lines(project, team), team)


def unmarked(project: Path) -> list[str]:
    """Return the Python files of the library whose first lines lack the header."""
    found = []
    for name in (name for name, library in files(project).items() if library):
        first, *rest = (project / name).read_bytes().splitlines() or [b""]
        if name.endswith(".py") or (first.startswith(b"#!") and b"python" in first):
            header = next(iter(rest), b"") if first.startswith(b"#!") else first
            found += [] if header == HEADER else [name]
    return found


def lines(project: Path, names: list[str]) -> int:
    """Return how many lines files have together, without compressed data and Copier's answers."""
    text = [name for name in names if not name.endswith(".gz") and name != ".copier-answers.yml"]
    return sum((project / name).read_bytes().count(b"\n") for name in text)


def tree(project: Path) -> str:
    """Return the tree of a project: the team's files by folder, then the library's folders."""
    found = files(project)
    team = [name for name, of_library in found.items() if not of_library]
    library = [name for name, of_library in found.items() if of_library]
    folders: dict[str, list[str]] = defaultdict(list)
    for name in team:
        folder, _, file = name.rpartition("/")
        folders[folder].append(file)
    shown = [f"{project.name}/", *wrapped("  ", folders.pop(""))]
    for folder, names in sorted(folders.items()):
        shown += wrapped(f"  {folder + '/':<14}", names)
    counts: dict[str, int] = defaultdict(int)
    for name in library:
        counts["/".join(name.split("/")[:-1][:2])] += 1
    shown.append(f"Yours: {len(team)} files, {lines(project, team):,} lines.")
    places = ", ".join(f"{folder}/ ({count})" for folder, count in sorted(counts.items()))
    total = f"The library: {len(library)} files, {lines(project, library):,} lines, in {places}."
    return "\n".join([*shown, *wrapped("", total.split(" "), " ")])


def wrapped(indent: str, words: list[str], gap: str = "  ") -> list[str]:
    """Return words in lines of at most 80 columns; lines after the first are indented as far."""
    rows, row = [], indent
    for word in words:
        if row.strip() and len(row) + len(word) > 80:
            rows.append(row.rstrip())
            row = " " * len(indent)
        row += word + gap
    return [*rows, row.rstrip()]


def default_tree() -> str:
    """Return the tree of the default project."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "my-model"
        copier.run_copy(
            str(REPOSITORY), made, defaults=True, unsafe=True, quiet=True, skip_tasks=True, vcs_ref="HEAD"
        )
        return tree(made)


if __name__ == "__main__":
    print(default_tree())
