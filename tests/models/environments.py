"""Environments of libraries, kept in .models/ between runs."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.conftest import REPOSITORY

KEPT = REPOSITORY / ".models"


def python_of(version: str) -> str | None:
    """Return the path of a Python of a version such as 3.12, None if the machine has none."""
    found = subprocess.run(["uv", "python", "find", version], capture_output=True, text=True)
    if found.returncode == 0:
        return found.stdout.strip()
    # uv does not look at the versions of pyenv that its `global` does not name.
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return next(map(str, root.glob(f"versions/{version}.*/bin/python")), None)


def made(python: str, packages: Sequence[str], options: Sequence[str] = ()) -> Path:
    """Return the Python of an environment with these packages, made on first use. Raise on a failure."""
    key = hashlib.sha256("\n".join([python, *packages, *options]).encode()).hexdigest()[:12]
    folder = KEPT / "environments" / key
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        environment = {**os.environ, "UV_COMPILE_BYTECODE": "1"}
        for command in (
            ["uv", "venv", "--quiet", "--no-project", "--python", python_of(python) or python, str(folder)],
            ["uv", "pip", "install", "--quiet", "--python", str(folder), *options, *packages],
        ):
            done = subprocess.run(command, env=environment, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"{' '.join(command)}: {done.stderr[-800:]}")
        (folder / "ready").touch()
    return folder / "bin" / "python"
