"""Load the package mcc and register its filters. This is the only file that Copier loads.

The module name of the package depends on the path of this checkout: an update runs the old and the new
version of the template in one process, and each must use its own code.
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

    Copier compiles the name of every file and the rules of every question at each use, which takes a third
    of the time of a copy.
    """
    compile_text = environment.from_string
    compiled = cache(compile_text)

    def from_string(source: str, *more: Any, **named: Any) -> Template:
        if more or named:
            return compile_text(source, *more, **named)
        environment.preprocess(source)  # resets Copier's `yield` tag of the previous text
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
        quiet_copy = importlib.import_module(".face.quiet_copy", package.__name__)
        quiet_copy.hide_files(sys.modules.get("copier._main"))
