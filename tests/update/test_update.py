"""A project goes from one version of the template to the next: edits survive, decisions stay."""

import subprocess
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml

OPTIONS: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def release(template: Path, tag: str) -> None:
    git(template, "add", "--all")
    git(template, "commit", "--message", tag)
    git(template, "tag", tag)


@pytest.fixture
def project(template: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Return a template with a tag v1 and a committed project made from it."""
    source, made = tmp_path / "source", tmp_path / "abalone-age"
    subprocess.run(["cp", "-r", str(template), str(source)], check=True)
    git(source, "init")
    release(source, "v1")
    copier.run_copy(str(source), made, data={"instance_type": "ml.m5.large"}, **OPTIONS)
    git(made, "init")
    git(made, "add", "--all")
    git(made, "commit", "--message", "made")
    return source, made


def test_edits_survive_and_decisions_stay(project: tuple[Path, Path]) -> None:
    source, made = project
    handler = made / "serving" / "model_handler.py"
    handler.write_text(
        handler.read_text().replace("return np.asarray(predictions)", "return 2 * np.asarray(predictions)")
    )
    git(made, "commit", "--all", "--message", "mine")
    catalog = source / "catalog" / "instances.yml"
    catalog.write_text("".join(line for line in catalog.open() if "ml.m5.large:" not in line))
    configuration = source / "template" / "{{ predictive }}" / "nginx.conf"
    configuration.write_text(
        configuration.read_text().replace("keepalive_timeout 75s", "keepalive_timeout 80s")
    )
    release(source, "v2")

    copier.run_update(made, overwrite=True, **OPTIONS)

    answers = yaml.safe_load((made / ".copier-answers.yml").read_text())
    assert answers["_commit"] == "v2" and answers["instance_type"] == "ml.m5.large"
    assert "keepalive_timeout 80s" in (made / "nginx.conf").read_text()
    assert "return 2 * np.asarray(predictions)" in handler.read_text()


def test_an_answer_can_be_changed_by_an_update(project: tuple[Path, Path]) -> None:
    source, made = project
    (source / "NOTES").write_text("a new version\n")
    release(source, "v2")
    copier.run_update(made, data={"deployment_config": "http-flask"}, overwrite=True, **OPTIONS)
    assert "flask==" in (made / "requirements.txt").read_text()
    assert "fastapi" not in (made / "requirements.txt").read_text()
