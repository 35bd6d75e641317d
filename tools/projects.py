"""Projects that the documentation shows: rendered from this checkout, the same on every machine."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import copier
from copier._main import Worker  # run_copy returns one; no public name is left for it

REPOSITORY = Path(__file__).resolve().parents[1]
TEMPLATE = ("copier.yml", "questions", "catalog", "extensions", "template", "includes", "hooks")
# Looks up no model, and reads no default of the machine or of its user.
FIXED = {"offline": True, "project_id": "c0ffee42", "region": "us-east-1"}
OF_THE_USER = ("MCC_", "AWS_", "HF_")


def copy_of_template(folder: Path, files: bool = True) -> Path:
    """Copy the template without its history, so that Copier reads the files as they are now.

    Without its `files` it renders nothing, and answers its questions in half the time.
    """
    folder.mkdir(exist_ok=True)
    for name in TEMPLATE:
        source = REPOSITORY / name
        if name == "template" and not files:
            (folder / name).mkdir()
            continue
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


def render(template: Path, project: Path, answers: Mapping[str, Any]) -> Path:
    """Render a project with the answers given and return its folder."""
    _copy(template, project, answers, pretend=False)
    return project


def decisions(
    template: Path, project: Path, answers: Mapping[str, Any]
) -> tuple[frozenset[str], dict[str, Any]]:
    """Return the questions that an interview asks after these answers, and the value of every question.

    Writes nothing.
    """
    worker = _copy(template, project, answers, pretend=True)
    values = dict(worker.answers.combined)
    return frozenset(set(values) - worker.answers.hidden), values


def _copy(template: Path, project: Path, answers: Mapping[str, Any], pretend: bool) -> Worker:
    with _environment_of_nobody():
        return copier.run_copy(
            str(template),
            project,
            data={**FIXED, **answers},
            defaults=True,
            unsafe=True,
            quiet=True,
            skip_tasks=True,
            pretend=pretend,
        )


@contextmanager
def _environment_of_nobody() -> Iterator[None]:
    kept = {name: value for name, value in os.environ.items() if name.startswith(OF_THE_USER)}
    for name in kept:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(kept)
