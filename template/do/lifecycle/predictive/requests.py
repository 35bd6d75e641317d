# Part of the library: `copier update` replaces this file.
"""Requests to a running server: health and predictions."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lifecycle.project import PRECONDITION, PROJECT, USAGE, VERIFICATION, Failure, Result
from lifecycle.transport import Answer, Server

sys.path.append(str(PROJECT / "serving"))

import runtime.examples as examples
from runtime.examples import Example

MODELS = PROJECT / "model"
CONTENT_TYPES = {
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".csv": "text/csv",
    ".npy": "application/x-npy",
}
RECORD = "Send your own: do/test --data FILE. To keep some: do/examples --data FILE"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the request."""
    parser.add_argument("--data", metavar="FILE", help="data to send: .json, .jsonl, .csv or .npy")


def validate(arguments: argparse.Namespace) -> None:
    """Raise Failure (usage) without data for a server that does not describe its rows."""
    chosen(arguments, {})


def check(server: Server, arguments: argparse.Namespace) -> Result:
    """Return predictions for --data, or the examples of the model, or a row derived from the model.

    Raise Failure if the server rejects one, or answers otherwise than recorded.
    """
    predictions, truth, lines = list[Any](), list[Any](), list[str]()
    for example in chosen(arguments, _ping(server)):
        print(f"sending {example.shown()}", file=sys.stderr)
        answer = server.invoke(example.body, example.content_type)
        if answer.status != 200:
            what = f"/invocations returned {answer.status}"
            next_step = "fix the data, or preprocess() in serving/model_handler.py"
            raise Failure(
                VERIFICATION, "not-predicted", what, answer.body.decode("utf-8", "replace"), next_step
            )
        _compare(answer, example)
        found = _predictions(answer.body)
        predictions += found or []
        truth += example.truth
        lines.append(answer.body.decode("utf-8", "replace") if found is None else table(found, example.truth))
        lines += ["equal to the recorded response"] * (example.response is not None)
    text = "\n".join(lines)
    return (
        {"predictions": predictions, "expected": truth, "text": text}
        if predictions
        else {"answer": text, "text": text}
    )


def chosen(arguments: argparse.Namespace, about: dict[str, Any]) -> list[Example]:
    """Return the requests: --data, or the examples of the model, or a row that the server derived."""
    if arguments.data:
        content_type, body = read(Path(arguments.data))
        return [Example(body, content_type)]
    try:
        found = examples.read(MODELS).found
    except examples.InvalidExamples as error:
        what, next_step = "cannot use the examples of the model", "fix or delete model/examples.json"
        raise Failure(USAGE, "invalid-examples", what, str(error), next_step) from None
    if found:
        return list(found)
    if row := about.get("example"):
        print(f"no examples of this model: sending a derived row. {RECORD}", file=sys.stderr)
        return [Example(json.dumps({"instances": [row]}).encode())]
    shape = about.get("row_shape")
    seen = (
        f"model/{examples.FILE} has no example of this model"
        if (MODELS / examples.FILE).exists()
        else (f"there is no model/{examples.FILE}")
    )
    seen += f"; a row has shape {shape}" if shape else ""
    raise Failure(USAGE, "no-data", "no data to send", seen, f"add --data FILE. {RECORD}")


def table(predictions: list[Any], truth: Sequence[Any]) -> str:
    """Return predictions as lines of text, with the true values if available."""
    numbers = [p[0] if isinstance(p, list) and len(p) == 1 else p for p in predictions]
    if len(truth) != len(numbers) or not all(isinstance(number, (int, float)) for number in numbers):
        return "\n".join(json.dumps(number) for number in numbers)
    lines = [f"{number:9.2f}  {true:9.2f}" for number, true in zip(numbers, truth, strict=True)]
    return "\n".join([f"{'predicted':>9}  {'true':>9}", *lines])


def _compare(answer: Answer, example: Example) -> None:
    """Raise Failure if an answer is not the recorded one."""
    if example.response is None:
        return
    try:
        difference = examples.differs(json.loads(answer.body), example.response, example.tolerance)
    except ValueError:
        difference = "the response is no JSON"
    if difference:
        what = "the server answers otherwise than recorded in model/examples.json"
        next_step = (
            "fix serving/model_handler.py or the model; if the new answer is right: do/examples --data FILE"
        )
        raise Failure(VERIFICATION, "not-as-recorded", what, difference, next_step)


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


def read(path: Path) -> tuple[str, bytes]:
    """Return the content type and the content of a file with rows. Raise Failure."""
    if path.suffix not in CONTENT_TYPES:
        seen = f"{path} ends in {path.suffix or 'nothing'}; supported: {', '.join(CONTENT_TYPES)}"
        raise Failure(USAGE, "unknown-data", "cannot use --data", seen, "rename the file")
    try:
        return CONTENT_TYPES[path.suffix], path.read_bytes()
    except OSError as error:
        raise Failure(USAGE, "unreadable-data", "cannot use --data", str(error), "fix the path") from None
