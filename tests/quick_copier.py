"""Copier, quicker where a session renders hundreds of projects.

It renders the same files and only saves work that is repeated: compiling the same texts in every copy,
merging answers key by key, and a call of git for every file of a destination that is no repository. Tests
that run Copier as a command use it as it is.
"""

from pathlib import Path
from types import CodeType
from typing import Any

import copier._main
import copier._user_data
import jinja2
import pytest

# Filters that depend on more than the text. Those of constants run while a text is compiled.
OF_THE_RUN = ("setting(", "| choices")


def install(patch: pytest.MonkeyPatch) -> None:
    """Make Copier quicker in this process until `patch` is undone."""
    patch.setattr(jinja2.Environment, "compile", compiled_once(jinja2.Environment.compile))
    patch.setattr(copier._user_data.AnswersMap, "combined", property(merged))
    worker: Any = copier._main.Worker
    sync = "_sync_git_index_executable_bit"
    patch.setattr(worker, sync, in_repositories(getattr(worker, sync)))


def compiled_once(compile_source: Any) -> Any:
    """Return Environment.compile with a cache for environments of the same syntax and the same filters."""
    codes: dict[Any, CodeType] = {}

    def compiled(self: jinja2.Environment, source: Any, *more: Any, **named: Any) -> Any:
        if not isinstance(source, str) or any(name in source for name in OF_THE_RUN):
            return compile_source(self, source, *more, **named)
        key = (source, more, tuple(named.items()), self.lexer, type(self), packages(self))
        if key in codes:
            self.preprocess(source)  # resets Copier's `yield` tag of the previous text
        else:
            codes[key] = compile_source(self, source, *more, **named)
        return codes[key]

    return compiled


def packages(environment: jinja2.Environment) -> frozenset[str]:
    """Return the packages of filters: those of constants run while a text is compiled."""
    if "packages" not in vars(environment):
        modules = (getattr(each, "__module__", None) or "" for each in environment.filters.values())
        vars(environment)["packages"] = frozenset(each for each in modules if each.startswith("mcc_"))
    found: frozenset[str] = vars(environment)["packages"]
    return found


def merged(self: copier._user_data.AnswersMap) -> dict[str, Any]:
    """Return all answers; those of the user win."""
    weakest = {**copier._user_data.DEFAULT_DATA, "_external_data": self.external}
    return {**weakest, **self.user_defaults, **self.last, **self.metadata, **self.init, **self.user}


def in_repositories(sync: Any) -> Any:
    """Return the method that updates the index of git, without calls of git outside of repositories."""

    def synced(self: Any, *arguments: Any) -> None:
        folder: Path = self.subproject.local_abspath
        if any((parent / ".git").exists() for parent in (folder, *folder.parents)):
            sync(self, *arguments)

    return synced
