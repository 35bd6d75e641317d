# Part of the library: `copier update` replaces this file.
"""Serve a model with an inference.py for SageMaker's TensorFlow Serving containers, in this process.

The script has input_handler, which returns the JSON body of a request for TensorFlow Serving, and
output_handler, which gets its response: https://github.com/aws/sagemaker-tensorflow-serving-container
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from runtime import script
from runtime.answers import DEFAULT, encode, encode_by_output
from runtime.codec import JSON, RequestError
from runtime.request import Request

PAIR = ("input_handler", "output_handler")


class Context(NamedTuple):
    """The argument `context`. There is no TensorFlow Serving to call, so it has no address."""

    request_content_type: str
    accept_header: str
    custom_attributes: str
    content_length: int
    model_name: str | None = None
    model_version: str | None = None
    method: str = "predict"
    rest_uri: str = ""
    grpc_port: str = ""
    channel: None = None


@dataclass(frozen=True)
class ModelResponse:
    """The response of the model, with the names that a response of `requests` has."""

    status_code: int
    content: bytes
    headers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """True without an error."""
        return self.status_code < 400

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode()

    def json(self) -> Any:
        """Return the document in the body: predictions, outputs or an error."""
        return orjson.loads(self.content)


class Handlers:
    """The two functions of a script, and the model handler that they ask; `decode` reads a body for it."""

    def __init__(self, module: Any, name: str, model: Any, decode: Callable[[bytes, str], Any]) -> None:
        self.name, self.module, self.model, self.decode = name, module, model, decode

    def answer(self, request: Request) -> tuple[bytes, str]:
        """Return the body and content type of the response to a request.

        Raise RequestError if the script or the model rejects the request; other errors are the script's own.
        """
        given = request.content_type or JSON
        wanted = request.accept if request.accept and request.accept != "*/*" else DEFAULT
        context = Context(given, wanted, request.attributes, len(request.body))
        try:
            asked = self.module.input_handler(io.BytesIO(request.body), context)
        except ValueError as error:  # how scripts reject a request
            raise script.rejected(self.name, given, error) from None
        status, body = self._predictions(script.response(asked, JSON)[0])
        try:
            output = self.module.output_handler(ModelResponse(status, body, {"Content-Type": JSON}), context)
        except ValueError:  # how scripts hand on an error of the model
            if status < 400:
                raise
            raise RequestError(status, orjson.loads(body)["error"]) from None
        return script.response(output, wanted)

    def _predictions(self, body: bytes) -> tuple[int, bytes]:
        """Return the status and body that TensorFlow Serving has for a request."""
        try:
            rows = self.decode(body, JSON)
            predictions = self.model.postprocess(self.model.predict(self.model.preprocess(rows)))
        except RequestError as error:
            return error.status, orjson.dumps({"error": str(error)})
        by_output = getattr(rows, "by_input", False)
        return 200, encode_by_output(predictions) if by_output else encode(predictions, JSON)


def found_in(module: Any, name: str) -> bool:
    """Return whether a script has the two functions. Raise InvalidScript for others of TensorFlow Serving."""
    if hasattr(module, "model_fn"):
        return False
    if hasattr(module, "handler"):
        problem = f"{name} has handler, which calls TensorFlow Serving itself. This server does not run it."
        raise script.InvalidScript(f"{problem} Write input_handler and output_handler instead.")
    found = [function for function in PAIR if hasattr(module, function)]
    if len(found) == 1:
        raise script.InvalidScript(f"{name} has {found[0]} alone. Write {' and '.join(PAIR)}.")
    return bool(found)
