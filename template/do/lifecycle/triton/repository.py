# Part of the library: `copier update` replaces this file.
"""Write model_repository/ from a model: its file, and the config.pbtxt that describes it to Triton."""

import argparse
from pathlib import Path

from lifecycle.project import USAGE, Config, Failure, Result
from lifecycle.triton import local


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/repository."""
    parser.add_argument("model", type=Path, help="model file, or directory of a SavedModel")


def run(settings: Config, arguments: argparse.Namespace) -> Result:
    """Read the model and write the repository."""
    model = arguments.model.expanduser()
    if not model.exists():
        seen = f"{model} does not exist"
        raise Failure(USAGE, "no-such-model", "the repository was not written", seen, "fix the path")
    local.build_repository(model)
    return {"repository": str(local.REPOSITORY)}
