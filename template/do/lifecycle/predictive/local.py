# Part of the library: `copier update` replaces this file.
"""The model server on this machine: its model, its environment, and how it starts without a container."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from lifecycle import chosen, environment, listening
from lifecycle.project import DEFECT, PRECONDITION, PROJECT, Config, Failure

sys.path.append(str(PROJECT / "serving"))

import runtime.artifacts as artifacts

TRAINING = PROJECT / "sample_model" / "train.py"
MODEL, REQUIREMENTS = PROJECT / "model" / chosen.MODEL_FILE, PROJECT / "requirements.txt"


def prepare_build() -> None:
    """Train the sample model first if it is wanted and missing; say so when there is no model."""
    _train_if_missing()
    if not _has_model():
        print("model/ is empty: the image has no model and needs SageMaker to bring one", file=sys.stderr)
    check_model(MODEL.parent)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/run that only such a server has."""
    parser.add_argument("--local", action="store_true", help="without a container, in .venv-model")


def serve_without_engine(settings: Config, arguments: argparse.Namespace) -> None:
    """Become the server that the image runs, if --local asks for it."""
    if not arguments.local:
        return
    if arguments.model_dir:
        check_model(arguments.model_dir)
    else:
        _require_model()
    python, model = model_python(), arguments.model_dir or PROJECT / "model"
    # A pickle is a program: it gets no credentials of this shell.
    variables = environment.bare(**listening.environment(arguments), MODEL_DIR=str(model))
    os.execve(python, [str(python), str(PROJECT / "serving" / "serve"), "serve"], variables)


def container_options(arguments: argparse.Namespace) -> list[str]:
    """Return what the container engine is told beside port and model."""
    if arguments.model_dir:
        check_model(arguments.model_dir)
    return []


def server_python() -> Path:
    """Return the Python that starts the server for the contract suite. Raises Failure without a model."""
    _require_model()
    return model_python()


def train() -> None:
    """Train the sample model in the project's own environment."""
    command = [str(model_python()), str(TRAINING)]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}  # of TensorFlow
    if subprocess.run(command, stdout=sys.stderr, env=quiet).returncode:
        what, seen = "the sample model was not trained", f"{TRAINING} failed"
        remedy = "read the lines above; delete .venv-model to make it anew"
        raise Failure(DEFECT, "training-failed", what, seen, remedy)


def model_python() -> Path:
    """Return the Python of .venv-model, made on first use with the image's requirements."""
    return environment.made(PROJECT / ".venv-model", REQUIREMENTS, chosen.PYTHONS)


def check_model(directory: Path) -> None:
    """Refuse a model that the pinned libraries cannot serve, judged by what its file states."""
    named = directory / MODEL.name
    installed = artifacts.pinned(REQUIREMENTS.read_text("utf-8").splitlines())
    for path in [named] if named.exists() else sorted(directory.glob(f"*{MODEL.suffix}")):
        if path.name == "examples.json":
            continue
        try:
            verdict = artifacts.judge(artifacts.look(path), path.name, installed)
        except OSError as error:
            what, remedy = f"cannot read {path}", "make it readable"
            raise Failure(PRECONDITION, "unreadable-model", what, str(error), remedy) from None
        if verdict.problem:
            remedy = verdict.fix
            if remedy.startswith("Use "):
                remedy += " To change the version: copier update --trust -d framework_version=VERSION"
            what = "the libraries cannot serve this model"
            raise Failure(PRECONDITION, "unsuitable-model", what, verdict.problem, remedy)
        if verdict.warning:
            print(verdict.warning, file=sys.stderr)


def _has_model() -> bool:
    return any(path.name not in ("README.md", "examples.json") for path in MODEL.parent.iterdir())


def _train_if_missing() -> None:
    if not _has_model() and TRAINING.exists():
        train()


def _require_model() -> None:
    _train_if_missing()
    if not _has_model():
        what, remedy = "there is no model to serve", "copy yours into model/"
        raise Failure(PRECONDITION, "no-model", what, "model/ is empty", remedy)
    check_model(MODEL.parent)
