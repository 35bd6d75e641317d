# Part of the library: `copier update` replaces this file.
"""Start the server like SageMaker, in a container or without one. Ctrl-C stops it."""

import argparse
import os
import sys
from pathlib import Path

from lifecycle import engine, listening
from lifecycle.project import Config, Result
from lifecycle.served import local


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/run."""
    engine.add_option(parser)
    listening.add_options(parser)
    parser.add_argument("--model-dir", type=directory, help="directory to mount as /opt/ml/model")
    parser.add_argument("--read-only", action="store_true", help="use a read-only root file system")
    local.add_run_options(parser)


def run(settings: Config, arguments: argparse.Namespace) -> Result:
    """Replace this process with the server, or with the container engine, which forwards signals."""
    listening.require_free(arguments.host, arguments.port)
    local.serve_without_engine(settings, arguments)
    program = engine.find(arguments.engine or settings.engine)
    engine.inspect(program, settings.image)
    options = ["--interactive", "--tty"] if sys.stdout.isatty() else []
    options += local.container_options(arguments)
    if arguments.model_dir:
        options += ["--volume", f"{arguments.model_dir}:/opt/ml/model:ro"]
    if arguments.read_only:
        options += ["--read-only", "--tmpfs", "/tmp"]
    address = f"{arguments.host}:{arguments.port}"
    command = engine.run_command(program, settings, address, options)
    print(" ".join(command), file=sys.stderr, flush=True)
    os.execvp(program, command)


def directory(path: str) -> Path:
    """Return the directory of an option. Raise ArgumentTypeError if it does not exist."""
    if not Path(path).is_dir():
        raise argparse.ArgumentTypeError(f"{path} is not a directory; fix the path")
    return Path(path).resolve()
