# Part of the library: `copier update` replaces this file.
"""Requests to a running server in the KServe v2 protocol, with the tensors of config.pbtxt."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from lifecycle.project import PRECONDITION, PROJECT, USAGE, VERIFICATION, Failure, Result
from lifecycle.transport import Server
from lifecycle.triton import local

sys.path.append(str(PROJECT / "serving"))

from runtime import pbtxt

EXAMPLES = PROJECT / "sample_model" / "examples.json"
JSON = "application/json"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the request."""
    parser.add_argument("--data", metavar="FILE", type=Path, help="KServe v2 request in JSON")


def validate(arguments: argparse.Namespace) -> None:
    """Raise Failure without data to send."""
    payload(arguments)


def check(server: Server, arguments: argparse.Namespace) -> Result:
    """Return predictions for --data, or test rows of the sample model, or a row of zeros."""
    if (status := server.ping().status) != 200:
        seen, next_step = f"/ping returned {status}", "wait, or read the server log"
        raise Failure(PRECONDITION, "not-ready", f"{server.name} is not ready", seen, next_step)
    body, expected = payload(arguments)
    answer = server.invoke(body, JSON)
    if answer.status != 200:
        what, next_step = f"/invocations returned {answer.status}", "fix the request, or read the server log"
        raise Failure(VERIFICATION, "not-predicted", what, answer.body.decode(), next_step)
    outputs = json.loads(answer.body)["outputs"]
    return {"outputs": outputs, "expected": expected, "text": table(outputs, expected)}


def payload(arguments: argparse.Namespace) -> tuple[bytes, list[Any]]:
    """Return the request, and the true values of its rows if available. Raise Failure."""
    if arguments.data:
        return _read(arguments.data), []
    if EXAMPLES.exists():
        examples = json.loads(EXAMPLES.read_text())
        return request(config(), examples["rows"]), examples["expected"]
    return request(config()), []


def config() -> pbtxt.Message:
    """Return the config.pbtxt of the model in the repository. Raise Failure if there is none."""
    found = sorted(local.REPOSITORY.glob("*/config.pbtxt"))
    if not found:
        what, seen = "no data to send", "model_repository/ has no config.pbtxt"
        raise Failure(PRECONDITION, "no-model", what, seen, "do/repository MODEL")
    try:
        return pbtxt.parse(found[0].read_text("utf-8"))
    except ValueError as error:
        raise Failure(USAGE, "bad-config", f"cannot read {found[0]}", str(error), "fix the file") from None


def request(config: pbtxt.Message, rows: list[list[float]] | None = None) -> bytes:
    """Return a request with these rows for the model's one input, or with zeros for each of its inputs."""
    batch = [len(rows or [0])] if config.get("max_batch_size", [0])[0] else []
    inputs = []
    for tensor in config["input"]:
        shape = batch + [max(size, 1) for size in tensor["dims"]]
        datatype = tensor["data_type"][0].removeprefix("TYPE_").replace("STRING", "BYTES")
        zero: Any = {"BYTES": "", "BOOL": False}.get(datatype, 0)
        data = rows if rows is not None else _filled(shape, zero)
        inputs.append({"name": tensor["name"][0], "shape": shape, "datatype": datatype, "data": data})
    return json.dumps({"inputs": inputs}).encode()


def table(outputs: list[dict[str, Any]], expected: list[Any]) -> str:
    """Return outputs as lines of text, with the true values if available."""
    numbers = outputs[0]["data"]
    if len(expected) != len(numbers):
        return "\n".join("{name}: {datatype}{shape} {data}".format(**output) for output in outputs)
    lines = [f"{number:9.2f}  {truth:9.2f}" for number, truth in zip(numbers, expected, strict=True)]
    return "\n".join([f"{'predicted':>9}  {'true':>9}", *lines])


def _filled(shape: list[int], value: Any) -> Any:
    for size in reversed(shape):
        value = [value] * size
    return value


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Failure(USAGE, "unreadable-data", "cannot use --data", str(error), "fix the path") from None
