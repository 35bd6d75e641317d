# Part of the library: `copier update` replaces this file.
"""The steps of a request, for both web frameworks: decode, preprocess, predict, postprocess, encode."""

import gc
import logging
import os
import sys
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from threading import Lock, get_ident
from time import monotonic, time
from typing import Any, NoReturn

import orjson
from model_handler import ModelHandler
from runtime import answers, examples, handlers, hooks, recorded, tensors, warm_up
from runtime.answers import encode, encode_by_output, negotiate
from runtime.artifacts import LARGEST_HASHED, NOT_MODELS
from runtime.codec import JSON, MAX_ROWS, RequestError, decode
from runtime.hooks import Hooks
from runtime.outputs import DEFAULT, LABELS, Outputs
from runtime.request import NO_HEADERS, Reply, Request, Response
from runtime.script import InvalidScript, Script, find_script, imported

QUICK_SECONDS = 0.05
GC_THRESHOLD = 20_000  # objects, because a request of 1,000 rows creates thousands of lists
MAX_BODY_BYTES = 25 * 1024 * 1024
LARGE_BODY_BYTES = 1024 * 1024
PREDICT_SECONDS = float(os.environ.get("SERVING_PREDICT_SECONDS", "60"))
WAIT_SECONDS = 0.9 * PREDICT_SECONDS  # after this time, too little is left to predict
logging.basicConfig(level=os.environ.get("SERVING_LOG_LEVEL", "warning").upper())
log = logging.getLogger("serving")
BUSY = (
    f"The model is busy: the request waited {WAIT_SECONDS:g} s. "
    "Send fewer concurrent requests or add instances."
)
Work = tuple[float, str | None, int]
ROUTES = "Use GET /ping or POST /invocations."


class Inference:
    """A loaded model that answers requests."""

    def __init__(self) -> None:
        self.handler = ModelHandler()
        self.table: Any = None  # of a model that was trained on named columns
        self.decode: Callable[[bytes, str | None], Any] = decode
        self.hooks: Hooks | None = None  # of a handler whose hooks take the request
        self.examples = examples.Examples()
        self.seconds_per_byte = 0.0
        # Prediction is bound by the CPU, so a process predicts one request at a time.
        self.turn = Lock()
        # Decoding a large body needs ten times its size in memory, so a process decodes one at a time.
        self.large = Lock()
        # The request of each thread: start time, content type and size of the body.
        self.at_work: dict[int, Work] = {}
        model_dir = Path(os.environ.get("MODEL_DIR", "/opt/ml/model"))
        self.model_dir = model_dir
        # Of a model with code/inference.py, in place of the handler.
        self.script: Script | handlers.Handlers | None = None
        try:
            self.script_path = find_script(model_dir)
            self.path = self.script_path or find_model(model_dir, self.handler.MODEL_FILE)
        except InvalidScript as error:
            give_up(str(error))
        except FileNotFoundError as error:
            give_up(f"no model in {model_dir}: {error}")
        except PermissionError as error:
            give_up(f"cannot read the model: {error}; grant SERVING_USER access, or set SERVING_USER=root")
        if not self.handler.LOAD_AFTER_FORK:
            self.load()

    def status(self) -> bytes:
        """Return the body of /ping: a description of the rows, and their maximum number in a request."""
        return self.described

    def describe(self) -> dict[str, Any]:
        """Return the content of /ping: the shape of a row, and the columns and an example row of a table."""
        if self.script:
            return {"row_shape": None, "max_rows": MAX_ROWS, "script": self.script.name}
        about: dict[str, Any] = {"row_shape": self.handler.row_shape, "max_rows": MAX_ROWS}
        if self.table:
            about["columns"] = [column.described() for column in self.table.columns]
            about["example"] = self.table.example
        if served := getattr(self.handler, "served", None):
            about["path"] = served.path
        if inputs := tensors.named(self.handler):
            about["inputs"] = [item.described() for item in inputs]
        return {**about, **self.outputs.described(), **hooks.own_types(self.handler)}

    def load(self) -> None:
        """Load and warm up the model. Exit with code 3 if that fails."""
        try:
            if self.script_path:
                self._load_script(self.script_path)
            else:
                self._load_model()
        except InvalidScript as error:
            give_up(str(error))
        except Exception as error:
            log.debug("loading failed", exc_info=True)
            reason = " ".join(str(error).split())[:300]
            give_up(f"cannot load the model {self.path}: {type(error).__name__}: {reason}")
        # The garbage collector skips frozen objects, so forked workers continue to share their memory.
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD)
        gc.enable()

    def _load_script(self, path: Path) -> None:
        module, name = imported(path), f"{path.parent.name}/{path.name}"
        if handlers.found_in(module, name):
            self.path = find_model(self.model_dir, self.handler.MODEL_FILE)
            self._load_handler()
            self.script = handlers.Handlers(module, name, self.handler, self.decode)
        else:
            self.script = Script(module, name, self.model_dir)
        self.described = orjson.dumps(self.describe())
        print(f"serve: {self.script.name} of the model answers requests", file=sys.stderr)
        self.examples = examples.read(self.model_dir, quick=True)
        warm_up.run(self.answer, self.examples, None)

    def _load_handler(self) -> None:
        if changed := recorded.difference(self.path, LARGEST_HASHED):
            print(f"serve: {self.path.name} is not the model in about.json: {changed}", file=sys.stderr)
        self.handler.load(self.path)
        self.table = getattr(self.handler, "table", None)
        own = getattr(self.handler, "read_body", None) or decode
        read, of_rows = (self.table.decode, self.table.rows) if self.table else (own, None)
        self.decode, self.hooks = hooks.add_types(self.handler, read, of_rows), hooks.of(self.handler)
        answers.require_default(any_type=bool(self.hooks and self.hooks.encodes))
        self.outputs = Outputs(self.handler)

    def _load_model(self) -> None:
        self._load_handler()
        self.described = orjson.dumps(self.describe())
        self.examples = examples.read(self.model_dir, self.path, quick=True)
        self._warm_up()

    def is_quick(self, body: bytes) -> bool:
        """Return True if `answer` is expected to finish soon, based on recent requests."""
        return not self.turn.locked() and self.seconds_per_byte * len(body) <= QUICK_SECONDS

    def answer(
        self,
        body: bytes,
        content_type: str | None,
        accept: str | None,
        arrived: str | None,
        source: Mapping[str, Any] | None = None,
    ) -> Response:
        """Return the status, body, content type and additional headers of the response to one request.

        `arrived` is the arrival time from nginx, in seconds since the epoch; None without nginx. `source` is
        the WSGI environment or the headers, for hooks that need more of the request.
        """
        thread, started = get_ident(), monotonic()
        work = (started, content_type, len(body))
        self.at_work[thread] = work
        try:
            time_to_wait = _time_to_wait(arrived) if arrived else WAIT_SECONDS
            if self.script:
                request = Request(body, content_type, accept, source)
                return self._answer_by_script(self.script, request, time_to_wait)
            if self.hooks:
                request = Request(body, content_type, accept, source)
                return self._answer_by_hooks(self.hooks, request, work, time_to_wait)
            media_type = negotiate(accept)
            rows = self.decode(body, content_type)
            parameters = getattr(rows, "parameters", None)
            output = DEFAULT if parameters is None else self._chosen(rows, parameters)
            predictions = self._predict(self.handler.preprocess(rows), output, work, time_to_wait)
            return self._encoded(rows, predictions, output, media_type, self.handler.postprocess)
        except RequestError as error:
            return error.status, error_body(error.status, str(error)), JSON, NO_HEADERS
        except Exception:
            log.exception("The model failed on a request:")
            failed = error_body(500, "The model failed on this request. See the server log.")
            return 500, failed, JSON, NO_HEADERS
        finally:
            self.at_work.pop(thread, None)
            self._learn(monotonic() - started, len(body))

    def _answer_by_hooks(self, found: Hooks, request: Request, work: Work, time_to_wait: float) -> Response:
        media_type = "" if found.encodes else negotiate(request.accept)
        rows = found.decode(request, self.decode)
        request.parameters = getattr(rows, "parameters", None) or {}
        output = self._chosen(rows, request.parameters)
        predictions = self._predict(found.preprocess(rows, request), output, work, time_to_wait)
        postprocess = found.postprocess(request)
        if not found.encodes:
            return self._encoded(rows, predictions, output, media_type, postprocess)
        entries = self.outputs.entries(predictions, output, postprocess)
        return (entries if isinstance(entries, Reply) else found.encode(entries, request)).sent()

    def _chosen(self, rows: Any, parameters: dict[str, Any]) -> str:
        """Return the output that a request asks for. Raise RequestError for a signature of another model."""
        if not hasattr(self.handler, "signatures"):
            tensors.refuse_signature(rows)
        return self.outputs.chosen(parameters)

    def _encoded(
        self, rows: Any, predictions: Any, output: str, media_type: str, postprocess: Callable[[Any], Any]
    ) -> Response:
        if output == LABELS:
            answered = postprocess(predictions)
            if isinstance(answered, Reply):
                return answered.sent()
            by_output = media_type == JSON and getattr(rows, "by_input", False)
            body = encode_by_output(answered) if by_output else encode(answered, media_type)
            return 200, body, media_type, NO_HEADERS
        encoded = self.outputs.encode(predictions, output, media_type, postprocess)
        return encoded.sent() if isinstance(encoded, Reply) else (200, encoded, media_type, NO_HEADERS)

    def _predict(self, features: Any, output: str, work: Work, time_to_wait: float) -> Any:
        """Return the predictions for an output. One request of a process predicts at a time."""
        if not self.turn.acquire(blocking=False):
            self._wait_for_turn(work, time_to_wait)
        try:
            if output == LABELS:
                return self.handler.predict(features)
            return self.outputs.predict(features, output)
        finally:
            self.turn.release()

    def _answer_by_script(
        self, script: Script | handlers.Handlers, request: Request, time_to_wait: float
    ) -> Response:
        self._wait_for_turn((monotonic(), request.content_type, len(request.body)), time_to_wait)
        try:
            return 200, *script.answer(request), NO_HEADERS
        finally:
            self.turn.release()

    def _wait_for_turn(self, work: Work, seconds: float) -> None:
        """Acquire `turn`. The time limit of the request starts after the wait. Raise RequestError 503."""
        thread = get_ident()
        del self.at_work[thread]
        if not self.turn.acquire(timeout=seconds):
            raise RequestError(503, BUSY)
        self.at_work[thread] = (monotonic(), *work[1:])

    def _warm_up(self) -> None:
        if own := getattr(self.handler, "warm_up", None):
            own()
        else:
            warm_up.run(self.answer, self.examples, warm_up.derived(self.handler))

    def _learn(self, seconds: float, size: int) -> None:
        self.seconds_per_byte += (seconds / max(size, 1) - self.seconds_per_byte) / 8


def _time_to_wait(arrived: str) -> float:
    """Return the seconds that a request can wait for its turn. Raise RequestError 503 if none are left."""
    try:
        waited = time() - float(arrived)
    except ValueError:
        return WAIT_SECONDS
    if not waited < WAIT_SECONDS:
        raise RequestError(503, BUSY)
    return min(WAIT_SECONDS, WAIT_SECONDS - waited)


def error_body(status: int, message: str) -> bytes:
    """Return the JSON body of an error."""
    return orjson.dumps({"error": HTTPStatus(status).phrase, "message": message})


def routing_error(status: int, method: str, path: str) -> bytes:
    """Return the JSON body of an error that occurs before the request is read."""
    messages = {
        404: f"There is no route {path}. {ROUTES}",
        405: f"{path} does not support {method}. {ROUTES}",
        413: f"The request body is over {MAX_BODY_BYTES // 1024**2} MB.",
    }
    return error_body(status, messages.get(status, f"Cannot process {method} {path}."))


def find_model(directory: Path, name: str) -> Path:
    """Return the model in `directory`: the entry called `name`, or the only one with that extension.

    A `name` without an extension is a SavedModel directory, which can also be `directory` itself.
    Raise FileNotFoundError if there is no model or more than one.
    """
    if (directory / name).exists():
        return directory / name
    if ending := Path(name).suffix:
        found = sorted(path for path in directory.glob(f"*{ending}") if path.name not in NOT_MODELS)
    else:
        found = sorted(path.parent for path in directory.glob("**/saved_model.pb"))
    if len(found) == 1:
        return found[0]
    seen = f"found {', '.join(path.name for path in found)}" if found else "found none"
    raise FileNotFoundError(f"expected {name}, {seen}")


def give_up(reason: str) -> NoReturn:
    """Print the reason and exit with code 3. gunicorn does not restart a worker that exits with 3."""
    print(f"serve: {reason}", file=sys.stderr)
    sys.exit(3)
