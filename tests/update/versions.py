"""Versions of the template, and projects that go from one to the next."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import copier
import yaml

from tests.conftest import git, release

OPTIONS: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}


def new_version(template: Path) -> None:
    (template / "NOTES").write_text("a new version\n")
    release(template, "v2")


def pin_orjson(template: Path, version: str) -> None:
    """Change a pin of all web servers, with a hash."""
    pins, hashes = template / "catalog" / "web_servers.yml", template / "catalog" / "hashes.yml"
    pins.write_text(re.sub(r"orjson==[0-9.]+", f"orjson=={version}", pins.read_text()))
    hashes.write_text(f"{hashes.read_text()}  orjson=={version}: [{'0' * 64}]\n")


def command(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run copier as a user does, in a project."""
    words = [sys.executable, "-m", "copier", *arguments]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True)


def make(source: Path, made: Path, vcs_ref: Any = None, **data: Any) -> None:
    """Make a committed project, of the newest tag or of `vcs_ref`."""
    copier.run_copy(str(source), made, data=data, vcs_ref=vcs_ref, **OPTIONS)
    git(made, "init")
    git(made, "add", "--all")
    git(made, "commit", "--message", "made")


def answers_of(made: Path) -> dict[str, Any]:
    answers: dict[str, Any] = yaml.safe_load((made / ".copier-answers.yml").read_text())
    return answers


def files_of(project: Path) -> set[str]:
    """Return the files of a project but those of git and what names the project itself."""
    found = (path.relative_to(project) for path in project.rglob("*") if path.is_file())
    return {str(path) for path in found if path.parts[0] != ".git"}
