# Part of the library: `copier update` replaces this file.
"""Load the model in a process of its own, in the environment that serves it without a container."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from lifecycle import environment
from lifecycle.explain import explained
from lifecycle.project import PRECONDITION, PROJECT, Failure

sys.path.append(str(PROJECT / "serving"))

import runtime.crashes as crashes

SECONDS = 600.0  # TensorFlow and large models take minutes on a small machine


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
        seen, next_step = f"it took more than {SECONDS:g} s", "use a smaller model, or a faster machine"
        raise Failure(PRECONDITION, "model-not-loaded", "cannot load the model", seen, next_step) from None
    if ended.returncode == 0:
        print(_without_noise(ended.stderr), end="", file=sys.stderr)
        described: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        return described
    if died := crashes.explained(ended.returncode, directory / model_file):
        print(_without_modules(ended.stderr), end="", file=sys.stderr)
        seen, _, known = died.partition(": ")
        cause, _, fix = known.partition("; ")
        next_step = fix or "use a machine with more memory"
        raise Failure(PRECONDITION, "model-crashed", "the model cannot be loaded", seen, next_step, cause)
    lines = ended.stderr.strip().splitlines()
    otherwise = "fix the error; SERVING_LOG_LEVEL=debug shows its stack"
    cause, next_step = explained(ended.stderr, otherwise)
    seen = lines[-1] if lines else f"{' '.join(command)} ended with code {ended.returncode}"
    raise Failure(PRECONDITION, "model-not-loaded", "cannot load the model", seen, next_step, cause)


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
