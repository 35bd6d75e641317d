# Part of the library: `copier update` replaces this file.
"""The model server on this machine: in a container with a GPU, or with a stub of the inference server."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from lifecycle import base_image, engine, listening
from lifecycle.project import PRECONDITION, PROJECT, USAGE, Config, Failure, Finding

STUB = PROJECT / "do" / "stub"
# The stub downloads no model.
NO_TOKEN = {"SERVE_HF_TOKEN_SECRET_ARN": "", "SERVE_GATED": "false"}
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def prepare_build() -> None:
    """Raise Failure if the base image cannot load the model."""
    base_image.require()


def try_image(program: str, settings: Config) -> None:
    """Do nothing: its model is loaded on a GPU."""


def findings() -> Iterator[Finding]:
    """Yield the findings of do/doctor about the base image."""
    yield from base_image.findings()


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/run for this kind of server."""
    cache = Path("~/.cache/huggingface").expanduser()
    parser.add_argument("--gpus", default="all", help="GPUs of the container (all)")
    parser.add_argument("--shm-size", default="8g", help="shared memory size (8g)")
    parser.add_argument("--cache", type=Path, default=cache, help="folder for downloads (%(default)s)")
    parser.add_argument(
        "--dry", action="store_true", help="use a stub of the inference server, without a GPU"
    )
    parser.add_argument("--local", action="store_true", help="with --dry: run without a container")


def serve_without_engine(settings: Config, arguments: argparse.Namespace) -> None:
    """With --dry, replace this process with the stub, unless it can run in the image.

    Raise Failure without --dry and without a GPU.
    """
    if arguments.local and not arguments.dry:
        what, seen = "the inference server requires a container", "--local without --dry"
        raise Failure(USAGE, "needs-container", what, seen, "do/run, or do/run --dry --local for the stub")
    if not arguments.dry:
        _require_gpu()
    elif arguments.local or not _has_container(settings, arguments):
        python = server_python()
        variables = {**listening.environment(arguments), "PATH": f"{STUB}:{os.environ['PATH']}"}
        variables |= {**NO_TOKEN, **({"MODEL_DIR": str(arguments.model_dir)} if arguments.model_dir else {})}
        serve = [str(python), str(PROJECT / "serving" / "serve"), "serve"]
        os.execve(python, serve, {**os.environ, **variables})


def _has_container(settings: Config, arguments: argparse.Namespace) -> bool:
    """Return whether the stub can run in the image; options for containers require it."""
    if arguments.engine or arguments.read_only or engine.has_image(settings.engine, settings.image):
        return True
    print(f"no image {settings.image} here: the stub runs without a container", file=sys.stderr)
    return False


def container_options(arguments: argparse.Namespace) -> list[str]:
    """Return the options of the container engine in addition to port and model.

    The container engine reads the token from the environment, so it is not in the command. The container
    runs as this user, who then owns the downloads.
    """
    if arguments.dry:
        variables = {**NO_TOKEN, "PATH": f"/opt/stub:{SYSTEM_PATH}"}
        named = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
        return ["--volume", f"{STUB}:/opt/stub:ro", *named]
    arguments.cache.mkdir(parents=True, exist_ok=True)
    options = ["--gpus", arguments.gpus, "--shm-size", arguments.shm_size]
    options += ["--volume", f"{arguments.cache.resolve()}:/tmp/huggingface"]
    options += ["--user", f"{os.getuid()}:{os.getgid()}", "--env", "HOME=/tmp", "--env", "USER=serving"]
    return [*options, *(["--env", "HF_TOKEN"] if "HF_TOKEN" in os.environ else [])]


def server_python() -> Path:
    """Return the Python that starts serve with the stub. Raise Failure without nginx."""
    if not shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin"):
        what, seen = "the server requires nginx", "nginx is not installed on this machine"
        raise Failure(PRECONDITION, "no-nginx", what, seen, "install nginx, or build the image: do/build")
    return Path(sys.executable)


def _require_gpu() -> None:
    """Raise Failure without an NVIDIA GPU and driver."""
    if not shutil.which("nvidia-smi"):
        seen = "nvidia-smi is not on PATH"
    else:
        answer = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True)
        if answer.returncode == 0 and answer.stdout.strip():
            return
        seen = (answer.stdout + answer.stderr).strip().rpartition("\n")[2] or "nvidia-smi lists no GPU"
    what = "this machine has no NVIDIA GPU"
    next_step = "do/run --dry runs a stub of the inference server; do/deploy uses instances with GPUs"
    raise Failure(PRECONDITION, "no-gpu", what, seen, next_step)
