# Part of the library: `copier update` replaces this file.
"""Python environments of the project's own, made on first use; nothing is installed outside the project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from lifecycle.project import PRECONDITION, PROJECT, Failure

# The variables that a process gets which loads a model: of the system, of libraries, and of serving/.
KEPT = re.compile(
    r"PATH|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|LANG|LC_[A-Z]+|TZ|TERM|TMPDIR|PYTHON(UNBUFFERED|HASHSEED|UTF8)"
    r"|(OMP|MKL|OPENBLAS)_\w+|(CUDA|NVIDIA)_VISIBLE_DEVICES|KERAS_BACKEND"
    r"|TF_(CPP_MIN_LOG_LEVEL|NUM_INT(RA|ER)OP_THREADS|ENABLE_ONEDNN_OPTS|USE_LEGACY_KERAS)"
    r"|SERV(E|ING)_\w+|SAGEMAKER_(TRITON_\w+|BIND_TO_PORT|SAFE_PORT_RANGE)"
)


def enter() -> None:
    """Go on in .venv, which has what do/requirements.txt names: starts this command again there."""
    directory = PROJECT / ".venv"
    if Path(sys.prefix).resolve() != directory.resolve():
        python = made(directory, PROJECT / "do" / "requirements.txt")
        os.execv(python, [str(python), *sys.argv])


def made(directory: Path, requirements: Path, versions: tuple[str, ...] = ()) -> Path:
    """Return the Python of an environment with these requirements, made now if it is missing or outdated.

    `versions` are those of Python that the requirements are pinned for, oldest first, all when it is empty.
    Raises Failure (precondition) when it cannot be made, before anything is installed where no Python suits.
    """
    python, installed = directory / "bin" / "python", directory / "installed.txt"
    wanted = requirements.read_text()
    if installed.exists() and installed.read_text() == wanted:
        return python
    uv = shutil.which("uv")
    chosen = suitable_python(uv, requirements, versions)
    named = f"{directory.name} with the libraries of {requirements.relative_to(PROJECT)}"
    print(f"making {named} ...", file=sys.stderr, flush=True)
    shutil.rmtree(directory, ignore_errors=True)
    for command in commands(uv, directory, requirements, chosen):
        if subprocess.run(command, stdout=sys.stderr).returncode:
            what, seen = f"cannot make {directory.name}", " ".join(command)
            remedy = "read the lines above"
            if versions:
                remedy += f"; the pins are for Python {' or '.join(versions)}, which uv can fetch"
            raise Failure(PRECONDITION, "no-environment", what, seen, remedy)
    installed.write_text(wanted)
    return python


def bare(**more: str) -> dict[str, str]:
    """Return an environment for code that comes with a model: this one without credentials and secrets.

    Only what is listed here goes along, and `more`. The files of the user remain readable to such code.
    """
    kept = {name: value for name, value in os.environ.items() if KEPT.fullmatch(name)}
    return {**kept, **more}


def suitable_python(uv: str | None, requirements: Path, versions: tuple[str, ...]) -> str:
    """Return the Python to make an environment with: this one, one on PATH, or a version that uv provides.

    Raises Failure (precondition) when none of `versions` can be had.
    """
    running = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if not versions or running in versions:
        return sys.executable
    for version in reversed(versions):
        found = shutil.which(f"python{version}")
        # A launcher of that name may be there without the version it launches.
        if found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:
            return found
    if uv:
        return versions[-1]
    what = f"Python {running} cannot run the server without a container"
    seen = f"{requirements.name} has wheels for Python {', '.join(versions)}"
    remedy = f"install one of them, so that python{versions[-1]} is on PATH, or install uv: pip install uv"
    raise Failure(PRECONDITION, "unsuitable-python", what, seen, remedy)


def commands(uv: str | None, directory: Path, requirements: Path, chosen: str) -> list[list[str]]:
    """Return the commands that make an environment of a Python: with uv if it is installed, else with pip."""
    where, python = str(directory), str(directory / "bin" / "python")
    pins = ["--no-deps", "--requirement", str(requirements)]
    if uv:
        return [
            [uv, "venv", "--quiet", "--no-project", "--python", chosen, where],
            [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *pins],
        ]
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return [[chosen, "-m", "venv", where], [*pip, *pins]]
