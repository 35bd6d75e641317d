"""Requests to a running server: is it up, and what does it predict?"""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from lifecycle.project import PRECONDITION, PROJECT, USAGE, VERIFICATION, Failure

EXAMPLES = PROJECT / "sample_model" / "examples.json"
CONTENT_TYPES = {
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".csv": "text/csv",
    ".npy": "application/x-npy",
}


def ping(url: str) -> dict[str, Any]:
    """Return what the server says of itself. Raises Failure when it does not answer with 200."""
    status, body = _send(urllib.request.Request(f"{url}/ping"))
    if status != 200:
        seen, remedy = f"/ping answered {status}", "wait, or read its log"
        raise Failure(PRECONDITION, "not-ready", f"{url} is not ready", seen, remedy)
    return dict(json.loads(body))


def predict(url: str, file: str | None) -> dict[str, Any]:
    """Return predictions for `file`, else for the sample model's unseen rows, else for a row of zeros."""
    expected: list[Any] = []
    if file:
        content_type, body = _read(Path(file))
    else:
        example = json.loads(EXAMPLES.read_text()) if EXAMPLES.exists() else _zeros(ping(url)["row_shape"])
        expected = example.pop("expected", [])
        content_type, body = CONTENT_TYPES[".json"], json.dumps(example).encode()
    headers = {"Content-Type": content_type, "Accept": "application/json"}
    status, answer = _send(urllib.request.Request(f"{url}/invocations", body, headers))
    if status != 200:
        what = f"/invocations answered {status}"
        remedy = "mend the data, or preprocess() in serving/model_handler.py"
        raise Failure(VERIFICATION, "not-predicted", what, answer.decode(), remedy)
    predictions = json.loads(answer)["predictions"]
    return {"predictions": predictions, "expected": expected, "text": table(predictions, expected)}


def table(predictions: list[Any], expected: list[Any]) -> str:
    """Return predictions as lines of text, beside the true values where they are known."""
    numbers = [p[0] if isinstance(p, list) and len(p) == 1 else p for p in predictions]
    if len(expected) != len(numbers):
        return "\n".join(json.dumps(number) for number in numbers)
    lines = [f"{number:9.2f}  {truth:9.2f}" for number, truth in zip(numbers, expected, strict=True)]
    return "\n".join([f"{'predicted':>9}  {'true':>9}", *lines])


def _zeros(shape: list[int | None] | None) -> dict[str, Any]:
    if shape is None:
        seen = "the model does not tell how many features it has"
        raise Failure(USAGE, "no-data", "there is nothing to send", seen, "do/test --data FILE")
    row: Any = 0.0
    for size in reversed(shape):
        row = [row] * (size or 1)
    return {"instances": [row]}


def _read(path: Path) -> tuple[str, bytes]:
    if path.suffix not in CONTENT_TYPES:
        seen = f"{path} ends in {path.suffix or 'nothing'}; known are {', '.join(CONTENT_TYPES)}"
        raise Failure(USAGE, "unknown-data", "cannot use --data", seen, "rename the file")
    try:
        return CONTENT_TYPES[path.suffix], path.read_bytes()
    except OSError as error:
        raise Failure(USAGE, "unreadable-data", "cannot use --data", str(error), "mend the path") from None


def _send(request: urllib.request.Request) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except (OSError, ValueError) as error:
        what = f"{request.full_url} does not answer"
        remedy = "start it with `do/run --local` or `do/run`, in another terminal"
        raise Failure(PRECONDITION, "no-server", what, str(error), remedy) from None
