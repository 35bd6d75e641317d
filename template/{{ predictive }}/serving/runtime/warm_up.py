# Part of the library: `copier update` replaces this file.
"""Answer examples before the first request: it would be slow otherwise, and a broken hook is found early."""

import logging
import sys
from collections.abc import Callable
from typing import Any

import orjson
from runtime import examples, tensors
from runtime.codec import JSON
from runtime.examples import Example, Examples

TIMES = 2  # the first answer loads and compiles, the second shows the usual time
log = logging.getLogger("serving")
Answer = Callable[[bytes, str | None, str | None, str | None], tuple[Any, ...]]


def run(answer: Answer, found: Examples, otherwise: Example | None) -> None:
    """Answer the examples, or one that is derived from the model.

    Raise InvalidExamples if the server rejects an example that the team wrote.
    """
    of_team = bool(found.found) and not found.recorded
    for number, example in enumerate(found.found or ([otherwise] if otherwise else []), start=1):
        for _ in range(TIMES):
            status, body, *_more = answer(example.body, example.content_type, None, None)
            if status < 400:
                continue
            problem = f"status {status} for {example.shown()}: {_message(body)}"
            if of_team:
                raise examples.InvalidExamples(f"example {number} in {examples.FILE}: {problem}")
            log.warning("no warm-up: %s", problem)
            return
    if not otherwise and not found.found:
        missing = f"put a request in model/{examples.FILE}"
        print(f"serve: no warm-up, so the first request will be slow; {missing}", file=sys.stderr)


def _message(body: bytes) -> str:
    try:
        return str(orjson.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return "see the log"


def derived(handler: Any) -> Example | None:
    """Return a request with a row of the right columns or size, None if they are unknown."""
    shape = getattr(handler, "row_shape", None)
    if table := getattr(handler, "table", None):
        row = table.example
    elif inputs := tensors.named(handler):
        row = tensors.example(inputs)
    elif shape is None:
        return None
    else:
        row = tensors.of_shape(shape, 0.0)
    return Example(orjson.dumps({"instances": [row]}), JSON)
