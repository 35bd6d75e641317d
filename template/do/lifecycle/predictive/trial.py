# Part of the library: `copier update` replaces this file.
"""Load the model in a process of its own, in .venv-model or in the image."""

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lifecycle import environment
from lifecycle.explain import explained
from lifecycle.project import PRECONDITION, PROJECT, Failure

sys.path.append(str(PROJECT / "serving"))

import runtime.crashes as crashes

TIMED_OUT, SIGNALS = 124, 128  # exit codes of `timeout`, and the number that is added to a signal
NO_PROGRAM = (126, 127)  # exit codes without `timeout` or Python in the image
NO_TRIAL = "Error while finding module specification for 'runtime.trial'"
SECONDS = 600.0  # TensorFlow and large models take minutes on a small machine
PYTHON = re.compile(r"^trial: Python (\S+)$", re.MULTILINE)
MACHINES = {"x86_64": "linux/amd64", "amd64": "linux/amd64", "aarch64": "linux/arm64", "arm64": "linux/arm64"}


def load(python: Path, directory: Path, model_file: str) -> dict[str, Any]:
    """Return the description of the loaded model: its rows, columns and outputs.

    The process gets no credentials. Raise Failure with the cause if it ends in another way.
    """
    serving = str(PROJECT / "serving")
    # A pickle can run any code, so it does not get the credentials of this shell.
    variables = environment.bare(MODEL_DIR=str(directory), PYTHONPATH=serving, PYTHONFAULTHANDLER="1")
    command = [str(python), "-m", "runtime.trial"]
    try:
        ended = subprocess.run(
            command, cwd=serving, env=variables, capture_output=True, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise _too_slow("cannot load the model") from None
    _require("cannot load the model", command, ended.returncode, ended.stderr, directory / model_file)
    described: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return described


def load_in_image(program: str, image: str, built_for: str, model: Path) -> None:
    """Load the model of an image in a container without a network and privileges.

    Not tried: an image for another processor than that of this machine, because emulation takes too long, and
    an image whose Dockerfile puts the server elsewhere. Raise Failure with the cause if the container ends in
    another way.
    """
    if MACHINES.get(platform.machine().lower()) != built_for:
        print(f"the model was not loaded in {image}: it is for {built_for}", file=sys.stderr)
        return
    print(f"loading the model in {image}", file=sys.stderr, flush=True)
    command = [program, "run", "--rm", "--network", "none", "--cap-drop", "ALL", "--platform", built_for]
    command += ["--workdir", "/opt/program/serving", "--env", "PYTHONFAULTHANDLER=1", "--entrypoint"]
    command += ["timeout", image, f"{SECONDS:g}", "python", "-m", "runtime.trial"]
    ended = subprocess.run(command, capture_output=True, text=True)
    what = "the image was built, but it cannot load the model"
    if ended.returncode in NO_PROGRAM or NO_TRIAL in ended.stderr:
        print(
            f"the model was not loaded in {image}: it has no server in /opt/program/serving", file=sys.stderr
        )
        return
    if ended.returncode == TIMED_OUT:
        raise _too_slow(what)
    # A shell and a container engine report a signal in this way.
    code = SIGNALS - ended.returncode if ended.returncode > SIGNALS else ended.returncode
    _require(what, command, code, ended.stderr, model)


def _require(what: str, command: Sequence[str], code: int, said: str, model: Path) -> None:
    """Print what the server printed. Raise Failure with the cause unless the trial ended with 0."""
    if code == 0:
        print(_without_noise(said), end="", file=sys.stderr)
        return
    python = PYTHON.search(said)
    said = PYTHON.sub("", said)
    if died := crashes.explained(code, model, python[1] if python else ""):
        print(_without_modules(said), end="", file=sys.stderr)
        seen, _, known = died.partition(": ")
        cause, _, fix = known.partition("; ")
        raise Failure(
            PRECONDITION, "model-crashed", what, seen, fix or "use a machine with more memory", cause
        )
    lines = said.strip().splitlines()
    otherwise = "fix the error; SERVING_LOG_LEVEL=debug shows its stack"
    cause, next_step = explained(said, otherwise)
    seen = lines[-1] if lines else f"{' '.join(command)} ended with code {code}"
    raise Failure(PRECONDITION, "model-not-loaded", what, seen, next_step, cause)


def _too_slow(what: str) -> Failure:
    seen, next_step = f"it took more than {SECONDS:g} s", "use a smaller model, or a faster machine"
    return Failure(PRECONDITION, "model-not-loaded", what, seen, next_step)


def is_possible(directory: Path, requirements: Path) -> bool:
    """Return whether the environment exists with the present requirements, so that a trial takes seconds."""
    installed = directory / "installed.txt"
    return installed.exists() and installed.read_text() == requirements.read_text() and os.name == "posix"


def _without_modules(text: str) -> str:
    """Return the stack of a crash without the long list of modules at its end."""
    return "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("Extension modules: "))


def _without_noise(text: str) -> str:
    """Return the lines of the server alone."""
    return "".join(f"{line}\n" for line in text.splitlines() if line.startswith("serve: "))
