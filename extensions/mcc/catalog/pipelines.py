"""The CI services that a project can have workflow files for, from catalog/pipelines.yml."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from .catalog import CATALOG
from .catalog_reader import read
from .entries.projects import Pipeline


@lru_cache
def pipelines(directory: Path = CATALOG) -> Mapping[str, Pipeline]:
    """Return the CI services by name, in order of offer."""
    return read(directory / "pipelines.yml", Pipeline)[0]


def action(name: str) -> str:
    """Return an action of a GitHub workflow by commit, with its tag in a comment."""
    return pipelines()["github"].actions[name]
