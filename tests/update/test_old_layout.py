"""Projects of the first layout, commit c6538a0, are updated: no conflict, no stale file, no lost edit."""

import subprocess
from pathlib import Path
from typing import Any

import copier
import pytest

from tests import ownership
from tests.conftest import REPOSITORY, compile_extension, git, release
from tests.update.versions import OPTIONS, answers_of, make

FIRST = "c6538a0"
CLUSTER = {"deployment_target": "hyperpod-eks", "hyperpod_cluster": "research"}
# The answers of the first copy, and those that an update changes.
UPDATES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "predictive": ({}, {}),
    "predictive, to a cluster": ({}, CLUSTER),
    "predictive, to CodeBuild": (
        {"include_tests": False},
        {"build_target": "codebuild", "include_tests": True},
    ),
    "predictive, from CodeBuild": (
        {"build_target": "codebuild"},
        {"build_target": "local", "include_tests": False},
    ),
    "predictive, without a sample": ({}, {"include_sample_model": False}),
    "language model on a cluster": (
        {"deployment_config": "transformers-sglang", "offline": True, **CLUSTER},
        {},
    ),
    "language model, from a cluster": (
        {"deployment_config": "transformers-vllm", "offline": True, **CLUSTER},
        {"deployment_target": "managed-inference", "include_tests": True},
    ),
    "triton": ({"deployment_config": "triton-fil"}, {}),
    "triton, with a sample, to a cluster": (
        {"deployment_config": "triton-onnxruntime", "include_sample_model": False},
        {"include_sample_model": True, **CLUSTER},
    ),
}


@pytest.fixture(scope="module")
def source(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a template whose tag v1 is the first layout and whose tag v2 is this one."""
    source = tmp_path_factory.mktemp("layouts") / "source"
    source.mkdir()
    archive = subprocess.run(["git", "archive", FIRST], cwd=REPOSITORY, capture_output=True)
    assert archive.returncode == 0, f"{FIRST} is missing: fetch the whole history (git fetch --unshallow)"
    subprocess.run(["tar", "-x"], cwd=source, input=archive.stdout, check=True)
    compile_extension(source)
    git(source, "init")
    release(source, "v1")
    for path in source.iterdir():
        if path.name != ".git":
            subprocess.run(["rm", "-r", str(path)], check=True)
    subprocess.run(["cp", "-r", f"{template}/.", str(source)], check=True)
    release(source, "v2")
    return source


def contents(project: Path) -> dict[str, bytes]:
    paths = (path for path in project.rglob("*") if ".git" not in path.relative_to(project).parts)
    return {str(path.relative_to(project)): path.read_bytes() if path.is_file() else b"" for path in paths}


@pytest.mark.parametrize("name", UPDATES)
def test_an_updated_project_is_what_a_new_copy_is(source: Path, tmp_path: Path, name: str) -> None:
    first, changed = UPDATES[name]
    made, fresh = tmp_path / "abalone-age", tmp_path / "fresh" / "abalone-age"
    make(source, made, "v1", **first)
    copier.run_update(made, data=changed, overwrite=True, **OPTIONS)
    data = {**first, **changed, "base_image": answers_of(made)["base_image"]}
    if data.get("deployment_target") != "hyperpod-eks":
        data.pop("hyperpod_cluster", None)
    copier.run_copy(str(source), fresh, data=data, **OPTIONS)
    updated, new = contents(made), contents(fresh)
    # Each project has an ID of its own.
    own, other = (answers_of(project)["project_id"].encode() for project in (made, fresh))
    new = {path: text.replace(other, own) for path, text in new.items()}
    assert sorted(updated) == sorted(new)
    # An update keeps decisions, such as memory and price, which only the team's files and answers print.
    library = {name for name, of_library in ownership.files(fresh).items() if of_library}
    printing = {".copier-answers.yml", "memory.svg", "do/lifecycle/chosen.py"}
    assert [path for path in sorted(library - printing) if updated[path] != new[path]] == []
    assert not [path for path, text in updated.items() if b"<<<<<<<" in text]


def test_edits_of_the_team_survive_the_move(source: Path, tmp_path: Path) -> None:
    made = tmp_path / "abalone-age"
    make(source, made, "v1")
    edits = {
        "do/config.toml": ("poll_seconds = 10.0", "poll_seconds = 20.0"),
        "serving/model_handler.py": ("import joblib\n", "import joblib  # ours\n"),
        "README.md": ("# abalone-age", "# Abalones of the team"),
    }
    for name, (before, after) in edits.items():
        text = (made / name).read_text()
        assert before in text, name
        (made / name).write_text(text.replace(before, after))
    git(made, "commit", "--all", "--message", "mine")
    copier.run_update(made, overwrite=True, **OPTIONS)
    for name, (_, after) in edits.items():
        text = (made / name).read_text()
        assert after in text and "<<<<<<<" not in text, name
    assert not list(made.rglob("*.rej"))


def test_edited_library_files_are_named_before_an_update(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "abalone-age"
    make(source, made, "v1")
    edited = made / "do" / "lifecycle" / "plan.py"
    edited.write_text(f"{edited.read_text()}\n# An edit of the team.\n")
    git(made, "commit", "--all", "--message", "mine")
    capfd.readouterr()
    copier.run_update(made, overwrite=True, **{**OPTIONS, "quiet": False})
    shown = capfd.readouterr().err
    assert "These library files were edited in this project:\n  do/lifecycle/plan.py\n" in shown
