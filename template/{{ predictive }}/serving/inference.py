"""One path for both kinds of server: decode, preprocess, predict, postprocess, encode."""

import gc
import logging
import os
import sys
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import NoReturn

import numpy as np
import orjson
from codec import JSON, RequestError, decode, encode, negotiate
from model_handler import ModelHandler

QUICK_SECONDS = 0.05
GC_THRESHOLD = 20_000  # objects: a request of 1,000 rows makes as many lists
EXAMPLES = "examples.json"  # next to the model: rows to test it with
MAX_BODY_BYTES = 25 * 1024 * 1024
logging.basicConfig(level=os.environ.get("SERVING_LOG_LEVEL", "warning").upper())
log = logging.getLogger("serving")


class Inference:
    """A loaded model that answers requests."""

    def __init__(self) -> None:
        self.handler = ModelHandler()
        self.seconds_per_byte = 0.0
        # Models use the processor, so predicting two requests at a time in a process only slows both.
        self.turn = Lock()
        model_dir = Path(os.environ.get("MODEL_DIR", "/opt/ml/model"))
        try:
            self.path = find_model(model_dir, self.handler.MODEL_FILE)
        except FileNotFoundError as error:
            give_up(f"no model in {model_dir}: {error}")
        except PermissionError as error:
            give_up(f"cannot read the model: {error}; let SERVING_USER read it, or set SERVING_USER=root")
        if not self.handler.LOAD_AFTER_FORK:
            self.load()

    def status(self) -> bytes:
        """Return what /ping answers: the shape of one row, so that callers can make a valid request."""
        return orjson.dumps({"row_shape": self.handler.row_shape})

    def load(self) -> None:
        """Load and warm up the model. Ends the process with status 3 when that fails."""
        try:
            self.handler.load(self.path)
            self._warm_up()
        except Exception as error:
            log.debug("loading failed", exc_info=True)
            reason = " ".join(str(error).split())[:300]
            give_up(f"cannot load the model {self.path}: {type(error).__name__}: {reason}")
        # Frozen objects are left alone by the collector, so forked workers keep sharing their memory.
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        gc.enable()

    def is_quick(self, body: bytes) -> bool:
        """Return whether `answer` will soon be done with this body, judged by recent ones."""
        return not self.turn.locked() and self.seconds_per_byte * len(body) <= QUICK_SECONDS

    def answer(self, body: bytes, content_type: str | None, accept: str | None) -> tuple[int, bytes, str]:
        """Return status, body and content type of the response to one request."""
        started = perf_counter()
        try:
            media_type = negotiate(accept)
            features = self.handler.preprocess(decode(body, content_type))
            with self.turn:
                predictions = self.handler.predict(features)
            return 200, encode(self.handler.postprocess(predictions), media_type), media_type
        except RequestError as error:
            return error.status, error_body(error.status, str(error)), JSON
        except Exception:
            log.exception("the model failed on a request")
            return 500, error_body(500, "the model failed on this request; the log says why"), JSON
        finally:
            self._learn(perf_counter() - started, len(body))

    def _warm_up(self) -> None:
        if self.handler.row_shape is None:
            return
        row = np.zeros((1, *(size or 1 for size in self.handler.row_shape)))
        self.handler.predict(row)
        started = perf_counter()
        self.handler.predict(row)
        self._learn(perf_counter() - started, row.nbytes)

    def _learn(self, seconds: float, size: int) -> None:
        self.seconds_per_byte += (seconds / max(size, 1) - self.seconds_per_byte) / 8


def error_body(status: int, message: str) -> bytes:
    """Return the JSON body that every error has."""
    return orjson.dumps({"error": HTTPStatus(status).phrase, "message": message})


def find_model(directory: Path, name: str) -> Path:
    """Return the model in `directory`: the entry called `name`, or the only one of its kind.

    A `name` without an ending is a SavedModel directory, which may also be `directory` itself.
    Raises FileNotFoundError when there is none, or no telling which.
    """
    if (directory / name).exists():
        return directory / name
    if ending := Path(name).suffix:
        found = sorted(path for path in directory.glob(f"*{ending}") if path.name != EXAMPLES)
    else:
        found = sorted(path.parent for path in directory.glob("**/saved_model.pb"))
    if len(found) == 1:
        return found[0]
    seen = f"found {', '.join(path.name for path in found)}" if found else "found none"
    raise FileNotFoundError(f"expected {name}, {seen}")


def give_up(reason: str) -> NoReturn:
    """End the process in the way that keeps gunicorn from starting it again."""
    print(f"serve: {reason}", file=sys.stderr)
    sys.exit(3)
