# Part of the library: `copier update` replaces this file.
"""The model on this machine: its repository and its environment."""

import argparse
import importlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lifecycle import base_image, chosen, environment, links
from lifecycle.explain import explained, followed
from lifecycle.project import (
    INTERNAL_ERROR,
    PRECONDITION,
    PROJECT,
    USAGE,
    Config,
    Failure,
    Finding,
    read_toml,
)

REPOSITORY = PROJECT / "model_repository"
TRAINING = PROJECT / "sample_model" / "train.py"


def try_image(program: str, settings: Config) -> None:
    """Do nothing: Triton reports a model that it cannot load in do/test --contract."""


def findings() -> Iterator[Finding]:
    """Yield the findings of do/doctor about the base image."""
    yield from base_image.findings()


def prepare_build() -> None:
    """Complete the repository, or print that it is empty. Raise Failure for a model that cannot be served.

    A model without config.pbtxt is read now. The sample model is trained if it is missing.
    """
    models = sorted(REPOSITORY.glob(f"*/*/{chosen.MODEL_FILE}"))
    for model in models if chosen.MODEL_CAN_BE_JUDGED else ():
        if problem := _problem(model):
            what, next_step = f"the image cannot serve {model}", "replace the model: do/repository MODEL"
            raise Failure(PRECONDITION, "model-not-served", what, problem, next_step)
    if has_model():
        return
    if models:
        build_repository(models[0])
    elif TRAINING.exists():
        train()
    else:
        print(
            "model_repository/ is empty: the image has no model. Add one with do/repository MODEL, "
            "or set model_data in do/config.toml.",
            file=sys.stderr,
        )


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Add nothing: tritonserver is only in the image."""


def serve_without_engine(settings: Config, arguments: argparse.Namespace) -> None:
    """Do nothing: tritonserver is only in the image."""


def container_options(arguments: argparse.Namespace) -> list[str]:
    """Return the options of the container engine in addition to port and model."""
    return ["--gpus", "all", "--shm-size", "1g"] if chosen.MODEL_NEEDS_A_GPU else ["--shm-size", "256m"]


def server_python() -> Path:
    """Return the Python that starts serving/serve for the contract suite. Raise Failure without a model."""
    prepare_build()
    if not has_model():
        what, seen = "there is no model to serve", "model_repository/ is empty"
        raise Failure(PRECONDITION, "no-model", what, seen, "do/repository MODEL")
    return Path(sys.executable)


def has_model() -> bool:
    """Return whether the repository has a model with its config.pbtxt."""
    return any(REPOSITORY.glob("*/config.pbtxt"))


def train() -> None:
    """Train the sample model in .venv-model, and write the repository from it."""
    with tempfile.TemporaryDirectory() as directory:
        model = Path(directory) / chosen.MODEL_FILE
        _run(TRAINING, model, "the sample model was not trained")
        build_repository(model)


def build_repository(model: Path) -> None:
    """Write the repository from a model, which is read in .venv-model. Raise Failure."""
    failed = "the repository was not written"
    if model.is_dir():
        links.refuse_leaving(model, failed)
    settings = json.dumps(_settings())
    _run(PROJECT / "repository" / "build.py", model.absolute(), failed, settings)


def take(model: Path) -> None:
    """Add the model of the answers to `copier copy` to the repository. Raise Failure."""
    if not chosen.MODEL_IS_A_PROGRAM:
        build_repository(model)
        return
    # Loading the file runs its code, which a copy must not do.
    target = REPOSITORY / str(_settings()["name"]) / "1" / chosen.MODEL_FILE
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if model.is_dir():
            links.refuse_leaving(model, "the model was not copied")
            shutil.copytree(model, target)
        else:
            shutil.copyfile(model, target)
    except OSError as error:
        what, next_step = "the model was not copied", f"do/repository {model}"
        raise Failure(PRECONDITION, "not-copied", what, str(error), next_step) from None
    print(
        f"copied to {target.relative_to(PROJECT)}, but not loaded: loading this format runs code. do/build "
        "loads it and writes config.pbtxt.",
        file=sys.stderr,
    )


def model_python() -> Path:
    """Return the Python of .venv-model, created on first use with requirements.txt."""
    # On PyPI, PyTorch for Linux is built for GPUs; uv can select the build for CPUs.
    os.environ.setdefault("UV_TORCH_BACKEND", "cpu")
    return environment.made(PROJECT / ".venv-model", PROJECT / "requirements.txt", chosen.PYTHONS)


def _settings() -> dict[str, Any]:
    """Return model_repository/settings.toml. Raise Failure (usage) if it cannot be read."""
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
    code, lines = followed(command, env=variables, stdin=stdin)
    if code:
        otherwise = "fix the error in the lines above; rm -r .venv-model creates the environment again"
        cause, next_step = explained("\n".join(lines), otherwise)
        seen = f"{script.relative_to(PROJECT)} ended with code {code}"
        raise Failure(INTERNAL_ERROR, "model-failed", failed, seen, next_step, cause)
