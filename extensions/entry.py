"""The one file Copier loads. It loads the package beside it and offers its filters to the templates.

The package gets a module name made from this checkout's path: an update runs the old and the new
version of the template in one process, and each must see its own code.
"""

import hashlib
import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from jinja2 import Environment, Template
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


def compile_once(environment: Environment) -> None:
    """Let an environment compile each text once.

    Copier compiles the name of every file and the rules of every question anew at each use, which would be
    a third of the time of a copy.
    """
    compile_anew = environment.from_string
    compiled = cache(compile_anew)

    def from_string(source: str, *more: Any, **named: Any) -> Template:
        if more or named:
            return compile_anew(source, *more, **named)
        environment.preprocess(source)  # by which Copier forgets the `yield` tag of the text before
        return compiled(source)

    vars(environment)["from_string"] = from_string


class Filters(Extension):
    """The filters and functions that questions/ and template/ use."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        compile_once(environment)
        package = load_package(Path(__file__).resolve().parent / "mcc")
        filters = importlib.import_module(".face.filters", package.__name__)
        environment.filters.update(filters.FILTERS)
        environment.globals.update(filters.FUNCTIONS)
