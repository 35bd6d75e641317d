# Part of the library: `copier update` replaces this file.
"""The model server on this machine, which requires a container with a GPU."""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from lifecycle import base_image
from lifecycle.project import PRECONDITION, Config, Failure, Finding


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
    parser.add_argument("--cache", type=Path, default=cache, help="folder for downloads (%(default)s)")


def serve_without_engine(settings: Config, arguments: argparse.Namespace) -> None:
    """Do nothing: the inference server is only in the image."""


def container_options(arguments: argparse.Namespace) -> list[str]:
    """Return the options of the container engine in addition to port and model.

    The container engine reads the token from the environment, so it is not in the command.
    """
    arguments.cache.mkdir(parents=True, exist_ok=True)
    options = [
        "--gpus",
        "all",
        "--shm-size",
        "8g",
        "--volume",
        f"{arguments.cache.resolve()}:/tmp/huggingface",
    ]
    return [*options, *(["--env", "HF_TOKEN"] if "HF_TOKEN" in os.environ else [])]


def server_python() -> Path:
    """Raise Failure: the inference server is only in the image."""
    what, seen = "the inference server requires a container", "--local"
    raise Failure(PRECONDITION, "needs-container", what, seen, "do/test --contract")
