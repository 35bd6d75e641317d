"""Copies and updates of the test session are those that Copier makes by itself."""

import shutil
import subprocess
import sys
from pathlib import Path

import copier

from tests.conftest import Render, git, release
from tests.update.versions import OPTIONS, pin_orjson

ANSWERS = {"deployment_config": "transformers-vllm", "offline": True, "project_id": "c0ffee42"}
SLOW = ["--trust", "--defaults", "--quiet", "--skip-tasks"]


def by_command(*arguments: str | Path) -> None:
    """Run Copier as it is."""
    subprocess.run([sys.executable, "-m", "copier", *map(str, arguments)], check=True)


def test_a_quick_copy_is_a_copy(render: Render, template: Path, tmp_path: Path) -> None:
    render("first")
    quick = render("my-model", **ANSWERS)
    slow = tmp_path / "slow" / "my-model"
    data = [part for name, answer in ANSWERS.items() for part in ("--data", f"{name}={answer}")]
    by_command("copy", *SLOW, *data, template, slow)
    assert contents(quick) == contents(slow)


def test_a_quick_update_is_an_update(template: Path, tmp_path: Path) -> None:
    """The new version differs in what is kept: a fact, a question, and a filter in the same text."""
    source, quick, slow = tmp_path / "source", tmp_path / "quick" / "my-model", tmp_path / "slow" / "my-model"
    shutil.copytree(template, source)
    git(source, "init")
    new_version(source, "one")
    copier.run_copy(str(source), quick, data={"framework": "xgboost"}, **OPTIONS)
    git(quick, "init")
    release(quick, "made")
    shutil.copytree(quick, slow)
    pin_orjson(source, "3.99.0")
    new_version(source, "two")
    copier.run_update(quick, overwrite=True, **OPTIONS)
    by_command("update", *SLOW, slow)
    found = contents(quick)
    assert found == contents(slow)
    assert found["NOTES"][1] == b"filter two, question two\n"
    assert b"orjson==3.99.0" in found["requirements.txt"][1]


def new_version(source: Path, number: str) -> None:
    """Release a version of a template with another filter and another question."""
    with (source / "extensions" / "mcc" / "face" / "filters.py").open("a") as file:
        file.write(f"FILTERS['numbered'] = lambda value: f'{{value}} {number}'\n")
    (source / "questions" / "6-numbers.yml").write_text(f"number:\n  default: {number}\n  when: false\n")
    settings = source / "copier.yml"
    if "6-numbers" not in settings.read_text():
        settings.write_text(f"{settings.read_text()}---\n!include questions/6-numbers.yml\n")
    (source / "template" / "NOTES.jinja").write_text("{{ 'filter' | numbered }}, question {{ number }}\n")
    release(source, "v1" if number == "one" else "v2")


def test_executable_bits_reach_an_index_whose_git_does_not_read_them(render: Render) -> None:
    project = render()
    git(project, "init")
    git(project, "config", "core.fileMode", "false")
    release(project, "made")
    assert mode_in_index(project) == "100644"
    (project / "do" / "build").write_text("edited\n")
    copier.run_recopy(project, overwrite=True, **OPTIONS)
    assert mode_in_index(project) == "100755"


def mode_in_index(project: Path) -> str:
    command = ["git", "ls-files", "--stage", "do/build"]
    return subprocess.run(command, cwd=project, check=True, capture_output=True, text=True).stdout.split()[0]


def contents(project: Path) -> dict[str, tuple[int, bytes]]:
    """Return the mode and content of each file of a project."""
    found = [path for path in project.rglob("*") if path.is_file() and ".git" not in path.parts]
    return {str(path.relative_to(project)): (path.stat().st_mode, path.read_bytes()) for path in found}
