"""The engine of tests/standins/up, and images built with it by the projects' own do/build."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import copier
import pytest

from tests.conftest import REPOSITORY

Image = tuple[Path, str]


@pytest.fixture(scope="session")
def engine() -> dict[str, str]:
    """Return the environment in which `docker` is the stand-ins' engine."""
    answer = subprocess.run([REPOSITORY / "tests" / "standins" / "up"], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    exports = (line.removeprefix("export ").split("=", 1) for line in answer.stdout.splitlines())
    return {**os.environ, **dict(exports), "PATH": f"/usr/bin:{os.environ['PATH']}"}


@pytest.fixture(scope="session")
def build(
    engine: dict[str, str], template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Image]:
    """Return a function that renders a project, trains its sample model and builds its image, once each."""

    @cache
    def build_image(server: str, framework: str) -> Image:
        project = tmp_path_factory.mktemp("real") / f"{framework}-{server}"
        data = {"deployment_config": server, "framework": framework}
        copier.run_copy(str(template), project, data=data, defaults=True, unsafe=True, quiet=True)
        answer = subprocess.run(
            [sys.executable, "do/build"], cwd=project, env=engine, capture_output=True, text=True
        )
        assert answer.returncode == 0, answer.stderr[-3000:]
        return project, answer.stdout.strip().splitlines()[-1]

    return build_image
