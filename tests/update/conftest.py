"""A template with a first version, and a project made from it."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.conftest import git, release
from tests.update.versions import make

ENOUGH = 2_000_000_000  # bytes


@pytest.fixture(autouse=True)
def clones_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Copier clone the template into memory, where there is enough.

    An update makes and deletes five clones, and ext4 searches long for inodes where many were just deleted.
    """
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free > ENOUGH:
        monkeypatch.setattr(tempfile, "tempdir", str(memory))
        monkeypatch.setenv("TMPDIR", str(memory))


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
