# Part of the library: `copier update` replaces this file.
"""The container engine, and its commands that build and run the image."""

import argparse
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from lifecycle.project import PRECONDITION, USAGE, Config, Failure

ENGINES = ("docker", "podman", "finch", "nerdctl")


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that selects the container engine."""
    parser.add_argument("--engine", choices=ENGINES, help="the container engine to use")


def find(selected: str) -> str:
    """Return the container engine: `selected`, a name or a path, or else the first one installed.

    Raise Failure (usage) for another program, (precondition) if it is not installed or not running.
    """
    if selected and name_of(selected) not in ENGINES:
        what, seen = "unknown container engine", f"engine = {selected!r}"
        raise Failure(USAGE, "unknown-engine", what, seen, f"set engine to one of {', '.join(ENGINES)}")
    installed = [name for name in ([selected] if selected else ENGINES) if shutil.which(name)]
    if not installed:
        seen = f"{selected or ', '.join(ENGINES)} not found on PATH"
        next_step = "install one of them; do/run --help lists the options without a container"
        raise Failure(PRECONDITION, "no-engine", "no container engine", seen, next_step)
    answer = subprocess.run([installed[0], "info"], capture_output=True, text=True)
    if answer.returncode:
        seen = (answer.stderr.strip().splitlines() or ["no output"])[-1]
        next_step = f"start {installed[0]}; do/run --help lists the options without a container"
        raise Failure(PRECONDITION, "engine-not-running", f"{installed[0]} is not running", seen, next_step)
    return installed[0]


def name_of(engine: str) -> str:
    """Return the container engine that a name or path refers to."""
    return PurePath(engine).name


def has_buildx(engine: str) -> bool:
    """Return whether docker has BuildKit, which has an option for the manifest type."""
    command = [engine, "buildx", "version"]
    return name_of(engine) == "docker" and not subprocess.run(command, capture_output=True).returncode


def build_command(
    engine: str, config: Config, no_cache: bool, buildx: bool, options: Sequence[str] = ()
) -> list[str]:
    """Return the command that builds the image for the instance type, with a manifest for SageMaker."""
    command = [engine, "build", "--platform", config.platform, "--tag", config.image]
    if name_of(engine) == "podman":
        command += ["--format", "docker"]
    if buildx:
        command += ["--output", "type=docker,oci-mediatypes=false"]
    if no_cache:
        command += ["--no-cache"]
    return [*command, *options, "."]


def run_command(engine: str, config: Config, address: str, options: list[str]) -> list[str]:
    """Return the command that starts the image like SageMaker, on an address and port of this machine."""
    command = [engine, "run", "--rm", "--platform", config.platform, "--publish", f"{address}:8080"]
    return [*command, *options, config.image, "serve"]


def known(engine: str, image: str) -> dict[str, Any] | None:
    """Return the description of an image, None if the container engine does not have it."""
    answer = subprocess.run([engine, "image", "inspect", image], capture_output=True)
    return None if answer.returncode else dict(json.loads(answer.stdout)[0])


def has_image(selected: str, image: str) -> bool:
    """Return whether a running container engine has an image."""
    try:
        return known(find(selected), image) is not None
    except Failure:
        return False


def inspect(engine: str, image: str) -> dict[str, Any]:
    """Return the description of an image. Raise Failure if the container engine does not have it."""
    found = known(engine, image)
    if found is not None:
        return found
    what, seen = f"there is no image {image}", f"{engine} does not have it"
    raise Failure(PRECONDITION, "no-image", what, seen, "do/build")
