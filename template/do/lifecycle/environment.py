# Part of the library: `copier update` replaces this file.
"""Python environments inside the project, created on first use."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lifecycle import package_index
from lifecycle.explain import explained, followed
from lifecycle.project import PRECONDITION, PROJECT, Failure

# The environment variables of a process that loads a model: of the system, libraries, and serving/.
KEPT = re.compile(
    r"PATH|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|LANG|LC_[A-Z]+|TZ|TERM|TMPDIR|PYTHON(UNBUFFERED|HASHSEED|UTF8)"
    r"|(OMP|MKL|OPENBLAS)_\w+|(CUDA|NVIDIA)_VISIBLE_DEVICES|KERAS_BACKEND"
    r"|TF_(CPP_MIN_LOG_LEVEL|NUM_INT(RA|ER)OP_THREADS|ENABLE_ONEDNN_OPTS|USE_LEGACY_KERAS)"
    r"|SERV(E|ING)_\w+|SAGEMAKER_(TRITON_\w+|BIND_TO_PORT|SAFE_PORT_RANGE)"
    r"|SAGEMAKER_(PROGRAM|SUBMIT_DIRECTORY|DEFAULT_INVOCATIONS_ACCEPT)"
)


def enter() -> None:
    """Restart this command in .venv, which has the libraries of do/requirements.txt."""
    directory = PROJECT / ".venv"
    if Path(sys.prefix).resolve() != directory.resolve():
        python = made(directory, PROJECT / "do" / "requirements.txt")
        os.execv(python, [str(python), *sys.argv])


def made(directory: Path, requirements: Path, versions: tuple[str, ...] = ()) -> Path:
    """Return the Python of an environment with these requirements; create it if missing, outdated or broken.

    `versions` are the Python versions that the requirements are pinned for, oldest first; empty: all.
    Raise Failure (precondition) if it cannot be created, and without a suitable Python before any download.
    """
    python = directory / "bin" / "python"
    if _is_current(directory, requirements):
        return python
    with _alone(directory, requirements) as lock:
        if not _is_current(directory, requirements):  # another command can have created it
            _create(directory, requirements, versions, lock)
    return python


def _is_current(directory: Path, requirements: Path) -> bool:
    """Return whether an environment has these requirements, and a Python that still exists."""
    installed = directory / "installed.txt"
    has_python = (directory / "bin" / "python").exists()  # its target can be a Python that was removed
    return has_python and installed.exists() and installed.read_text() == requirements.read_text()


@contextmanager
def _alone(directory: Path, requirements: Path) -> Iterator[int]:
    """Lock an environment, and yield the file of the lock.

    The installers inherit the file: one that was left when its command was killed holds the lock until it
    ends, and cannot write to the environment that the next command creates.
    """
    with requirements.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(
                f"waiting for another command that creates {directory.name} ...", file=sys.stderr, flush=True
            )
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            pass  # some network file systems have no such locks
        yield file.fileno()


def _create(directory: Path, requirements: Path, versions: tuple[str, ...], lock: int) -> None:
    """Create an environment. Raise Failure (precondition)."""
    uv = None if package_index.only_pip_has_index() else shutil.which("uv")
    chosen = suitable_python(uv, requirements, versions)
    named = f"{directory.name} with the libraries of {requirements.relative_to(PROJECT)}"
    print(f"creating {named} ...", file=sys.stderr, flush=True)
    shutil.rmtree(directory, ignore_errors=True)
    for command in commands(uv, directory, requirements, chosen):
        code, lines = followed(command, keep_open=(lock,))
        if code:
            seen = f"{' '.join(command)} ended with code {code}"
            otherwise = "fix the error in the lines above"
            if versions:
                otherwise += f"; the libraries support Python {' or '.join(versions)}, which uv can install"
            raise _not_created(directory, seen, "\n".join(lines), otherwise)
    try:
        (directory / "installed.txt").write_text(requirements.read_text())
    except OSError as error:
        raise _not_created(directory, str(error), str(error), "fix the error, then run it again") from None


def _not_created(directory: Path, seen: str, log: str, otherwise: str) -> Failure:
    cause, next_step = explained(log, otherwise)
    return Failure(PRECONDITION, "no-environment", f"cannot create {directory.name}", seen, next_step, cause)


def bare(**more: str) -> dict[str, str]:
    """Return an environment without credentials and secrets, for code that comes with a model.

    It has the variables in KEPT, and `more`. Such code can still read the user's files.
    """
    kept = {name: value for name, value in os.environ.items() if KEPT.fullmatch(name)}
    return {**kept, **more}


def suitable_python(uv: str | None, requirements: Path, versions: tuple[str, ...]) -> str:
    """Return the Python for an environment: this one, one on PATH, or a version that uv installs.

    Raise Failure (precondition) if none of `versions` is available.
    """
    running = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if not versions or running in versions:
        return sys.executable
    for version in reversed(versions):
        found = shutil.which(f"python{version}")
        # Launchers such as pyenv have the command without the version.
        if found and subprocess.run([found, "-c", ""], capture_output=True).returncode == 0:
            return found
    if uv:
        return versions[-1]
    what = f"Python {running} cannot run the server without a container"
    seen = f"{requirements.name} has wheels for Python {', '.join(versions)}"
    next_step = f"put python{versions[-1]} on PATH, or install uv, which installs it: pip install uv"
    raise Failure(PRECONDITION, "unsuitable-python", what, seen, next_step)


def commands(uv: str | None, directory: Path, requirements: Path, chosen: str) -> list[list[str]]:
    """Return the commands that create an environment: with uv if it is installed, otherwise with pip."""
    where, python = str(directory), str(directory / "bin" / "python")
    pins = ["--no-deps", "--requirement", str(requirements)]
    if "--hash=" in requirements.read_text("utf-8"):  # uv accepts lines without a hash among others
        pins.insert(0, "--require-hashes")
    if uv:
        return [
            [uv, "venv", "--quiet", "--no-project", "--python", chosen, where],
            [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *pins],
        ]
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return [[chosen, "-m", "venv", where], [*pip, *pins]]
