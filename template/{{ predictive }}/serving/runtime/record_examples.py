# Part of the library: `copier update` replaces this file.
"""Print examples of requests, answered by the library: `python -m runtime.record_examples FILE TYPE`.

The responses are not from the fast paths of the server, so that do/test compares the two.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from runtime import answers, examples
from runtime.codec import JSON, RequestError
from runtime.inference import Inference
from runtime.outputs import LABELS

ROWS = 3


class Recorder(Inference):
    """A server that answers no example at the start: those of today can be the ones to replace."""

    def _warm_up(self) -> None:
        pass


def main(file: str, content_type: str) -> int:
    """Print the example for the first rows in a file. Return 1 if the model rejects them."""
    server = Recorder()
    if server.handler.LOAD_AFTER_FORK:
        server.load()
    body = Path(file).read_bytes()
    try:
        if server.script or server.hooks:
            example: dict[str, Any] = {"request": body.decode(), "content_type": content_type}
            status, answer, *_ = server.answer(body, content_type, JSON, None)
            if status != 200:
                raise RequestError(status, orjson.loads(answer)["message"])
        else:
            request = _request(server, body, content_type)
            example = {"request": request}
            answer = _of_library(server, orjson.dumps(request))
    except (RequestError, UnicodeDecodeError) as error:
        print(error, file=sys.stderr)
        return 1
    print(orjson.dumps({**example, "response": orjson.loads(answer)}).decode())
    return 0


def _request(server: Inference, body: bytes, content_type: str) -> dict[str, Any]:
    """Return the first rows of a body as a JSON request."""
    rows = server.decode(body, content_type)
    if isinstance(rows, dict):  # values by column
        count = min(ROWS, len(next(iter(rows.values()))))
        found = [{name: values[at] for name, values in rows.items()} for at in range(count)]
    else:
        found = np.asarray(rows[:ROWS]).tolist() if isinstance(rows, np.ndarray) else rows[:ROWS]
    request: dict[str, Any] = {"instances": examples.without_nan(found)}
    if server.outputs.predict_proba:  # whatever SERVING_OUTPUT is where the example is sent
        request["parameters"] = {"output": LABELS}
    return request


def _of_library(server: Inference, body: bytes) -> bytes:
    """Return the response to a request, predicted by the library itself."""
    handler: Any = server.handler
    if hasattr(handler, "served"):
        handler.served = handler.served.as_it_is()
    features = handler.preprocess(server.decode(body, JSON))
    return answers.encode(handler.postprocess(handler.predict(features)), JSON)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
