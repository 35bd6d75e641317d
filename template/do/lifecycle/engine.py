# Part of the library: `copier update` replaces this file.
"""The container engine: which one there is, and how it is told to build and run the image."""

import argparse
import json
import shutil
import subprocess
from pathlib import PurePath
from typing import Any

from lifecycle.project import PRECONDITION, USAGE, Config, Failure

ENGINES = ("docker", "podman", "finch", "nerdctl")


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the engine."""
    parser.add_argument("--engine", choices=ENGINES, help="the container engine to use")


def find(wanted: str) -> str:
    """Return the container engine to use: `wanted`, a name or a path, or else the first one installed.

    Raises Failure (usage) for another program, (precondition) if it is not installed or not running.
    """
    if wanted and name_of(wanted) not in ENGINES:
        what, seen = "this is not a known container engine", f"engine = {wanted!r}"
        raise Failure(USAGE, "unknown-engine", what, seen, f"set engine to one of {', '.join(ENGINES)}")
    installed = [name for name in ([wanted] if wanted else ENGINES) if shutil.which(name)]
    if not installed:
        seen = f"{wanted or ', '.join(ENGINES)} not found on PATH"
        remedy = "install one of them; `do/run --help` shows what goes without"
        raise Failure(PRECONDITION, "no-engine", "no container engine", seen, remedy)
    answer = subprocess.run([installed[0], "info"], capture_output=True, text=True)
    if answer.returncode:
        seen = (answer.stderr.strip().splitlines() or ["it does not answer"])[-1]
        remedy = f"start {installed[0]}; `do/run --help` shows what goes without"
        raise Failure(PRECONDITION, "engine-not-running", f"{installed[0]} is not running", seen, remedy)
    return installed[0]


def name_of(engine: str) -> str:
    """Return which container engine a name or path is of."""
    return PurePath(engine).name


def has_buildx(engine: str) -> bool:
    """Return whether docker builds with BuildKit, which can be told what kind of manifest to make."""
    asked = [engine, "buildx", "version"]
    return name_of(engine) == "docker" and not subprocess.run(asked, capture_output=True).returncode


def build_command(engine: str, config: Config, no_cache: bool, buildx: bool) -> list[str]:
    """Return the command that builds the image for the instance's processor, of the kind SageMaker takes."""
    command = [engine, "build", "--platform", config.platform, "--tag", config.image]
    if name_of(engine) == "podman":
        command += ["--format", "docker"]
    if buildx:
        command += ["--output", "type=docker,oci-mediatypes=false"]
    if no_cache:
        command += ["--no-cache"]
    return [*command, "."]


def run_command(engine: str, config: Config, address: str, options: list[str]) -> list[str]:
    """Return the command that starts the image as SageMaker does, on an address and port of this machine."""
    command = [engine, "run", "--rm", "--platform", config.platform, "--publish", f"{address}:8080"]
    return [*command, *options, config.image, "serve"]


def known(engine: str, image: str) -> dict[str, Any] | None:
    """Return what the engine knows of an image, None when it has none of that name."""
    answer = subprocess.run([engine, "image", "inspect", image], capture_output=True)
    return None if answer.returncode else dict(json.loads(answer.stdout)[0])


def has_image(wanted: str, image: str) -> bool:
    """Return whether a container engine runs here that has an image."""
    try:
        return known(find(wanted), image) is not None
    except Failure:
        return False


def inspect(engine: str, image: str) -> dict[str, Any]:
    """Return what the engine knows of an image. Raises Failure when it has not been built."""
    found = known(engine, image)
    if found is not None:
        return found
    what, seen = f"there is no image {image}", f"{engine} does not know it"
    raise Failure(PRECONDITION, "no-image", what, seen, "do/build")
