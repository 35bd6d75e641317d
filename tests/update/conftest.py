"""A template with a first version, and a project made from it."""

import subprocess
from pathlib import Path

import pytest

from tests.conftest import git, release
from tests.update.versions import make


@pytest.fixture
def source(template: Path, tmp_path: Path) -> Path:
    """Return a template with a tag v1."""
    source = tmp_path / "source"
    subprocess.run(["cp", "-r", str(template), str(source)], check=True)
    git(source, "init")
    release(source, "v1")
    return source


@pytest.fixture
def project(source: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Return a template with a tag v1 and a committed project made from it."""
    made = tmp_path / "abalone-age"
    make(source, made, instance_type="ml.m5.large")
    return source, made
