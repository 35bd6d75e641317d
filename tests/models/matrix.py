"""Models of many kinds and versions, each made with its library, copied as a user would, and asked.

`python -m tests.models.matrix NAME …` runs the makers whose names begin so. Without a name, it prints the
results that `make test-models` recorded last.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import repeat
from pathlib import Path
from typing import Any

import copier
import yaml

from tests.conftest import REPOSITORY, TEMPLATE
from tests.models import environments
from tests.models.makers_of_models import MAKERS, Maker

HERE = Path(__file__).resolve().parent
WORK = environments.KEPT / "work"
PROCESSES = 2
# A message that names the next step has one of these words.
NEXT_STEP = re.compile(
    r"\b(choose|use|export|save|load|train|retrain|install|rename|copy|give|put|add|edit|adapt|remove|"
    r"convert|change|send|download|extract|serve it|set|call|define)\b",
    re.IGNORECASE,
)
# The start of a server's message, before the cause.
BEFORE_CAUSE = re.compile(r"serve: cannot load the model .*?/model/\S+: (?=[A-Z])")


@dataclass(frozen=True)
class Row:
    """A model of the matrix: what made it, and what became of it.

    `outcome` is served, refused, wrong, or unexplained: refused without a next step. `by` is the framework
    and version that the copy selected.
    """

    maker: str
    name: str
    expected: str
    by: str = ""
    outcome: str = ""
    message: str = ""
    project: Path | None = None

    @property
    def is_right(self) -> bool:
        """Return whether the outcome is a right one, and the expected one."""
        return self.outcome in ("served", "refused") and self.expected in ("either", self.outcome)


def judged(row: Row, outcome: str, message: str) -> Row:
    """Return a row with its outcome. A refusal without a next step is unexplained."""
    line = BEFORE_CAUSE.sub("", " ".join(message.split()))
    if outcome == "refused" and not NEXT_STEP.search(line):
        outcome = "unexplained"
    return replace(row, outcome=outcome, message=line)


def made(maker: Maker, folder: Path) -> list[Path]:
    """Make the models of a maker, and return their folders. Raise if that fails."""
    python = environments.made(maker.python, maker.packages, maker.options)
    command = [str(python), str(HERE / "makers" / maker.script), str(folder), *maker.arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{maker.name}: {done.stderr[-1500:]}")
    return sorted(path.parent for path in folder.glob("*/case.json"))


def copied(template: Path, row: Row, case: Path, target: Path) -> Row:
    """Return the row of a model after a copy with it: refused, or with its project."""
    facts = json.loads((case / "case.json").read_text())
    data = {"model_path": str(case / facts["file"]), **facts.get("answers", {})}
    options: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True}
    try:
        copier.run_copy(str(template), target, data=data, **options)
    except Exception as error:
        return judged(row, "refused", str(error))
    shutil.copy(case / "case.json", target)
    answers = yaml.safe_load((target / ".copier-answers.yml").read_text())
    by = f"{answers['framework']} {answers['framework_version']} {answers['model_format']}"
    return replace(row, project=target, by=by)


def served(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield the rows of projects with the same libraries and handler, after their servers were asked."""
    left = list(rows)
    while left:
        project = left[0].project
        assert project is not None
        pins = (project / "requirements.txt").read_text().splitlines()
        listed = re.findall(r"\d\.\d+", pins[0])
        python = next(filter(None, map(environments.python_of, listed)), None)
        if python is None:
            raise RuntimeError(f"{pins[0]}: none of these is on this machine")
        packages = [line.removesuffix(" \\") for line in pins if not line.startswith(("#", " "))]
        interpreter = environments.made(python, packages, ["--no-deps"])
        command = [str(interpreter), str(HERE / "serve.py"), *(str(row.project) for row in left)]
        done = subprocess.run(command, capture_output=True, text=True)
        results = {name: (outcome, why) for name, outcome, why in map(json.loads, done.stdout.splitlines())}
        asked = [row for row in left if str(row.project) in results]
        if not asked:
            raise RuntimeError(f"{project}: {done.stderr[-1500:]}")
        for row in asked:
            outcome, why = results[str(row.project)]
            crashed = f"the server ended with {done.returncode}: {done.stderr[-300:]}"
            yield judged(
                row, "wrong" if outcome == "crashed" else outcome, crashed if outcome == "crashed" else why
            )
        left = left[len(asked) :]


def key(row: Row) -> tuple[str, str]:
    """Return the handler and the requirements of a project, which decide whether a process can serve both."""
    assert row.project is not None
    handler = row.project / "serving" / "model_handler.py"
    return handler.read_text(), (row.project / "requirements.txt").read_text()


def copies(maker: Maker, template: Path) -> list[Row]:
    """Make the models of a maker and copy a project with each. The folders stay until the next run."""
    folder = WORK / maker.name.replace(" ", "-")
    shutil.rmtree(folder, ignore_errors=True)
    rows, cases = [], made(maker, folder / "models")
    for case in cases:
        facts = json.loads((case / "case.json").read_text())
        rows.append(Row(maker.name, facts["name"], facts["expected"]))
    targets = [folder / "projects" / case.name for case in cases]
    with ProcessPoolExecutor(PROCESSES) as pool:
        return list(pool.map(copied, repeat(template), rows, cases, targets))


def run(names: Iterable[str] = ()) -> list[Row]:
    """Return the rows of all makers, or of those whose name begins with one of `names`."""
    template = WORK / "template"
    shutil.rmtree(template, ignore_errors=True)
    template.mkdir(parents=True)
    for part in TEMPLATE:
        source = REPOSITORY / part
        shutil.copytree(source, template / part) if source.is_dir() else shutil.copy(source, template)
    rows: list[Row] = []
    for maker in MAKERS:
        if maker.is_wanted(names):
            found = asked(copies(maker, template))
            wrong = sum(not row.is_right for row in found)
            print(f"{maker.name}: {len(found)} models, {wrong} wrong", flush=True)
            rows += found
    return rows


def asked(rows: Sequence[Row]) -> list[Row]:
    """Return rows after their servers were asked, in one process if libraries and handler are the same."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.project:
            groups.setdefault(key(row), []).append(row)
    found = [row for group in groups.values() for row in served(group)]
    return [row for row in rows if not row.project] + found


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table of Markdown."""
    lines = ["| made with | model | outcome | by | message |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        mark = "" if row.is_right else " (expected: " + row.expected + ")"
        message = row.message.replace("|", "\\|")[:200]
        lines.append(f"| {row.maker} | {row.name} | {row.outcome}{mark} | {row.by} | {message} |")
    return "\n".join(lines)


def record(name: str, rows: Sequence[Row]) -> None:
    """Keep the table of a maker in .models/tables/, where `make test-models` prints them together."""
    path = environments.KEPT / "tables" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([{**asdict(row), "project": None} for row in rows], indent=1))


def recorded() -> list[Row]:
    """Return the rows that were recorded last, of each maker."""
    paths = (environments.KEPT / "tables" / f"{maker.name}.json" for maker in MAKERS)
    return [Row(**row) for path in paths if path.exists() for row in json.loads(path.read_text())]


def summary(rows: Sequence[Row]) -> str:
    """Return one line with the number of models and outcomes."""
    counts = {
        name: sum(row.outcome == name for row in rows)
        for name in ("served", "refused", "wrong", "unexplained")
    }
    return f"{len(rows)} models: " + ", ".join(f"{count} {name}" for name, count in counts.items())


if __name__ == "__main__":
    found = run(sys.argv[1:]) if sys.argv[1:] else recorded()
    print(table(found))
    print(summary(found))
