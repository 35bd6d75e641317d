# Part of the library: `copier update` replaces this file.
"""Requests to a running server: health and predictions."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from lifecycle.project import PRECONDITION, PROJECT, USAGE, VERIFICATION, Failure, Result
from lifecycle.transport import Server

sys.path.append(str(PROJECT / "serving"))

import runtime.artifacts as artifacts

EXAMPLES = PROJECT / "model" / "examples.json"
CONTENT_TYPES = {
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".csv": "text/csv",
    ".npy": "application/x-npy",
}


class Payload(NamedTuple):
    """The body of a request, its content type, and the true values of its rows if available."""

    content_type: str
    body: bytes
    expected: list[Any]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the request."""
    parser.add_argument("--data", metavar="FILE", help="data to send: .json, .jsonl, .csv or .npy")


def validate(arguments: argparse.Namespace) -> None:
    """Raise Failure (usage) without data for a server that does not report its row shape."""
    payload(arguments, {})


def check(server: Server, arguments: argparse.Namespace) -> Result:
    """Return predictions for --data, or the examples of the model, or a row derived from the model."""
    content_type, body, expected = payload(arguments, _ping(server))
    answer = server.invoke(body, content_type)
    if answer.status != 200:
        what = f"/invocations returned {answer.status}"
        next_step = "fix the data, or preprocess() in serving/model_handler.py"
        raise Failure(VERIFICATION, "not-predicted", what, answer.body.decode(), next_step)
    predictions = _predictions(answer.body)
    if predictions is None:
        text = answer.body.decode("utf-8", "replace")
        return {"answer": text, "text": text}
    return {"predictions": predictions, "expected": expected, "text": table(predictions, expected)}


def payload(arguments: argparse.Namespace, about: dict[str, Any]) -> Payload:
    """Return the request: --data, or the examples of the model, or a row that fits the model."""
    if arguments.data:
        return Payload(*_read(Path(arguments.data)), expected=[])
    examples = _examples()
    rows = examples.get("instances") or _derived(about.get("example")) or _zeros(about.get("row_shape"))
    body = json.dumps({"instances": rows}).encode()
    return Payload(CONTENT_TYPES[".json"], body, examples.get("expected", []))


def table(predictions: list[Any], expected: list[Any]) -> str:
    """Return predictions as lines of text, with the true values if available."""
    numbers = [p[0] if isinstance(p, list) and len(p) == 1 else p for p in predictions]
    if len(expected) != len(numbers):
        return "\n".join(json.dumps(number) for number in numbers)
    lines = [f"{number:9.2f}  {truth:9.2f}" for number, truth in zip(numbers, expected, strict=True)]
    return "\n".join([f"{'predicted':>9}  {'true':>9}", *lines])


def _ping(server: Server) -> dict[str, Any]:
    answer = server.ping()
    if answer.status != 200:
        seen, next_step = f"/ping returned {answer.status}", "wait, or read the server log"
        raise Failure(PRECONDITION, "not-ready", f"{server.name} is not ready", seen, next_step)
    return dict(json.loads(answer.body))


def _predictions(body: bytes) -> list[Any] | None:
    """Return the predictions in a body, None for an answer in the format of an inference.py."""
    try:
        document = json.loads(body)
    except ValueError:
        return None
    return document.get("predictions") if isinstance(document, dict) else None


def _examples() -> dict[str, Any]:
    """Return the examples of the model in model/, {} for a model without examples."""
    if not EXAMPLES.exists():
        return {}
    try:
        examples: dict[str, Any] = json.loads(EXAMPLES.read_text("utf-8"))
        if artifacts.digest(EXAMPLES.parent / examples["model"]) == examples["sha256"]:
            return examples
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return {}


def _derived(row: dict[str, Any] | None) -> list[Any]:
    """Return the row that the server derived from the columns of its model, if it has named columns."""
    if not row:
        return []
    shown = json.dumps(row)
    print(f"no examples of this model: sending {shown}. Send yours with --data FILE.", file=sys.stderr)
    return [row]


def _zeros(shape: list[int | None] | None) -> list[Any]:
    if shape is None:
        seen = "the number of features of the model is unknown"
        raise Failure(USAGE, "no-data", "no data to send", seen, "add --data FILE")
    row: Any = 0.0
    for size in reversed(shape):
        row = [row] * (size or 1)
    print("no examples of this model: sending a row of zeros. Send yours with --data FILE.", file=sys.stderr)
    return [row]


def _read(path: Path) -> tuple[str, bytes]:
    if path.suffix not in CONTENT_TYPES:
        seen = f"{path} ends in {path.suffix or 'nothing'}; supported: {', '.join(CONTENT_TYPES)}"
        raise Failure(USAGE, "unknown-data", "cannot use --data", seen, "rename the file")
    try:
        return CONTENT_TYPES[path.suffix], path.read_bytes()
    except OSError as error:
        raise Failure(USAGE, "unreadable-data", "cannot use --data", str(error), "fix the path") from None
