"""Writes `model/examples.json` into a new project: the input example of an MLflow model."""

import json
import math
from pathlib import Path, PurePosixPath
from typing import Any

from ..artifacts import artifacts
from ..artifacts.artifact_facts import SCIKIT_LEARN
from .findings import Findings

FILE = "examples.json"
OF_REQUEST = "serving_input_example.json"  # a request body; the sample that MLmodel names is older
MOST_BYTES = 1_000_000


def names(found: Findings) -> tuple[str, ...]:
    """Return the files with an example, the best first, relative to the folder or archive of a model."""
    return (
        (PurePosixPath(found.sample).with_name(OF_REQUEST).as_posix(), found.sample) if found.sample else ()
    )


def write(found: Findings, directory: Path, model: Path) -> Path | None:
    """Write the example of a project's model next to it. Return the file, None without an example."""
    sources = (directory / name for name in names(found))
    source = next((path for path in sources if path.is_file() and path.stat().st_size <= MOST_BYTES), None)
    target = model.parent / FILE
    if source is None or target.exists():
        return None
    try:
        content = json.loads(source.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    body = request(content, by_name=found.artifact.library == SCIKIT_LEARN)
    about = {"model": model.name, **artifacts.identity(model), "examples": [{"request": body}]}
    target.write_text(json.dumps(about, allow_nan=False, ensure_ascii=False) + "\n", "utf-8")
    return target


def request(content: Any, by_name: bool) -> Any:
    """Return an MLflow example as a request body: `by_name` for a model that takes rows by name."""
    if isinstance(content, dict) and isinstance(content.get("inputs"), list):
        content = {"instances": content["inputs"]}
    split = content.get("dataframe_split", content) if isinstance(content, dict) else None
    if isinstance(split, dict) and {"columns", "data"} <= split.keys():
        content = {"dataframe_split": {name: split[name] for name in ("columns", "data")}}
        content = content if by_name else {"instances": split["data"]}
    return _without_nan(content)


def _without_nan(value: Any) -> Any:
    """Return JSON data with null in place of NaN, which MLflow writes and JSON does not have."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    return {key: _without_nan(each) for key, each in value.items()} if isinstance(value, dict) else value
