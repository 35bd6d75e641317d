# Part of the library: `copier update` replaces this file.
"""Examples of requests to a model, and the responses to them: model/examples.json.

The file is a list of objects with `request`, or a single request body:
- request: the JSON body of a request; a text for another content type
- file: a file in model/ with the body, in place of `request`
- content_type: application/json by default
- response: the JSON that the server is to respond with, if that is to be compared
- tolerance: the relative and absolute difference of numbers that is allowed
- truth: the true value of each row, to show next to the predictions

The commands write {"model": ..., "sha256": ..., "fingerprint": ..., "examples": [...]}. Those examples belong
to one model: they are not used for another. It needs the standard library alone: the commands import it, too.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .artifacts import identity, is_identified

FILE = "examples.json"
JSON = "application/json"
TOLERANCE = 1e-6
SHOWN = 300
KEYS = {"request", "file", "content_type", "response", "tolerance", "truth"}


class InvalidExamples(ValueError):
    """examples.json cannot be used: the cause."""


@dataclass(frozen=True)
class Example:
    """A request, and what is known about its response; `response` is None if there is nothing to compare."""

    body: bytes
    content_type: str = JSON
    response: Any = None
    tolerance: float = TOLERANCE
    truth: tuple[Any, ...] = ()

    def shown(self) -> str:
        """Return the request for people, cut off."""
        try:
            text = self.body.decode()
        except UnicodeDecodeError:
            text = f"{len(self.body)} bytes"
        text = text if len(text) <= SHOWN else f"{text[:SHOWN]} ..."
        return text if self.content_type == JSON else f"{self.content_type}: {text}"


@dataclass(frozen=True)
class Examples:
    """The examples of a model. Those that a command `recorded` do not stop the start of a server."""

    found: Sequence[Example] = ()
    recorded: bool = False


def read(directory: Path, model: Path | None = None, quick: bool = False) -> Examples:
    """Return the examples in a directory that belong to `model`, by default to the model of their name.

    If `quick`, a large model is identified by parts of it: for a server, which compares no response. Raise
    InvalidExamples.
    """
    path = directory / FILE
    if not path.exists():
        return Examples()
    try:
        content: Any = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidExamples(f"{path} cannot be read: {error}") from None
    if isinstance(content, dict) and "sha256" in content:
        model = model or directory / str(content.get("model"))
        belongs = model.resolve().is_relative_to(directory.resolve()) and model.exists()
        if not belongs or not is_identified(model, content, quick):
            return Examples()
        if "instances" in content:  # as the training of the sample wrote it before
            rows = {"instances": content["instances"]}
            return Examples([Example(_body(rows), truth=tuple(content.get("expected", ())))], recorded=True)
        return Examples(_all(content.get("examples", []), directory), recorded=True)
    is_list = isinstance(content, list) and content and all(isinstance(x, dict) for x in content)
    if is_list and all({"request", "file"} & x.keys() for x in content):
        return Examples(_all(content, directory))
    return Examples([Example(_body(content))])


def bodies(content: Any, directory: Path) -> list[tuple[bytes, str]]:
    """Return the body and the content type of the requests in a file, of whichever model they are."""
    entries = content.get("examples") if isinstance(content, dict) and "sha256" in content else content
    if isinstance(entries, list) and all(
        isinstance(x, dict) and {"request", "file"} & x.keys() for x in entries
    ):
        return [(example.body, example.content_type) for example in _all(entries, directory)]
    return [(_body(content), JSON)]


def write(directory: Path, model: Path, examples: Sequence[dict[str, Any]]) -> None:
    """Write examples that belong to a model in a directory."""
    name = model.relative_to(directory).as_posix()
    content = {"model": name, **identity(model), "examples": examples}
    (directory / FILE).write_text(json.dumps(content, allow_nan=False, ensure_ascii=False) + "\n", "utf-8")


def differs(response: Any, wanted: Any, tolerance: float, where: str = "response") -> str:
    """Return the first difference between two JSON documents, "" if there is none.

    A list with a single number equals the number, since libraries differ in that.
    """
    if isinstance(response, list) and len(response) == 1 and _is_number(wanted):
        response = response[0]
    if _is_number(response) and _is_number(wanted):
        near = math.isclose(response, wanted, rel_tol=tolerance, abs_tol=tolerance)
        return "" if near else f"{where} is {response}, not {wanted}"
    if isinstance(response, dict) and isinstance(wanted, dict) and response.keys() == wanted.keys():
        parts: Any = ((response[key], wanted[key], f"{where}.{key}") for key in wanted)
    elif isinstance(response, list) and isinstance(wanted, list) and len(response) == len(wanted):
        parts = zip(response, wanted, (f"{where}[{at}]" for at in range(len(wanted))), strict=True)
    else:
        shown = f"{where} is {json.dumps(response)[:80]}, not {json.dumps(wanted)[:80]}"
        return "" if response == wanted and type(response) is type(wanted) else shown
    return next(filter(None, (differs(one, other, tolerance, name) for one, other, name in parts)), "")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _all(entries: Any, directory: Path) -> list[Example]:
    if not isinstance(entries, list):
        raise InvalidExamples(f"{FILE} has no list of examples")
    return [_one(entry, f"example {number} in {FILE}", directory) for number, entry in enumerate(entries, 1)]


def _one(entry: Any, name: str, directory: Path) -> Example:
    if not isinstance(entry, dict) or len({"request", "file"} & entry.keys()) != 1:
        raise InvalidExamples(f"{name} needs either 'request' or 'file'")
    if unknown := entry.keys() - KEYS:
        raise InvalidExamples(f"{name} has {min(unknown)!r}; the keys are {', '.join(sorted(KEYS))}")
    content_type, tolerance = entry.get("content_type", JSON), entry.get("tolerance", TOLERANCE)
    if not isinstance(content_type, str) or not _is_number(tolerance):
        raise InvalidExamples(f"{name}: 'content_type' is a text, and 'tolerance' a number")
    body = _file(entry["file"], name, directory) if "file" in entry else _body(entry["request"], content_type)
    return Example(body, content_type, entry.get("response"), tolerance, tuple(entry.get("truth") or ()))


def _file(given: Any, name: str, directory: Path) -> bytes:
    path = directory / str(given)
    if not path.resolve().is_relative_to(directory.resolve()):
        raise InvalidExamples(f"{name}: {given} is not a file in {directory}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidExamples(f"{name}: {given} cannot be read: {error.strerror}") from None


def _body(request: Any, content_type: str = JSON) -> bytes:
    """Return the body of a request. A text is sent as it is, unless it is to be JSON."""
    if isinstance(request, str) and content_type.partition(";")[0] != JSON:
        return request.encode()
    return json.dumps(without_nan(request), ensure_ascii=False).encode()


def without_nan(value: Any) -> Any:
    """Return JSON data with null in place of NaN, which Python writes and JSON does not have."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [without_nan(each) for each in value]
    return {key: without_nan(each) for key, each in value.items()} if isinstance(value, dict) else value
