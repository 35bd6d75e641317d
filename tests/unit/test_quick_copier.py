"""Copies of the test session are those that Copier makes by itself."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import Render

ANSWERS = {"deployment_config": "transformers-vllm", "offline": True, "project_id": "c0ffee42"}


def test_a_quick_copy_is_a_copy(render: Render, template: Path, tmp_path: Path) -> None:
    render("first")
    quick = render("my-model", **ANSWERS)
    slow = tmp_path / "slow" / "my-model"
    data = [part for name, answer in ANSWERS.items() for part in ("--data", f"{name}={answer}")]
    options = ["--trust", "--defaults", "--quiet", "--skip-tasks", *data]
    subprocess.run([sys.executable, "-m", "copier", "copy", *options, str(template), str(slow)], check=True)
    assert contents(quick) == contents(slow)


def contents(project: Path) -> dict[str, tuple[int, bytes]]:
    """Return the mode and content of each file."""
    found = [path for path in project.rglob("*") if path.is_file()]
    return {str(path.relative_to(project)): (path.stat().st_mode, path.read_bytes()) for path in found}
