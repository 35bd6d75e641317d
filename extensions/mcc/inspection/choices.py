"""The answers that a model's file decides: framework or Triton backend, and format."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from ..catalog import catalog
from ..models import s3_files
from . import inspector, tars
from .findings import Findings

TITLES = {"xgboost": "XGBoost", "keras": "Keras", "lightgbm": "LightGBM"}
TITLES |= {"catboost": "CatBoost", "torch": "PyTorch", "onnx": "opset", "scikit-learn": "scikit-learn"}


def of(model_path: str) -> Findings | None:
    """Return the facts in a model, read once as long as it is the same; None if it cannot be read."""
    if not model_path:
        return None
    path = s3_files.local(model_path)
    try:
        status = path.stat()
        return _inspected(path, status.st_mtime_ns, status.st_size)
    except (OSError, ValueError):
        return None


def location(model_path: str) -> Path:
    """Return the path of the model itself, which can be in the folder that was given."""
    path, found = s3_files.local(model_path), of(model_path)
    return path / found.model if found and path.is_dir() else path


def formats(found: Findings) -> Mapping[str, tuple[str, ...]]:
    """Return the frameworks and backends of the catalog that serve a model, and their formats, best first."""
    kind = catalog.model_kinds().get(found.kind_name)
    served = kind.served if kind else {}
    known = {*catalog.frameworks(), *catalog.triton()}
    offered = {name: tuple(_offered(name, each)) for name, each in served.items() if name in known}
    return {name: each for name, each in offered.items() if each}


def framework(model_path: str) -> str:
    """Return the framework that serves a model, by its content or else by its ending; '' if none does."""
    found = of(model_path)
    if found and found.is_understood:
        return next((name for name in formats(found) if name in catalog.frameworks()), "")
    return next((name for name in catalog.frameworks() if by_ending(model_path, name)), "")


def model_format(model_path: str, served: str) -> str:
    """Return the format of a model for a framework or backend, '' if it has none."""
    found = of(model_path)
    fitting = formats(found).get(served, ()) if found else ()
    ending = by_ending(model_path, served)
    return ending if ending in fitting or not fitting else fitting[0]


def by_ending(model_path: str, served: str) -> str:
    """Return the format that the ending of a path belongs to, or ''."""
    suffix = Path(model_path).suffix.lower()
    named = catalog.formats(served).items()
    return next((name for name, facts in named if suffix and Path(facts.file).suffix == suffix), "")


def title(found: Findings) -> str:
    """Return the name of a model's kind, such as joblib dump."""
    kind = catalog.model_kinds().get(found.kind_name)
    return kind.title if kind else found.artifact.kind


def described(found: Findings) -> str:
    """Return a phrase for a model: its class, library and version, and its kind."""
    artifact, kind = found.artifact, title(found)
    name = artifact.root.rpartition(".")[2]
    library = TITLES.get(found.library, found.library)
    # The version that a wrapper in the style of scikit-learn states is that of scikit-learn.
    version = artifact.version if found.library == artifact.library else ""
    written = " ".join(part for part in ("" if library in kind else library, version) if part)
    if name:
        return f"{name} of {written} ({kind})" if written else f"{name} ({kind})"
    return f"{kind} of {written}" if library not in kind and written else f"{kind} {written}".rstrip()


def shown(model_path: str, found: Findings) -> str:
    """Return the name of a model as messages show it."""
    name = Path(model_path).name
    return f"{name} ({found.model})" if found.container == tars.KIND else name


def _offered(served: str, wanted: tuple[str, ...]) -> list[str]:
    known = catalog.formats(served)
    return [name for name in wanted if name in known]


@lru_cache(maxsize=8)
def _inspected(path: Path, changed: int, size: int) -> Findings:
    return inspector.inspect(path)
