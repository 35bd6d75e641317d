"""Ask the servers of projects with the same libraries, in one process. Runs among their libraries.

The arguments are folders of projects, each with its `case.json`. One JSON object a line is printed:
the project, what the server did (served, refused, wrong), and why.
"""

import io
import json
import math
import os
import sys
import warnings
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any


def same(one: Any, other: Any, tolerance: float) -> bool:
    """Return whether two answers are equal, numbers to a tolerance."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b, tolerance) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key], tolerance) for key in one)
    if isinstance(one, bool) or isinstance(other, bool) or isinstance(one, str) or isinstance(other, str):
        return type(one) is type(other) and bool(one == other)
    if any(each is None or isinstance(each, (list, dict)) for each in (one, other)):
        return one is None and other is None
    return math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)


def ask(server: Any, case: dict[str, Any]) -> tuple[str, str]:
    """Return the outcome of the requests of a case, and its reason."""
    for number, sent in enumerate(case["requests"], start=1):
        body = sent["body"] if isinstance(sent["body"], str) else json.dumps(sent["body"])
        status, answered, *_ = server.answer(body.encode(), sent["content_type"], "application/json", None)
        document = json.loads(answered)
        if status != 200:
            is_refused = status == 400 and number == 1
            return "refused" if is_refused else "wrong", f"request {number}: {status} {document['message']}"
        is_answer = isinstance(document, dict) and "predictions" in document
        predictions = document["predictions"] if is_answer else document  # that of a script
        if not same(predictions, sent["answer"], case["tolerance"]):
            found = f"{str(predictions)[:100]}, not {str(sent['answer'])[:100]}"
            return "wrong", f"request {number}: {found}"
    return "served", ""


def run(project: Path) -> tuple[str, str]:
    """Return the outcome of starting the server of a project and asking it, and its reason."""
    from runtime.inference import Inference

    case = json.loads((project / "case.json").read_text())
    os.environ["MODEL_DIR"] = str(project / "model")
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            server = Inference()
            if server.handler.LOAD_AFTER_FORK:
                server.load()
            return ask(server, case)
    except SystemExit as error:
        return "refused" if error.code == 3 else "wrong", said.getvalue().strip()[-600:]
    except Exception as error:
        return "wrong", f"{type(error).__name__}: {error}"[:300]


if __name__ == "__main__":
    os.environ.setdefault("SERVING_LOG_LEVEL", "critical")
    warnings.simplefilter("ignore")
    os.chdir(sys.argv[1])
    sys.path.insert(0, "serving")
    for name in sys.argv[1:]:
        print(json.dumps([name, "crashed", ""]), flush=True)  # replaced by the next line
        print(json.dumps([name, *run(Path(name))]), flush=True)
