# Part of the library: `copier update` replaces this file.
"""One path for both kinds of server: decode, preprocess, predict, postprocess, encode."""

import gc
import logging
import os
import sys
from http import HTTPStatus
from pathlib import Path
from threading import Lock, get_ident
from time import monotonic, time
from typing import NoReturn

import numpy as np
import orjson
from model_handler import ModelHandler
from runtime.answers import encode, negotiate
from runtime.codec import JSON, MAX_ROWS, RequestError, decode

QUICK_SECONDS = 0.05
GC_THRESHOLD = 20_000  # objects: a request of 1,000 rows makes as many lists
EXAMPLES = "examples.json"  # next to the model: rows to test it with
MAX_BODY_BYTES = 25 * 1024 * 1024
LARGE_BODY_BYTES = 1024 * 1024
PREDICT_SECONDS = float(os.environ.get("SERVING_PREDICT_SECONDS", "60"))
WAIT_SECONDS = 0.9 * PREDICT_SECONDS  # a request that has waited as long has no time left for its answer
logging.basicConfig(level=os.environ.get("SERVING_LOG_LEVEL", "warning").upper())
log = logging.getLogger("serving")
BUSY = f"the model is busy: no turn within {WAIT_SECONDS:g} s; send fewer requests at once, or add instances"


class Inference:
    """A loaded model that answers requests."""

    def __init__(self) -> None:
        self.handler = ModelHandler()
        self.seconds_per_byte = 0.0
        # Models use the processor, so predicting two requests at a time in a process only slows both.
        self.turn = Lock()
        # A large body takes ten times its size while it is read, so a process has one of them at a time.
        self.large = Lock()
        # What each thread works on: since when, the content type and the size of the request's body.
        self.at_work: dict[int, tuple[float, str | None, int]] = {}
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
        """Return what /ping answers: the shape and number of rows with which a request is valid."""
        return orjson.dumps({"row_shape": self.handler.row_shape, "max_rows": MAX_ROWS})

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

    def answer(
        self, body: bytes, content_type: str | None, accept: str | None, arrived: str | None
    ) -> tuple[int, bytes, str]:
        """Return status, body and content type of the response to one request.

        `arrived` is when it came in, in seconds since the epoch, as nginx tells it; None without nginx.
        """
        thread, started = get_ident(), monotonic()
        work = (started, content_type, len(body))
        self.at_work[thread] = work
        try:
            time_to_wait = _time_to_wait(arrived) if arrived else WAIT_SECONDS
            media_type = negotiate(accept)
            features = self.handler.preprocess(decode(body, content_type))
            if not self.turn.acquire(blocking=False):
                del self.at_work[thread]  # a wait is no work, and has an end of its own
                if not self.turn.acquire(timeout=time_to_wait):
                    raise RequestError(503, BUSY)
                self.at_work[thread] = (monotonic(), *work[1:])
            try:
                predictions = self.handler.predict(features)
            finally:
                self.turn.release()
            return 200, encode(self.handler.postprocess(predictions), media_type), media_type
        except RequestError as error:
            return error.status, error_body(error.status, str(error)), JSON
        except Exception:
            log.exception("the model failed on a request")
            return 500, error_body(500, "the model failed on this request; the log says why"), JSON
        finally:
            self.at_work.pop(thread, None)
            self._learn(monotonic() - started, len(body))

    def _warm_up(self) -> None:
        if self.handler.row_shape is None:
            return
        row = np.zeros((1, *(size or 1 for size in self.handler.row_shape)))
        self.handler.predict(row)
        started = monotonic()
        self.handler.predict(row)
        self._learn(monotonic() - started, row.nbytes)

    def _learn(self, seconds: float, size: int) -> None:
        self.seconds_per_byte += (seconds / max(size, 1) - self.seconds_per_byte) / 8


def _time_to_wait(arrived: str) -> float:
    """Return how many seconds a request may wait for its turn. Raises RequestError 503 when it has none."""
    try:
        waited = time() - float(arrived)
    except ValueError:
        return WAIT_SECONDS
    if not waited < WAIT_SECONDS:
        raise RequestError(503, BUSY)
    return min(WAIT_SECONDS, WAIT_SECONDS - waited)


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
