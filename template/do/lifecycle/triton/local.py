# Part of the library: `copier update` replaces this file.
"""The model on this machine: how its repository is made, and in which environment."""

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from lifecycle import chosen, environment, links
from lifecycle.project import DEFECT, PRECONDITION, PROJECT, USAGE, Config, Failure, read_toml

REPOSITORY = PROJECT / "model_repository"
TRAINING = PROJECT / "sample_model" / "train.py"


def prepare_build() -> None:
    """Have a model in the repository, or state that there is none. Raises Failure for one that is not served.

    A model without its config.pbtxt is read now, and the sample model trained where it is wanted and missing.
    """
    models = sorted(REPOSITORY.glob(f"*/*/{chosen.MODEL_FILE}"))
    for model in models if chosen.MODEL_CAN_BE_JUDGED else ():
        if problem := _problem(model):
            what, remedy = f"the image cannot serve {model}", "do/repository MODEL puts another in its place"
            raise Failure(PRECONDITION, "model-not-served", what, problem, remedy)
    if has_model():
        return
    if models:
        build_repository(models[0])
    elif TRAINING.exists():
        train()
    else:
        print(
            "model_repository/ is empty: the image has no model and needs SageMaker to bring one; "
            "`do/repository MODEL` adds one",
            file=sys.stderr,
        )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add nothing: tritonserver is in the image alone."""


def serve_without_engine(settings: Config, arguments: argparse.Namespace) -> None:
    """Do nothing: tritonserver is in the image alone."""


def container_options(arguments: argparse.Namespace) -> list[str]:
    """Return what the container engine is told beside port and model."""
    return ["--gpus", "all", "--shm-size", "1g"] if chosen.MODEL_NEEDS_A_GPU else ["--shm-size", "256m"]


def server_python() -> Path:
    """Return the Python that starts serving/serve for the contract suite. Raises Failure without a model."""
    prepare_build()
    if not has_model():
        what, seen = "there is no model to serve", "model_repository/ is empty"
        raise Failure(PRECONDITION, "no-model", what, seen, "do/repository MODEL")
    return Path(sys.executable)


def has_model() -> bool:
    """Return whether the repository holds a model with the config.pbtxt that goes with it."""
    return any(REPOSITORY.glob("*/config.pbtxt"))


def train() -> None:
    """Train the sample model in the project's own environment, and write the repository from it."""
    with tempfile.TemporaryDirectory() as directory:
        model = Path(directory) / chosen.MODEL_FILE
        _run(TRAINING, model, "the sample model was not trained")
        build_repository(model)


def build_repository(model: Path) -> None:
    """Write the repository from a model, read in the project's own environment. Raises Failure."""
    failed = "the repository was not written"
    if model.is_dir():
        links.refuse_leaving(model, failed)
    settings = json.dumps(_settings())
    _run(PROJECT / "repository" / "build.py", model.absolute(), failed, settings)


def take(model: Path) -> None:
    """Put a model into the repository that came with the answers of `copier copy`. Raises Failure."""
    if not chosen.MODEL_IS_A_PROGRAM:
        build_repository(model)
        return
    # What is in it runs when it is loaded, which a copy does not do.
    target = REPOSITORY / str(_settings()["name"]) / "1" / chosen.MODEL_FILE
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if model.is_dir():
            links.refuse_leaving(model, "the model was not copied")
            shutil.copytree(model, target)
        else:
            shutil.copyfile(model, target)
    except OSError as error:
        what, remedy = "the model was not copied", f"do/repository {model}"
        raise Failure(PRECONDITION, "not-copied", what, str(error), remedy) from None
    print(
        f"copied to {target.relative_to(PROJECT)} and not loaded: such a file is a program, which runs when "
        "it is loaded. `do/build` loads it and writes its config.pbtxt.",
        file=sys.stderr,
    )


def model_python() -> Path:
    """Return the Python of .venv-model, made on first use with what requirements.txt names."""
    # On PyPI, PyTorch for Linux is built for GPUs; uv knows where the one for CPUs is.
    os.environ.setdefault("UV_TORCH_BACKEND", "cpu")
    return environment.made(PROJECT / ".venv-model", PROJECT / "requirements.txt", chosen.PYTHONS)


def _settings() -> dict[str, Any]:
    """Return model_repository/settings.toml. Raises Failure (usage) for a file that cannot be read."""
    path = REPOSITORY / "settings.toml"
    try:
        return read_toml(path)
    except (OSError, ValueError) as error:
        raise Failure(USAGE, "bad-settings", f"cannot read {path}", str(error), "fix the file") from None


def _problem(model: Path) -> str:
    """Return why the image cannot serve a model, or ''."""
    sys.path.append(str(PROJECT / "serving"))
    return str(importlib.import_module("runtime.artifact").model_problem(model) or "")


def _run(script: Path, model: Path, failed: str, stdin: str = "") -> None:
    command = [str(model_python()), str(script), str(model)]
    variables = environment.bare(TF_CPP_MIN_LOG_LEVEL="3")  # of TensorFlow
    if subprocess.run(command, input=stdin, text=True, stdout=sys.stderr, env=variables).returncode:
        remedy = "read the lines above; delete .venv-model to make it anew"
        raise Failure(DEFECT, "model-failed", failed, f"{script.relative_to(PROJECT)} failed", remedy)
