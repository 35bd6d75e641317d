# Part of the library: `copier update` replaces this file.
"""The explanation of a process that a signal ended while it loaded the model."""

import signal
import sys
from pathlib import Path

from runtime import artifacts

KILLED = "the machine or the container ran out of memory; use more memory, or a smaller model"
COMPILED = (
    "it contains functions that another Python version might have compiled, and this one is Python {python}; "
    "use a base_image with the Python that saved the model, or define the functions in a module of serving/"
)
MULTI_OUTPUT = (
    "it contains multi-output trees of XGBoost {version}, which 3.2 and later cannot load; "
    "use XGBoost {version}, or retrain the model"
)
UNKNOWN = (
    "its file states no known cause, so a native library crashed on it; "
    "compare the versions of the libraries with those that saved the model"
)


def explained(code: int, path: Path, python: str = "") -> str:
    """Return why a process with this exit code died while it loaded a model; "" if no signal ended it.

    A cause is named only if the file of the model or the signal proves it. `python` is the version that ran
    the process, by default this one.
    """
    if code >= 0:
        return ""
    name = signal_name(code)
    return f"the process that loaded {path.name} died (signal {-code}, {name}): {_cause(-code, path, python)}"


def signal_name(code: int) -> str:
    """Return the name of the signal of a negative exit code."""
    try:
        return signal.Signals(-code).name
    except ValueError:
        return "unknown"


def _cause(number: int, path: Path, python: str) -> str:
    if number == signal.SIGKILL:
        return KILLED
    try:
        found = artifacts.look(path)
    except OSError:
        return UNKNOWN
    if found.is_multi_output and artifacts.numbers(found.version) < (3, 2):
        return MULTI_OUTPUT.format(version=found.version)
    if "cloudpickle" in found.modules:
        return COMPILED.format(python=python or f"{sys.version_info[0]}.{sys.version_info[1]}")
    return UNKNOWN
