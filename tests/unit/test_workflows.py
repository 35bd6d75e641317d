"""The workflows of this repository: actions pinned by commit, the least permissions, no credentials kept."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

GITHUB = REPOSITORY / ".github"
AUDIT = ("zizmor", "--offline", "--no-config", "--no-progress", "--persona=auditor")


def audit(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Return how the audit of a .github folder ends; its code is 0 without a finding."""
    return subprocess.run([*AUDIT, str(folder)], capture_output=True, text=True)


def test_workflows_are_clean() -> None:
    done = audit(GITHUB)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("present", "changed", "finding"),
    [
        ("@08c6903cd8c0fde910a37f88322edcfb5dd907a8  # v5.0.0", "@v5", "unpinned-uses"),
        ("permissions: {}\n", "permissions: write-all\n", "excessive-permissions"),
        ("          persist-credentials: false\n", "", "artipacked"),
        ("- run: bash .ci/run", "- run: echo ${{ github.head_ref }}", "template-injection"),
    ],
)
def test_the_audit_finds(tmp_path: Path, present: str, changed: str, finding: str) -> None:
    shutil.copytree(GITHUB, tmp_path / ".github")
    workflow = tmp_path / ".github" / "workflows" / "test.yml"
    text = workflow.read_text()
    assert present in text
    workflow.write_text(text.replace(present, changed, 1))
    done = audit(tmp_path / ".github")
    assert done.returncode != 0 and finding in done.stdout, done.stdout + done.stderr
