"""Choose the version of a framework that serves a model, by the facts in its file."""

from pathlib import Path

from ..catalog import catalog
from ..catalog.entries.predictive import Framework, Version
from ..inspection import choices
from . import artifacts, onnx_files


def best(framework: str, model_format: str = "", model_path: str = "") -> Version:
    """Return the version to offer for a model: the one that saved it, or else one that serves it.

    A version without a lock is offered where no other serves the model. Without a model, or when no version
    serves it, the default.
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
    if not suited:
        return _as_saved(facts, model, model_path, model_format) or default
    if default in suited:
        return default
    # XGBoost reads the models of older versions, so the oldest that serves a model is the nearest.
    return suited[-1] if model.library == artifacts.XGBOOST else suited[0]


def default_version(framework: str, model_format: str = "", model_path: str = "") -> str:
    """Return the number of the version to offer for a model."""
    return best(framework, model_format, model_path).number


def needed(framework: str, version: str, model_path: str) -> tuple[str, ...]:
    """Return requirements of a model in addition to its framework: a numpy that reads it, its Keras."""
    model = _model(model_path)
    if model is None:
        return ()
    numpy = (f"numpy>={'.'.join(map(str, model.needs_numpy))}",) if model.needs_numpy else ()
    return (*numpy, *_keras(framework, version, model))


def needs_pandas(model_path: str) -> bool:
    """Return whether the model in a file takes a DataFrame, by the classes that it names."""
    model = _model(model_path)
    return model is not None and model.needs_pandas


def problem(framework: str, model_format: str, model_path: str, version: str = "") -> str:
    """Return why a version of a framework cannot serve a model, or ''.

    Without a `version`, the one that suits the model best is judged.
    """
    facts = catalog.frameworks()[framework]
    known = facts.version(version) or without_lock(facts, version)
    chosen = known if version else best(framework, model_format, model_path)
    if chosen is None or _model(model_path) is None:
        return ""
    if chosen.opset:
        return onnx_problem(framework, choices.location(model_path), chosen.number)
    verdict = _verdict(facts, chosen, model_path, model_format)
    if not verdict.problem:
        return ""
    other = best(framework, model_format, model_path)
    if not _verdict(facts, other, model_path, model_format).problem:
        return f"{verdict.problem} Choose framework_version={other.number}, or leave it out."
    return f"{verdict.problem} {verdict.fix}"


def onnx_problem(framework: str, path: Path, version: str) -> str:
    """Return why a version of ONNX Runtime cannot load a model, or ''."""
    wrong = onnx_files.problem(path, onnx_limits(framework, version))
    return f"{path.name}: {wrong}." if wrong else ""


def onnx_limits(framework: str, version: str) -> onnx_files.Runtime | None:
    """Return the limits of a version of ONNX Runtime, None for a version that the catalog does not have."""
    facts = catalog.frameworks()[framework]
    known = facts.version(version)
    newer = "Use a newer ONNX Runtime (framework_version)"
    return onnx_files.Runtime(f"{facts.title} {version}", known.opset, known.ir, newer) if known else None


def without_lock(facts: Framework, number: str) -> Version | None:
    """Return a version that the catalog has no lock of, with its direct pins alone; None if it has none."""
    others = facts.resolvable(number)
    if others is None:
        return None
    direct = tuple(others.requirements(number))
    return Version(number, tuple(facts.formats), direct, (), tuple(line for line in direct if "==" in line))


def _keras(framework: str, version: str, model: artifacts.Artifact) -> tuple[str, ...]:
    """Return the Keras that reads a file: its own version, or tf-keras for one of Keras 2.

    Versions of TensorFlow with a Keras 2 of their own have no other.
    """
    chosen = without_lock(catalog.frameworks()[framework], version)
    own = artifacts.pinned(chosen.requirements) if chosen else {}
    if model.library != "keras" or not model.version or "keras" in own:
        return ()
    if artifacts.numbers(model.version) >= (3,):
        return (f"keras=={model.version}",)
    major, minor, *_ = artifacts.numbers(version)
    return (f"{artifacts.TF_KERAS}~={major}.{minor}.0",)


def _as_saved(
    facts: Framework, model: artifacts.Artifact, model_path: str, model_format: str
) -> Version | None:
    """Return the version without a lock that saved a model, None if it is unknown or does not serve it."""
    other = without_lock(facts, model.version)
    if other is None or model.library not in artifacts.pinned(other.requirements):
        return None
    return None if _verdict(facts, other, model_path, model_format).problem else other


def _verdict(facts: Framework, version: Version, model_path: str, model_format: str) -> artifacts.Verdict:
    model = _model(model_path)
    assert model is not None
    ending = Path(facts.formats[model_format].file).suffix if model_format else ""
    return artifacts.judge(model, Path(model_path).name, artifacts.pinned(version.requirements), ending)


def _model(model_path: str) -> artifacts.Artifact | None:
    """Return the facts in a model file, or None if no file can be read."""
    found = choices.of(model_path)
    return found.artifact if found else None
