"""A model adds no files from outside its folder, and its code gets no credentials."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.fakes.aws.server import FakeAws
from tests.lifecycle.commands import NAME
from tests.lifecycle.conftest import copied, render
from tests.lifecycle.projects import StubbedProject

SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "a-key",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials",
    "HF_TOKEN": "a-token",
    "NVIDIA_API_KEY": "a-key",
    "TF_VAR_password": "a-word",
}


def with_fake(project: Path, seen: Path) -> None:
    """Replace the Python of .venv-model with a program that writes its variables to a file."""
    python = project / ".venv-model" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\nenv >> {seen}\n")
    python.chmod(0o755)
    (project / ".venv-model" / "installed.txt").write_text((project / "requirements.txt").read_text())
    (project / "model" / "model.pkl").write_bytes(b"a pickle")


@pytest.mark.parametrize("command", [("run", "--local"), ("test", "--contract", "--local", "--only", "9")])
def test_a_model_on_this_machine_gets_no_credentials(
    rendered: Path, aws: FakeAws, tmp_path: Path, command: tuple[str, ...]
) -> None:
    project = StubbedProject(copied(rendered, tmp_path / NAME), aws)
    with_fake(project.path, tmp_path / "seen")
    kept = {"SERVING_WORKERS": "3", "OMP_NUM_THREADS": "2", "LC_ALL": "C.UTF-8"}
    project.do(command[0], *command[1:], **SECRETS, **kept)
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines() if "=" in line)
    assert not {*SECRETS, "HOME"} & set(seen), seen
    assert kept.items() <= seen.items() and seen["SAGEMAKER_BIND_TO_PORT"] and "PATH" in seen
    assert not any(value in seen.values() for value in SECRETS.values())


@pytest.mark.parametrize("place", ["model", "model/words"])
@pytest.mark.parametrize("verb", ["build", "submit"])
def test_a_link_that_leaves_what_is_built_is_refused(
    template: Path, rendered: Path, aws: FakeAws, tmp_path: Path, verb: str, place: str
) -> None:
    folder = tmp_path / NAME
    render(template, folder, build_target="codebuild")
    (folder / ".venv").symlink_to(rendered / ".venv")
    project = StubbedProject(folder, aws)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "model.pkl").write_bytes(b"a secret")
    if place == "model":
        (folder / "model" / "README.md").rename(outside / "README.md")
        (folder / "model").rmdir()
    (folder / place).symlink_to(outside)
    answer = project.answer(verb)
    assert answer["code"] == 3 and answer["findings"][0]["id"] == "link-leaves", answer
    assert f"is a link to {outside}" in answer["findings"][0]["seen"]
    assert not [call for call in project.engine_calls if call[0] == "build"] and not aws.mutations


def test_a_link_within_a_model_is_built(rendered: Path, aws: FakeAws, tmp_path: Path) -> None:
    project = StubbedProject(copied(rendered, tmp_path / NAME), aws)
    (project.path / "model" / "model.pkl").write_bytes(b"a model")
    (project.path / "model" / "same.pkl").symlink_to("model.pkl")
    assert project.do("build").code == 0


def test_a_model_with_a_link_that_leaves_it_is_not_copied(tmp_path: Path) -> None:
    source, project = tmp_path / "own", tmp_path / "project"
    (source / "variables").mkdir(parents=True)
    (project / "model").mkdir(parents=True)
    link = source / "variables" / "variables.index"
    link.symlink_to("/etc/hostname")
    command = [sys.executable, str(REPOSITORY / "hooks" / "after_copy.py"), str(source), "model"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0 and f"{link} is a link that leaves the folder" in done.stderr
    assert list((project / "model").iterdir()) == []
    link.unlink()
    link.symlink_to("../saved_model.pb")
    (source / "saved_model.pb").write_bytes(b"a model")
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.stderr == ""
    assert (project / "model" / "model" / "variables" / "variables.index").read_bytes() == b"a model"
