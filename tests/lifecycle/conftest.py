"""The fake AWS, shared by the session and empty for every test, and projects whose commands use it."""

import compileall
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import copier
import pytest

from tests.fakes.aws.server import FakeAws
from tests.lifecycle.commands import NAME, ROLE, Project, clean_environment
from tests.lifecycle.deployment import Deployment
from tests.lifecycle.forks import Forks

BUCKET = "team-data"


@pytest.fixture(scope="session")
def aws_server() -> Iterator[FakeAws]:
    """Return the fake AWS of this session."""
    aws = FakeAws()
    aws.start()
    yield aws
    aws.stop()


@pytest.fixture
def aws(aws_server: FakeAws) -> Iterator[FakeAws]:
    """Return an empty AWS: `calls`, `fault(...)`, `enforce(...)`, `boto3_client(...)`, `environment()`."""
    aws_server.reset()
    yield aws_server
    aws_server.reset()


@pytest.fixture
def deployment(aws: FakeAws) -> Deployment:
    """Return a deployment to an empty AWS, call by call."""
    return Deployment(aws)


@pytest.fixture(scope="session")
def rendered(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project of a predictive model with its .venv, for copies; the workers of a run share it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "rendered"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            render(template, folder / NAME)
            write_examples(folder / NAME)
            make_environment(folder / NAME)
            (folder / "ready").touch()
    return folder / NAME


@pytest.fixture(scope="session")
def quick_commands(rendered: Path) -> Iterator[Forks]:
    """Return the runner of commands of projects that share the .venv of `rendered`."""
    forks = Forks(rendered / ".venv" / "bin" / "python", rendered)
    yield forks
    forks.close()


@pytest.fixture
def project(rendered: Path, aws: FakeAws, tmp_path: Path, quick_commands: Forks) -> Project:
    """Return a project of a predictive model, ready to be deployed to an AWS without endpoints."""
    return Project(copied(rendered, tmp_path / NAME), aws, forks=quick_commands)


@pytest.fixture(scope="session")
def language_model_project(template: Path, rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project of a language model, for copies."""
    path = tmp_path_factory.mktemp("chat") / NAME
    render(template, path, deployment_config="transformers-vllm", offline=True)
    lend_environment(rendered, path)
    return path


@pytest.fixture
def chat(language_model_project: Path, aws: FakeAws, tmp_path: Path, quick_commands: Forks) -> Project:
    """Return a project of a language model, ready to be deployed."""
    return Project(copied(language_model_project, tmp_path / NAME), aws, forks=quick_commands)


@pytest.fixture(scope="session")
def batch_project(template: Path, rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project of batch transform jobs, for copies."""
    path = tmp_path_factory.mktemp("batch") / NAME
    data = {"deployment_target": "batch-transform", "batch_location": f"s3://{BUCKET}/churn/"}
    render(template, path, **data)
    write_examples(path)
    lend_environment(rendered, path)
    return path


@pytest.fixture
def batch(batch_project: Path, aws: FakeAws, tmp_path: Path, quick_commands: Forks) -> Project:
    """Return a project of batch transform jobs with the bucket of its data, ready to be deployed."""
    aws.boto3_client("s3").create_bucket(Bucket=BUCKET)
    return Project(copied(batch_project, tmp_path / NAME), aws, forks=quick_commands)


def render(template: Path, project: Path, **answers: Any) -> None:
    options: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}
    data = {"role_arn": ROLE, "region": "us-east-1", **answers}
    copier.run_copy(str(template), project, data=data, **options)


def write_examples(project: Path) -> None:
    """Add a model that is never loaded to a project, with examples like those of the training."""
    content = b"a model"
    (project / "model" / "model.pkl").write_bytes(content)
    about = {"model": "model.pkl", "sha256": hashlib.sha256(content).hexdigest()}
    rows = {"instances": [[0.0, 0.4, 0.3, 0.1, 0.5, 0.2, 0.1, 0.15]]}
    example = {"request": rows, "truth": [9]}
    (project / "model" / "examples.json").write_text(json.dumps({**about, "examples": [example]}))


def make_environment(project: Path) -> None:
    """Create the .venv of a project like its commands, and compile the commands."""
    made = (
        "from lifecycle import environment, project as p;"
        "environment.made(p.PROJECT / '.venv', p.PROJECT / 'do' / 'requirements.txt')"
    )
    subprocess.run([sys.executable, "-c", made], cwd=project / "do", env=clean_environment(), check=True)
    compile_commands(project)


def lend_environment(owner: Path, project: Path) -> None:
    """Share the .venv of a project with another one, and compile the commands of that one."""
    (project / ".venv").symlink_to(owner / ".venv")
    compile_commands(project)


def compile_commands(project: Path) -> None:
    """Compile the commands of a project, which otherwise each command of its copies does."""
    assert compileall.compile_dir(project / "do", quiet=1)


def copied(source: Path, target: Path) -> Path:
    """Return a copy of a project that shares its .venv."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(".venv"))
    (target / ".venv").symlink_to(source / ".venv")
    return target
