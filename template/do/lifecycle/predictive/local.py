# Part of the library: `copier update` replaces this file.
"""The model server on this machine: its model, its environment, and its start without a container."""

import argparse
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from lifecycle import chosen, environment, listening
from lifecycle.explain import explained, followed
from lifecycle.predictive import trial
from lifecycle.project import INTERNAL_ERROR, PRECONDITION, PROJECT, Config, Failure, Finding

sys.path.append(str(PROJECT / "serving"))

import runtime.artifacts as artifacts
import runtime.recorded as recorded

VENV = PROJECT / ".venv-model"
TRAINING = PROJECT / "sample_model" / "train.py"
MODEL, REQUIREMENTS = PROJECT / "model" / chosen.MODEL_FILE, PROJECT / "requirements.txt"


def prepare_build() -> None:
    """Train the sample model if it is missing; print a notice if there is no model.

    If the libraries are installed in .venv-model, the model is loaded there: it costs the time of one start.
    """
    _train_if_missing()
    check_model(MODEL.parent)
    if not _has_model():
        print("model/ is empty: the image has no model. Set model_data in do/config.toml.", file=sys.stderr)
    elif trial.is_possible(VENV, REQUIREMENTS):
        trial.load(model_python(), MODEL.parent, MODEL.name)


def try_image(program: str, settings: Config) -> None:
    """Load the model in the image, if it has one: where it will run is where it must load."""
    if _has_model():
        trial.load_in_image(program, settings.image, settings.platform, MODEL)


def findings() -> Iterator[Finding]:
    """Yield nothing: do/doctor checks the Python image like any other."""
    yield from ()


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/run for this kind of server."""
    parser.add_argument("--local", action="store_true", help="run without a container, in .venv-model")


def serve_without_engine(settings: Config, arguments: argparse.Namespace) -> None:
    """With --local, replace this process with the server of the image."""
    if not arguments.local:
        return
    if arguments.model_dir:
        check_model(arguments.model_dir)
    else:
        _require_model()
    python, model = model_python(), arguments.model_dir or PROJECT / "model"
    # A pickle can run any code, so it does not get the credentials of this shell.
    variables = environment.bare(**listening.environment(arguments), MODEL_DIR=str(model))
    os.execve(python, [str(python), str(PROJECT / "serving" / "serve"), "serve"], variables)


def container_options(arguments: argparse.Namespace) -> list[str]:
    """Return the options of the container engine in addition to port and model."""
    if arguments.model_dir:
        check_model(arguments.model_dir)
    return []


def server_python() -> Path:
    """Return the Python that starts the server for the contract suite. Raise Failure without a model."""
    _require_model()
    return model_python()


def train() -> None:
    """Train the sample model in .venv-model."""
    command = [str(model_python()), str(TRAINING)]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}  # of TensorFlow
    code, lines = followed(command, env=quiet)
    if code:
        what, seen = "the sample model was not trained", f"{TRAINING} ended with code {code}"
        otherwise = "fix the error in the lines above; rm -r .venv-model creates the environment again"
        cause, next_step = explained("\n".join(lines), otherwise)
        raise Failure(INTERNAL_ERROR, "training-failed", what, seen, next_step, cause)


def model_python() -> Path:
    """Return the Python of .venv-model, created on first use with the requirements of the image."""
    return environment.made(VENV, REQUIREMENTS, chosen.PYTHONS)


def check_model(directory: Path) -> None:
    """Raise Failure for a model that the pinned libraries cannot serve, judged by its file."""
    _check_packages_of_script(directory / "code" / "requirements.txt")
    named = directory / MODEL.name
    installed = artifacts.pinned(REQUIREMENTS.read_text("utf-8").splitlines())
    for path in [named] if named.exists() else sorted(directory.glob(f"*{MODEL.suffix}")):
        if path.name in artifacts.NOT_MODELS:
            continue
        try:
            verdict = artifacts.judge(artifacts.look(path), path.name, installed)
        except OSError as error:
            what, next_step = f"cannot read {path}", f"chmod u+r {path}"
            raise Failure(PRECONDITION, "unreadable-model", what, str(error), next_step) from None
        if verdict.problem:
            next_step = verdict.fix
            if next_step.startswith("Use "):
                next_step += " To change the version: copier update --trust -d framework_version=VERSION"
            what = "the libraries cannot serve this model"
            raise Failure(PRECONDITION, "unsuitable-model", what, verdict.problem, next_step)
        if verdict.warning:
            print(verdict.warning, file=sys.stderr)
        if changed := recorded.difference(path):
            own = directory == MODEL.parent
            next_step = "do/inspect" if own else f"remove {directory / recorded.FILE}"
            print(
                f"{path.name} is not the model in {recorded.FILE}: {changed}. Next: {next_step}",
                file=sys.stderr,
            )


def _check_packages_of_script(listed: Path) -> None:
    """Raise Failure if the packages next to an inference.py are not in the project's requirements.txt."""
    if not listed.exists():
        return
    installed = set(map(_package, REQUIREMENTS.read_text("utf-8").splitlines()))
    missing = [
        line for line in listed.read_text("utf-8").splitlines() if _package(line) not in {"", *installed}
    ]
    if missing:
        what, seen = f"{listed} lists packages that are not installed", ", ".join(missing)
        next_step = "add them to requirements.in, and run do/lock"
        raise Failure(PRECONDITION, "missing-packages", what, seen, next_step)


def _package(line: str) -> str:
    """Return the normalized name of the package in a line of a requirements file, "" if it has none."""
    found = re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", line)
    return re.sub(r"[-_.]+", "-", found[1]).lower() if found else ""


def _has_model() -> bool:
    return any(path.name not in artifacts.NOT_MODELS for path in MODEL.parent.iterdir())


def _train_if_missing() -> None:
    if not _has_model() and TRAINING.exists():
        train()


def _require_model() -> None:
    _train_if_missing()
    if not _has_model():
        what, next_step = "there is no model to serve", "copy your model to model/"
        raise Failure(PRECONDITION, "no-model", what, "model/ is empty", next_step)
    check_model(MODEL.parent)
