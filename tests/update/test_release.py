"""`make release`: what is checked before a tag, and projects that go from one real tag to the next."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY, git
from tools import release

KINDS = {name: release.KINDS[name] for name in ("flask-sklearn", "hyperpod-vllm")}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a clone of this repository as it is now, with all its commits and tags."""
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(REPOSITORY), str(clone))
    changed = subprocess.run(
        ["git", "diff", "--binary", "HEAD"], cwd=REPOSITORY, check=True, capture_output=True
    )
    if changed.stdout:
        subprocess.run(["git", "apply", "--index"], cwd=clone, input=changed.stdout, check=True)
        git(clone, "commit", "--message", "uncommitted")
    return clone


def write_changes(clone: Path, text: str) -> None:
    (clone / "CHANGELOG.md").write_text(f"# Changelog\n\n{text}")
    git(clone, "commit", "--all", "--message", "changes")


def test_projects_are_updated_between_two_released_tags(clone: Path) -> None:
    if not release.last_tag(clone):
        write_changes(clone, "## Unreleased\n\n## 1.0.0 (2026-12-01)\n\n- First version.\n")
        assert release.release(clone, "1.0.0") == []
    major, minor, patch = release.numbers(release.last_tag(clone)[1:])
    version = f"{major}.{minor}.{patch + 1}"
    write_changes(clone, f"## {version}\n\n- News.\n\n## 1.0.0\n\n- First version.\n")
    assert release.release(clone, version, KINDS) == []
    assert release.last_tag(clone) == f"v{version}"
    shown = release.git(clone, "tag", "--list", "--format=%(contents)", f"v{version}")
    assert "- News." in shown


def test_a_conflict_stops_a_release(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_changes(clone, "## 1.0.0\n\n- First version.\n")
    git(clone, "tag", "v900.0.0")
    write_changes(clone, "## 900.0.1\n\n- Fixes.\n")
    monkeypatch.setattr(release, "update", lambda *_: "conflicts in Dockerfile")
    assert release.release(clone, "900.0.1", KINDS) == [f"{name}: conflicts in Dockerfile" for name in KINDS]
    assert release.last_tag(clone) == "v900.0.0"


@pytest.mark.parametrize(
    ("version", "changelog", "problem"),
    [
        ("1.0", "## 1.0\n\n- x\n", "is not a version"),
        ("900.0.0", "## Unreleased\n\n- x\n", "no entries for 900.0.0"),
        ("900.0.0", "## 900.0.0\n\n## 1.0.0\n\n- x\n", "no entries for 900.0.0"),
        ("900.0.0", "## Unreleased\n\n- y\n\n## 900.0.0\n\n- x\n", "entries below `## Unreleased`"),
        ("0.0.1", "## 0.0.1\n\n- x\n", "not newer than the last tag, v800.0.0"),
    ],
)
def test_a_release_that_is_not_ready(tmp_path: Path, version: str, changelog: str, problem: str) -> None:
    git(tmp_path, "init")
    (tmp_path / "CHANGELOG.md").write_text("")
    git(tmp_path, "add", "--all")
    write_changes(tmp_path, changelog)
    git(tmp_path, "tag", "v800.0.0")
    found = release.release(tmp_path, version)
    assert any(problem in line for line in found), found
    assert release.last_tag(tmp_path) == "v800.0.0"


def test_uncommitted_changes_stop_a_release(tmp_path: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / "CHANGELOG.md").write_text("")
    git(tmp_path, "add", "--all")
    write_changes(tmp_path, "## 1.0.0\n\n- x\n")
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 1.0.0\n\n- y\n")
    assert "uncommitted changes" in release.release(tmp_path, "1.0.0")[0]


def test_the_command_without_a_version_says_what_to_give() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.release", ""], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 1 and "make release VERSION=1.2.3" in done.stderr
