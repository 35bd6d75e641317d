# Part of the library: `copier update` replaces this file.
"""Encode predictions in the content type that the request prefers."""

import csv
import io
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
from runtime.codec import CSV, JSON, JSON_LINES, JSON_LINES_TOO, NPY, RequestError

# The content type of responses to requests without Accept, as in the containers of SageMaker.
DEFAULT = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or JSON


def require_default(any_type: bool) -> None:
    """Raise ValueError if no response can have the content type DEFAULT; `any_type` if a hook writes it."""
    if DEFAULT not in ENCODERS and not any_type:
        problem = f"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT is {DEFAULT!r}"
        raise ValueError(f"{problem}; set it to one of {', '.join(ENCODERS)}")


def negotiate(accept: str | None) -> str:
    """Return the supported content type that the header `accept` prefers.

    Raise RequestError 406 if `accept` names no supported type.
    """
    if accept == JSON:
        return JSON
    if not accept or accept == "*/*":
        return DEFAULT
    preferences = []
    for item in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in item.split(";"))
        weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            preferences.append((-float(weight), media_type))
        except ValueError:
            raise RequestError(406, f"In the Accept header, the weight {weight!r} is not a number.") from None
    for priority, preferred in sorted(preferences, key=lambda pair: pair[0]):
        accepted = JSON_LINES if preferred in JSON_LINES_TOO else preferred
        for media_type in (DEFAULT, *ENCODERS):
            if priority < 0 and accepted in (media_type, "*/*", media_type.partition("/")[0] + "/*"):
                return media_type
    raise RequestError(406, f"Cannot respond with {accept!r}. Types to accept: {', '.join(ENCODERS)}.")


def encode(predictions: Any, media_type: str) -> bytes:
    """Return `predictions` (a list with one entry per row, or an array) encoded as `media_type`.

    Raise RequestError 406 if the predictions have named outputs and `media_type` cannot represent names.
    """
    return ENCODERS[media_type](predictions)


def encode_by_output(predictions: Any) -> bytes:
    """Return `predictions` as JSON with the values of each output, as TensorFlow Serving does for `inputs`.

    A single output has no name.
    """
    if len(predictions) and isinstance(predictions[0], dict):
        predictions = {name: [row[name] for row in predictions] for name in predictions[0]}
    return orjson.dumps({"outputs": predictions}, option=orjson.OPT_SERIALIZE_NUMPY)


def _json(predictions: Any) -> bytes:
    return orjson.dumps({"predictions": predictions}, option=orjson.OPT_SERIALIZE_NUMPY)


def _json_lines(predictions: Any) -> bytes:
    return b"".join(orjson.dumps(p, option=orjson.OPT_APPEND_NEWLINE) for p in predictions)


def _csv(predictions: Any) -> bytes:
    _refuse_names(predictions)
    text = io.StringIO()
    rows = (p if isinstance(p, (list, tuple)) else [p] for p in predictions)
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _npy(predictions: Any) -> bytes:
    _refuse_names(predictions)
    file = io.BytesIO()
    np.save(file, np.asarray(predictions), allow_pickle=False)
    return file.getvalue()


def _refuse_names(predictions: Any) -> None:
    if len(predictions) and isinstance(predictions[0], dict):
        raise RequestError(406, f"The model has several outputs. Accept {JSON} or {JSON_LINES}.")


ENCODERS: dict[str, Callable[[Any], bytes]] = {JSON: _json, JSON_LINES: _json_lines, CSV: _csv, NPY: _npy}
