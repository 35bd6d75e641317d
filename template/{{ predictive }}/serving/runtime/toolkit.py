# Part of the library: `copier update` replaces this file.
"""The default functions of an inference.py, and what it imports from the two SageMaker toolkits.

Only the names that scripts use: content types, encoders and decoders, errors, and a response.
"""

import importlib.util
import io
import sys
from types import ModuleType
from typing import Any

import numpy as np
import orjson
from runtime.codec import CSV, JSON, NPY

CONTENT_TYPES = {"JSON": JSON, "CSV": CSV, "NPY": NPY, "OCTET_STREAM": "application/octet-stream"}
UTF8_TYPES = (JSON, CSV)


class UnsupportedFormatError(Exception):
    """A content type that has no decoder or encoder."""

    def __init__(self, content_type: Any, **_kwargs: Any) -> None:
        super().__init__(f"Content type {content_type!r} is not supported. Use {JSON}, {CSV} or {NPY}.")
        self.content_type = content_type


class Response:
    """A response with a body and its content type."""

    def __init__(self, response: Any = None, status: int = 200, mimetype: str = JSON, **_more: Any) -> None:
        if status != 200:
            raise NotImplementedError(
                f"the server does not send status {status} of a script; raise ValueError"
            )
        self.response, self.mimetype = response, mimetype

    def get_data(self) -> bytes:
        """Return the body."""
        body = self.response
        return body.encode() if isinstance(body, str) else bytes(body or b"")


def decode(data: str | bytes, content_type: str) -> np.ndarray:
    """Return a body as an array: float32 for JSON and CSV. Raise UnsupportedFormatError for another type."""
    if content_type == NPY and isinstance(data, bytes):
        loaded: np.ndarray = np.load(io.BytesIO(data), allow_pickle=False)
        return loaded
    if content_type == JSON:
        return np.array(orjson.loads(data), dtype=np.float32)
    if content_type == CSV:
        text = data if isinstance(data, str) else data.decode()
        return np.genfromtxt(io.StringIO(text), dtype=np.float32, delimiter=",")
    raise UnsupportedFormatError(content_type)


def encode(prediction: Any, accept: str) -> str | bytes:
    """Return a prediction as a body: a list without a name in JSON. Raise UnsupportedFormatError."""
    if accept == JSON:
        return orjson.dumps(_data(prediction), option=orjson.OPT_SERIALIZE_NUMPY)
    stream = io.BytesIO()
    if accept == CSV:
        np.savetxt(stream, np.atleast_1d(_data(prediction)), delimiter=",", fmt="%s")
    elif accept == NPY:
        np.save(stream, np.asarray(prediction), allow_pickle=False)
    else:
        raise UnsupportedFormatError(accept)
    return stream.getvalue()


def predict(data: Any, model: Any) -> Any:
    """Return the predictions of a model; an XGBoost booster takes its own kind of matrix."""
    xgboost = sys.modules.get("xgboost")
    if xgboost is None or not isinstance(model, xgboost.Booster):
        return model.predict(data)
    best = model.attr("best_iteration")
    matrix = data if isinstance(data, xgboost.DMatrix) else xgboost.DMatrix(np.atleast_2d(data))
    return model.predict(matrix, iteration_range=(0, 0 if best is None else int(best) + 1))


def without_charset(content_type: str) -> str:
    """Return a content type without `charset=utf-8`, which most scripts do not expect."""
    first, *parameters = (part.strip() for part in content_type.split(";"))
    kept = [part for part in parameters if part.lower().replace('"', "") != "charset=utf-8"]
    return "; ".join([first, *kept])


def offer() -> None:
    """Make both toolkits importable, unless they are installed."""
    content_types = _module("content_types", **CONTENT_TYPES, UTF8_TYPES=UTF8_TYPES)
    encoder, decoder = _module("encoder", encode=encode), _module("decoder", decode=decode)
    errors = _module("errors", UnsupportedFormatError=UnsupportedFormatError)
    worker = _module("worker", Response=Response)
    framework = _module(
        "framework", content_types=content_types, encoders=encoder, worker=worker, errors=errors
    )
    toolkits = {
        "sagemaker_inference": {
            "content_types": content_types,
            "encoder": encoder,
            "decoder": decoder,
            "errors": errors,
        },
        "sagemaker_containers": {"beta": _module("beta", framework=framework), "beta.framework": framework},
    }
    for name, parts in toolkits.items():
        if name not in sys.modules and importlib.util.find_spec(name) is None:
            sys.modules[name] = _module(
                name, **{part: found for part, found in parts.items() if "." not in part}
            )
            sys.modules.update({f"{name}.{part}": found for part, found in parts.items()})


def _module(module_name: str, **names: Any) -> ModuleType:
    module = ModuleType(module_name)
    vars(module).update(names)
    return module


def _data(prediction: Any) -> Any:
    if hasattr(prediction, "to_numpy"):  # of pandas
        prediction = prediction.to_numpy()
    if isinstance(prediction, np.ndarray):
        return prediction.tolist()
    return prediction
