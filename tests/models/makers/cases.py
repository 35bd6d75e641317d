"""Write a model with requests and the library's own answers. Runs among the libraries that made the model."""

import json
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

random = np.random.default_rng(0)
ROWS, ASKED = 90, 6
X = random.normal(size=(ROWS, 4)).round(3)
NUMBER = (X @ [1.0, -2.0, 0.5, 0.0] + random.normal(size=ROWS) / 10).round(4)
PAIR = np.c_[NUMBER, -NUMBER + X[:, 0]]
YES = np.where(NUMBER > 0, "yes", "no")
THREE = np.digitize(NUMBER, [-1.0, 1.0])
OUT = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(".")


def plain(value: Any) -> Any:
    """Return a value as JSON has it: no numpy, and null for what is missing."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.ndim):
        return [plain(each) for each in value]
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.item()
    return None if value is None or type(value).__name__ == "NAType" or value != value else value


def records(frame: Any) -> list[dict[str, Any]]:
    """Return the rows of a DataFrame as objects."""
    return [dict(zip(frame.columns, map(plain, row))) for row in frame.itertuples(index=False)]  # noqa: B905


def request(
    rows: Any, answer: Any, content_type: str = "application/json", **parameters: Any
) -> dict[str, Any]:
    """Return a request with the answer that the library gives. Text is sent as it is, other rows as JSON."""
    body = rows if isinstance(rows, str) else {"instances": plain(rows)}
    if parameters:
        body["parameters"] = parameters
    return {"body": body, "content_type": content_type, "answer": plain(answer)}


def write(
    name: str,
    save: Callable[[Path], Any],
    requests: Iterable[dict[str, Any]],
    file: str = "model.pkl",
    expected: str = "served",
    tolerance: float = 1e-9,
    **answers: str,
) -> None:
    """Save a model with its requests in a folder of its own. `file` is the model's path in it.

    `expected` is served, refused, or either, where it depends on the versions that can be installed.
    `answers` are those of the copy, in addition to the model.
    """
    folder = OUT / name.replace("/", "-").replace(" ", "-")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save(folder / file)
    facts = {"file": file, "expected": expected, "tolerance": tolerance, "requests": list(requests)}
    facts["answers"] = answers
    (folder / "case.json").write_text(json.dumps({"name": name, **facts}, indent=1))
