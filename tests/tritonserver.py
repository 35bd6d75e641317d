"""A real tritonserver, from the wheel nvidia-pytriton: Triton 2.51 with its Python backend.

Kept in .demo/ between runs. As in an image, `tritonserver` is found on the PATH and finds its backends. The
interpreter of the models is the one whose environment SERVING_PYTHON_OF_MODELS names.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.conftest import REPOSITORY

PACKAGES = ("nvidia-pytriton==0.7.0", "numpy<2")
START = """#!/bin/sh
export LD_LIBRARY_PATH={libraries}:{python}
export PATH="${{SERVING_PYTHON_OF_MODELS:-{environment}}}/bin:$PATH"
exec {package}/tritonserver/bin/tritonserver --backend-directory={backends} "$@"
"""
MADE_FROM = hashlib.sha256(repr((PACKAGES, START)).encode()).hexdigest()[:8]
HOME = REPOSITORY / ".demo" / f"tritonserver-{MADE_FROM}"


def directory() -> Path:
    """Return the directory with `tritonserver`, made on first use."""
    if not (HOME / "bin" / "tritonserver").exists():
        _make()
    return HOME / "bin"


def _make() -> None:
    shutil.rmtree(HOME, ignore_errors=True)
    environment = HOME / "environment"
    subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, environment], check=True)
    python = str(environment / "bin" / "python")
    install = ["uv", "pip", "install", "--quiet", "--python", python, *PACKAGES]
    subprocess.run(install, check=True)
    packages = next(environment.glob("lib/python3.*/site-packages"))
    source = packages / "pytriton" / "tritonserver"
    shutil.copytree(source / "backends", HOME / "backends")
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    stub = source / "python_backend_stubs" / version / "triton_python_backend_stub"
    shutil.copy(stub, HOME / "backends" / "python")
    (HOME / "bin").mkdir()
    start = HOME / "bin" / "tritonserver"
    start.write_text(
        START.format(
            libraries=packages / "nvidia_pytriton.libs",
            python=sysconfig.get_config_var("LIBDIR"),
            environment=environment,
            package=packages / "pytriton",
            backends=HOME / "backends",
        )
    )
    start.chmod(0o755)


def on_path(models: Path) -> dict[str, str]:
    """Return an environment with tritonserver on its PATH, whose models run in the environment `models`."""
    path = f"{directory()}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "SERVING_PYTHON_OF_MODELS": str(models)}
