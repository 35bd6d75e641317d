"""The extension with the lowest and the highest versions that pyproject.toml allows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("stranger")]
UV = Path(sys.executable).with_name("uv")
# The tests of what uses these libraries; the others are plain Python.
TESTS = (
    *("catalog", "entry", "hub", "hub_failures", "language_model", "lookup", "quiet_copy"),
    *("refresh_instances", "summary"),
)
TOOLS = ["hypothesis", "pytest", "pytest-copier", "pytest-xdist"]


@pytest.mark.parametrize("resolution", ["lowest-direct", "highest"])
def test_the_units_of_the_extension(tmp_path: Path, resolution: str) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    install: list[str | Path] = [UV, "pip", "install", "--quiet", "--python", python]
    commands: list[list[str | Path]] = [
        [UV, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv"],
        [*install, "--resolution", resolution, "--requirements", REPOSITORY / "pyproject.toml"],
        [*install, *TOOLS],
    ]
    for command in commands:
        subprocess.run(command, check=True, cwd=tmp_path)
    files = [REPOSITORY / "tests" / "unit" / f"test_{name}.py" for name in TESTS]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [python, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", *files],
        cwd=REPOSITORY,
        env=kept | {"PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, done.stdout[-8000:]
