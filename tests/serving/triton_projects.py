"""Triton's projects for tests: rendered, trained by their own commands, among libraries kept in .demo/."""

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
    """Let one process at a time do something."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def environment(config: str, model_format: str) -> Path:
    """Return the kept environment of a format, made on first use by what the project's requirements name."""
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
            # A wheel for CPUs alone, where a machine has one, is a tenth of that on PyPI.
            found = {"UV_FIND_LINKS": os.environ.get("PIP_FIND_LINKS", "")}
            variables = {**os.environ, **{name: value for name, value in found.items() if value}}
            subprocess.run(install, input=pins, text=True, check=True, env=variables)
            (kept / "pins.txt").write_text(pins)
    return kept


def trained(template: Path, config: str, model_format: str, **answers: Any) -> Path:
    """Return a project with its sample model, trained once for the same template and answers and kept."""
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
    """Give a project the kept environment of its format as its own .venv-model, by hard links."""
    own = project / ".venv-model"
    subprocess.run(["cp", "-al", environment(config, model_format), own], check=True)
    (own / "pins.txt").unlink()
    shutil.copy(project / "requirements.txt", own / "installed.txt")


def call(project: Path, function: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Call a function of a project's lifecycle.served.local, as the hook after a copy does."""
    source = "import sys; from pathlib import Path; from lifecycle.served import local\n"
    source += "getattr(local, sys.argv[1])(*map(Path, sys.argv[2:]))"
    command = [sys.executable, "-c", source, function, *arguments]
    variables = {**os.environ, "PYTHONPATH": "do"}
    return subprocess.run(command, cwd=project, env=variables, check=True, capture_output=True, text=True)


def run_among_libraries(project: Path, *arguments: str) -> str:
    """Run triton_runtimes.py in a project, among the libraries that read its model; return what it prints."""
    command = [str(project / ".venv-model" / "bin" / "python"), str(RUNTIMES), *arguments]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, cwd=project, env=quiet, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def do(project: Path, verb: str, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run one of a project's commands."""
    command, variables = [sys.executable, f"do/{verb}", *arguments], {**os.environ, **environ}
    return subprocess.run(command, cwd=project, env=variables, capture_output=True, text=True)
