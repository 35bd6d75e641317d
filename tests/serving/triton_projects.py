"""Triton projects for tests, rendered and trained with their commands; .demo/ caches the libraries."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import copier

from extensions.mcc.catalog import catalog
from tests.conftest import REPOSITORY

KEPT = REPOSITORY / ".demo" / "triton"
RUNTIMES = Path(__file__).with_name("triton_runtimes.py")


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Hold a lock between processes."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def environment(config: str, model_format: str) -> Path:
    """Return the cached environment of a format, created from the requirements on first use."""
    backend = catalog.triton()[config]
    name = f"{config}-{backend.formats[model_format].environment}"
    pins = "\n".join(backend.environments[backend.formats[model_format].environment].requirements)
    kept = KEPT / "environments" / name
    with alone(name):
        if not (kept / "pins.txt").exists() or (kept / "pins.txt").read_text() != pins:
            shutil.rmtree(kept, ignore_errors=True)
            subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, kept], check=True)
            python = ["--python", str(kept / "bin" / "python"), "--no-deps"]
            install = ["uv", "pip", "install", "--quiet", "--compile-bytecode", *python, "--requirement", "-"]
            # The CPU wheel, if installed, is a tenth of the size of the wheel on PyPI.
            found = {"UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", "")}
            variables = {**os.environ, **{name: value for name, value in found.items() if value}}
            subprocess.run(install, input=pins, text=True, check=True, env=variables)
            (kept / "pins.txt").write_text(pins)
    return kept


def trained(template: Path, config: str, model_format: str, **answers: Any) -> Path:
    """Return a project with its sample model, cached for each template and set of answers."""
    project = template.parent / f"{config}-{model_format}" / "abalone-age"
    with alone("trained"):
        if not project.exists():
            rendered(template, project, deployment_config=config, model_format=model_format, **answers)
            lend_environment(project, config, model_format)
            call(project, "train")
    return project


def rendered(template: Path, project: Path, **answers: Any) -> Path:
    """Render a project without running its tasks."""
    options: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}
    copier.run_copy(str(template), project, data=answers, **options)
    return project


def lend_environment(project: Path, config: str, model_format: str) -> None:
    """Link the cached environment of its format as .venv-model of a project."""
    own = project / ".venv-model"
    subprocess.run(["cp", "-al", environment(config, model_format), own], check=True)
    (own / "pins.txt").unlink()
    shutil.copy(project / "requirements.txt", own / "installed.txt")


def call(project: Path, function: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Call a function of the lifecycle.served.local of a project, like the hook after a copy."""
    source = "import sys; from pathlib import Path; from lifecycle.served import local\n"
    source += "getattr(local, sys.argv[1])(*map(Path, sys.argv[2:]))"
    command = [sys.executable, "-c", source, function, *arguments]
    variables = {**os.environ, "PYTHONPATH": "do"}
    return subprocess.run(command, cwd=project, env=variables, check=True, capture_output=True, text=True)


def run_among_libraries(project: Path, *arguments: str) -> str:
    """Run triton_runtimes.py in a project with its libraries. Return the output."""
    command = [str(project / ".venv-model" / "bin" / "python"), str(RUNTIMES), *arguments]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=project, env=quiet, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def do(project: Path, verb: str, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of a project."""
    command, variables = [sys.executable, f"do/{verb}", *arguments], {**os.environ, **environ}
    return subprocess.run(command, cwd=project, env=variables, capture_output=True, text=True)


def model_of(project: Path) -> Path:
    """Return the folder of the only model in a project's repository."""
    [config] = (project / "model_repository").glob("*/config.pbtxt")
    return config.parent
