# Part of the library: `copier update` replaces this file.
"""The model server on this machine: it needs a container, and a GPU in it."""

import argparse
import os
from pathlib import Path

from lifecycle.project import PRECONDITION, Config, Failure


def prepare_build() -> None:
    """Do nothing: the model is loaded when the server starts."""


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/run that only such a server has."""
    cache = Path("~/.cache/huggingface").expanduser()
    parser.add_argument("--cache", type=Path, default=cache, help="where downloads are kept (%(default)s)")


def serve_without_engine(settings: Config, arguments: argparse.Namespace) -> None:
    """Do nothing: the engine is in the image alone."""


def container_options(arguments: argparse.Namespace) -> list[str]:
    """Return what the container engine is told beside port and model.

    The token is given by the name of its variable: the engine reads it from this environment.
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
    """Raise Failure: without a container there is no engine to check."""
    what, seen = "the engine does not run without a container", "--local was asked for"
    raise Failure(PRECONDITION, "needs-container", what, seen, "do/test --contract")
