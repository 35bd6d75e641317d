# Part of the library: `copier update` replaces this file.
"""Let pickles find the classes and functions that their training script or notebook defined.

A pickle names them in the module __main__, which is gunicorn's in the server. They are looked up in
serving/custom.py, then in serving/model_handler.py.
"""

import importlib
import importlib.util
import pickle
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runtime.artifacts import Unsuitable

MODULES = ("custom", "model_handler")
IN_MAIN = re.compile(
    r"Can't get attribute '(?P<name>[^']+)' on <module '[^']*__main__'"
    r"|module '[^']*__main__' has no attribute '(?P<same>[^']+)'"
)


class MissingCode(Exception):
    """A model needs a class, a function or a module that the project does not have."""


def offer() -> None:
    """Add the public names of MODULES to the module __main__, except for names that it has."""
    main = sys.modules["__main__"]
    for module in MODULES:
        if module in sys.modules or importlib.util.find_spec(module):
            for name, value in vars(importlib.import_module(module)).items():
                if not name.startswith("_") and not hasattr(main, name):
                    setattr(main, name, value)


def load(read: Callable[[Path], Any], path: Path) -> Any:
    """Return the model that `read` loads with the classes of the project.

    Raise MissingCode without one, and Unsuitable for a file that is damaged.
    """
    offer()
    try:
        return read(path)
    except AttributeError as error:
        if found := IN_MAIN.match(str(error)):
            needed = f"{path.name} needs your {found['name'] or found['same']}"
            problem = f"{needed}, which the training script or notebook defined."
            raise MissingCode(f"{problem} Define it in serving/custom.py.") from error
        raise
    except ModuleNotFoundError as error:
        problem = f"{path.name} needs the module {error.name}."
        next_step = "If it is yours, copy the file to serving/. Otherwise add its package to requirements.in."
        raise MissingCode(f"{problem} {next_step}") from error
    except (EOFError, pickle.UnpicklingError) as error:
        problem = f"{path.name} is cut off or damaged ({str(error) or 'it ends too early'})."
        raise Unsuitable(f"{problem} Copy the file again, and compare its size.") from error
