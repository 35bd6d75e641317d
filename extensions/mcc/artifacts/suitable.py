"""Choose the version of a framework that serves a model, by the facts in its file."""

import os
from functools import lru_cache
from pathlib import Path

from ..catalog import catalog
from ..catalog.entries.predictive import Framework, Version
from . import artifacts


def best(framework: str, model_format: str = "", model_path: str = "") -> Version:
    """Return the version to offer for a model: the one that saved it, or else one that serves it.

    Without a model, or when no version serves it, the default.
    """
    facts = catalog.frameworks()[framework]
    default = facts.default_version(model_format)
    model = _model(model_path)
    if model is None:
        return default
    suited = [
        version
        for version in facts.versions_for(model_format)
        if not _verdict(facts, version, model_path, model_format).problem
    ]
    made = artifacts.numbers(model.version)
    exact = [version for version in suited if artifacts.numbers(version.number) == made]
    if model.library != "keras" and exact:
        return exact[0]
    if default in suited or not suited:
        return default
    # XGBoost reads the models of older versions, so the oldest that serves a model is the nearest.
    return suited[-1] if model.library == artifacts.XGBOOST else suited[0]


def default_version(framework: str, model_format: str = "", model_path: str = "") -> str:
    """Return the number of the version to offer for a model."""
    return best(framework, model_format, model_path).number


def needs_pandas(model_path: str) -> bool:
    """Return whether the model in a file takes a DataFrame, by the classes that it names."""
    model = _model(model_path)
    return model is not None and model.needs_pandas


def problem(framework: str, model_format: str, model_path: str, version: str = "") -> str:
    """Return why a version of a framework cannot serve a model, or ''.

    Without a `version`, the one that suits the model best is judged.
    """
    facts = catalog.frameworks()[framework]
    chosen = facts.version(version) if version else best(framework, model_format, model_path)
    if chosen is None or _model(model_path) is None:
        return ""
    verdict = _verdict(facts, chosen, model_path, model_format)
    if not verdict.problem:
        return ""
    other = best(framework, model_format, model_path)
    if not _verdict(facts, other, model_path, model_format).problem:
        return f"{verdict.problem} Choose framework_version={other.number}, or leave it out."
    return f"{verdict.problem} {verdict.fix}"


def _verdict(facts: Framework, version: Version, model_path: str, model_format: str) -> artifacts.Verdict:
    model = _model(model_path)
    assert model is not None
    ending = Path(facts.formats[model_format].file).suffix if model_format else ""
    return artifacts.judge(model, Path(model_path).name, artifacts.pinned(version.requirements), ending)


def _model(model_path: str) -> artifacts.Artifact | None:
    """Return the facts in a model file, or None if no file can be read."""
    if not model_path:
        return None
    path = Path(os.path.expanduser(model_path))
    try:
        status = path.stat()
        return _looked_at(path, status.st_mtime_ns, status.st_size)
    except OSError:
        return None


@lru_cache(maxsize=8)
def _looked_at(path: Path, changed: int, size: int) -> artifacts.Artifact:
    """Read a file once, as long as it is the same."""
    return artifacts.look(path)
