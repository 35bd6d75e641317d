# Part of the library: `copier update` replaces this file.
"""Serve a model by its inference.py, with the functions of SageMaker's framework containers.

The script is code/inference.py next to the model. It has model_fn, and either transform_fn or any of
input_fn, predict_fn and output_fn. Their contract and defaults are those of the SageMaker Inference Toolkit:
https://github.com/aws/sagemaker-inference-toolkit
"""

import importlib.util
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from runtime import toolkit
from runtime.answers import DEFAULT
from runtime.codec import JSON, RequestError
from runtime.request import Request

DEFAULTS: dict[str, Callable[..., Any]] = {
    "input_fn": toolkit.decode,
    "predict_fn": toolkit.predict,
    "output_fn": toolkit.encode,
}
ARGUMENTS = {"model_fn": 1, "input_fn": 2, "predict_fn": 2, "output_fn": 2, "transform_fn": 4}
MESSAGE_LENGTH = 300


class InvalidScript(Exception):
    """The script cannot serve a model: the cause, and what to change."""


@dataclass(frozen=True)
class Context:
    """The argument `context`, which a function takes after the others if it has a parameter for it."""

    model_dir: str
    content_type: str = ""
    accept: str = ""
    request: Request | None = None  # None while the model is loaded

    @property
    def system_properties(self) -> dict[str, Any]:
        """The location of the model. The server has no GPU."""
        return {"model_dir": self.model_dir, "gpu_id": None}

    @property
    def custom_attributes(self) -> str:
        """The CustomAttributes of InvokeEndpoint, "" without them."""
        return self.request.attributes if self.request else ""

    def get_request_header(self, _index: int, name: str) -> str | None:
        """Return a header of the request, None if it does not have it."""
        known = {"content-type": self.content_type, "accept": self.accept}
        if name.lower() in known or not self.request:
            return known.get(name.lower())
        return self.request.headers.get(name.lower())

    def get_all_request_header(self, _index: int) -> dict[str, str]:
        """Return the headers of the request, with names in lower case."""
        given = self.request.headers if self.request else {}
        return {**given, "content-type": self.content_type, "accept": self.accept}


def find_script(model_dir: Path) -> Path | None:
    """Return the script of the model in a directory, None if it has none.

    SAGEMAKER_PROGRAM is its name, SAGEMAKER_SUBMIT_DIRECTORY its directory. Raise InvalidScript if that is
    in S3.
    """
    directory = os.environ.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
    if directory.startswith("s3://"):
        problem = f"SAGEMAKER_SUBMIT_DIRECTORY is {directory}, which this server does not download."
        raise InvalidScript(f"{problem} Put the script in code/ of the model archive.")
    path = Path(directory or model_dir / "code") / os.environ.get("SAGEMAKER_PROGRAM", "inference.py")
    if path.is_file():
        return path
    if directory or "SAGEMAKER_PROGRAM" in os.environ:
        raise InvalidScript(f"There is no script {path}. See SAGEMAKER_PROGRAM, SAGEMAKER_SUBMIT_DIRECTORY.")
    return None


class Script:
    """The functions of an inference.py, and the model that its model_fn returned."""

    def __init__(self, module: Any, name: str, model_dir: Path) -> None:
        self.name, self.model_dir = name, str(model_dir)
        self.functions = {**DEFAULTS, **functions_of(module, self.name)}
        self.with_context = {
            name
            for name, function in self.functions.items()
            if len(inspect.signature(function).parameters) > ARGUMENTS[name]
        }
        self.model = self.call("model_fn", Context(self.model_dir), self.model_dir)

    def answer(self, request: Request) -> tuple[bytes, str]:
        """Return the body and content type of the response to a request.

        Raise RequestError 400, 406 or 415 if the script rejects the request; other errors are its own.
        """
        given = toolkit.without_charset(request.content_type or JSON)
        wanted = request.accept if request.accept and request.accept != "*/*" else DEFAULT
        context = Context(self.model_dir, given, wanted, request)
        data = text_of(request.body) if given in toolkit.UTF8_TYPES else request.body
        try:
            if "transform_fn" in self.functions:
                output = self.call("transform_fn", context, self.model, data, given, wanted)
            else:
                features = self._input(context, data, given)
                prediction = self.call("predict_fn", context, features, self.model)
                output = self.call("output_fn", context, prediction, wanted)
        except toolkit.UnsupportedFormatError as error:
            raise RequestError(415 if error.content_type == given else 406, str(error)) from None
        return response(output, wanted)

    def call(self, name: str, context: Context, *arguments: Any) -> Any:
        """Call a function of the script, with the context if it has a parameter for it."""
        function = self.functions[name]
        return function(*arguments, context) if name in self.with_context else function(*arguments)

    def _input(self, context: Context, data: str | bytes, content_type: str) -> Any:
        try:
            return self.call("input_fn", context, data, content_type)
        except ValueError as error:  # how scripts reject a request
            raise rejected(self.name, content_type, error) from None


def functions_of(module: Any, name: str) -> dict[str, Callable[..., Any]]:
    """Return the functions that a script defines. Raise InvalidScript if they cannot serve a model."""
    found = {function: getattr(module, function) for function in ARGUMENTS if hasattr(module, function)}
    if "model_fn" not in found:
        raise InvalidScript(f"{name} has no model_fn(model_dir), which loads the model.")
    if "transform_fn" in found and (others := [function for function in DEFAULTS if function in found]):
        problem = f"{name} has transform_fn, which replaces {', '.join(others)}."
        raise InvalidScript(f"{problem} Delete one or the other.")
    return found


def imported(path: Path) -> Any:
    """Import a script by its path. Files next to it can be imported, too.

    Raise InvalidScript if a package is missing.
    """
    sys.path.insert(0, str(path.parent))
    toolkit.offer()
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise InvalidScript(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # pickles name the classes of the script by this module
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        problem = f"{path.name} imports {error.name}, which is not installed."
        raise InvalidScript(f"{problem} Add the package to requirements.in, and run do/lock.") from error
    return module


def rejected(name: str, content_type: str, error: ValueError) -> RequestError:
    """Return the response to a request that a script rejects: 415 if the message names the content type."""
    reason = f"{name} rejects the request: {error}"[:MESSAGE_LENGTH]
    names_type = content_type in str(error) or "content type" in str(error).lower().replace("_", " ")
    return RequestError(415 if names_type else 400, reason)


def text_of(body: bytes) -> str:
    """Return a body as text. Raise RequestError 400 if it is not UTF-8."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise RequestError(400, "The body is not UTF-8 text.") from None


def response(output: Any, accept: str) -> tuple[bytes, str]:
    """Return the body and content type of what output_fn or transform_fn returned.

    That is a body, a pair of body and content type, an object such as Flask's Response, or data for JSON.
    """
    if hasattr(output, "get_data") and hasattr(output, "mimetype"):
        return output.get_data(), output.mimetype
    media_type = accept
    if isinstance(output, tuple) and len(output) == 2 and isinstance(output[1], str):
        output, media_type = output
    if isinstance(output, str):
        return output.encode(), media_type
    if isinstance(output, (bytes, bytearray)):
        return bytes(output), media_type
    data = output.tolist() if isinstance(output, np.generic) else output
    return orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY), JSON
