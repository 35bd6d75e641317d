"""The container engine of tests/fakes/up, and images that projects build with it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import copier
import pytest

from tests.conftest import REPOSITORY
from tests.fakes.aws.docker_runner import DockerRunner
from tests.fakes.aws.registry_store import RegistryStore
from tests.fakes.aws.server import FakeAws
from tests.serving.test_contract import shared_environment

Image = tuple[Path, str]


@pytest.fixture(scope="session")
def engine() -> dict[str, str]:
    """Return the environment in which `docker` is the engine of tests/fakes/up."""
    answer = subprocess.run([REPOSITORY / "tests" / "fakes" / "up"], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    exports = (line.removeprefix("export ").split("=", 1) for line in answer.stdout.splitlines())
    return {**os.environ, **dict(exports), "PATH": f"/usr/bin:{os.environ['PATH']}"}


@pytest.fixture(scope="session")
def real_aws_server(engine: dict[str, str]) -> Iterator[FakeAws]:
    """Return a fake AWS with the registry and the container engine of tests/fakes/up."""
    runner = DockerRunner(engine)
    aws = FakeAws(runner, RegistryStore())
    aws.start()
    yield aws
    aws.stop()
    runner.close()


@pytest.fixture(scope="session")
def aws_cli(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an `aws` command, which images of CodeBuild have."""
    environment = tmp_path_factory.mktemp("awscli")
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--clear", environment], check=True)
    into = ["--python", str(environment / "bin" / "python")]
    subprocess.run([uv, "pip", "install", "--quiet", *into, "awscli>=1.40,<2"], check=True)
    return environment / "bin"


@pytest.fixture
def real_aws(real_aws_server: FakeAws, engine: dict[str, str], aws_cli: Path) -> Iterator[FakeAws]:
    """Return the fake AWS, empty. Its builds have the container engine and `aws`."""
    real_aws_server.reset()
    real_aws_server.settings.build_environment |= {
        "DOCKER_HOST": engine["DOCKER_HOST"],
        "PATH": f"{aws_cli}:{engine['PATH']}",
    }
    yield real_aws_server
    real_aws_server.reset()


@pytest.fixture(scope="session")
def build(
    engine: dict[str, str], template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Image]:
    """Return a function that renders a project, trains its sample model and builds its image, once each."""

    @cache
    def build_image(server: str, framework: str) -> Image:
        project = tmp_path_factory.mktemp("real") / f"{framework}-{server}"
        data = {"deployment_config": server, "framework": framework}
        options: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}
        copier.run_copy(str(template), project, data=data, **options)
        with shared_environment(project, framework, server):  # in which do/build trains the sample model
            answer = subprocess.run(
                [sys.executable, "do/build"], cwd=project, env=engine, capture_output=True, text=True
            )
        assert answer.returncode == 0, answer.stderr[-3000:]
        return project, answer.stdout.strip().splitlines()[-1]

    return build_image
