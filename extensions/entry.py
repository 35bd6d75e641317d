"""The one file Copier loads. It loads the package beside it and offers its filters to the templates.

The package gets a module name made from this checkout's path: an update runs the old and the new
version of the template in one process, and each must see its own code.
"""

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from jinja2 import Environment
from jinja2.ext import Extension


def load_package(directory: Path) -> ModuleType:
    """Import the package in `directory` under a name that is unique to its path."""
    name = "mcc_" + hashlib.sha256(str(directory).encode()).hexdigest()[:16]
    if name in sys.modules:
        return sys.modules[name]
    init = directory / "__init__.py"
    spec = importlib.util.spec_from_file_location(name, init, submodule_search_locations=[str(directory)])
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class Filters(Extension):
    """The filters and functions that questions/ and template/ use."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        package = load_package(Path(__file__).resolve().parent / "mcc")
        filters = importlib.import_module(".filters", package.__name__)
        environment.filters.update(filters.FILTERS)
        environment.globals.update(filters.FUNCTIONS)
