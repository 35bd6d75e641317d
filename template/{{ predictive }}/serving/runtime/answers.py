# Part of the library: `copier update` replaces this file.
"""Predictions to response bytes, in the content type that a request prefers."""

import csv
import io
from typing import Any

import numpy as np
import orjson

from runtime.codec import CSV, DECODERS, JSON, JSON_LINES, RequestError


def negotiate(accept: str | None) -> str:
    """Return the content type to answer with: the first one served in the order `accept` prefers.

    Raises RequestError 406 when `accept` names none that is served.
    """
    if not accept or accept == "*/*" or accept == JSON:
        return JSON
    preferences = []
    for item in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in item.split(";"))
        weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            preferences.append((-float(weight), media_type))
        except ValueError:
            raise RequestError(406, f"Accept weight {weight!r} is not a number") from None
    for priority, wanted in sorted(preferences, key=lambda pair: pair[0]):
        for served in DECODERS:
            if priority < 0 and wanted in (served, "*/*", served.partition("/")[0] + "/*"):
                return served
    raise RequestError(406, f"cannot answer as {accept!r}; accept one of {', '.join(DECODERS)}")


def encode(predictions: Any, media_type: str) -> bytes:
    """Return `predictions` (a list, one entry a row, or an array) as bytes of `media_type`.

    Raises RequestError 406 when a prediction is an object of named outputs and `media_type` has no names.
    """
    if media_type == JSON:
        return orjson.dumps({"predictions": predictions}, option=orjson.OPT_SERIALIZE_NUMPY)
    if media_type == JSON_LINES:
        return b"".join(orjson.dumps(p, option=orjson.OPT_APPEND_NEWLINE) for p in predictions)
    if len(predictions) and isinstance(predictions[0], dict):
        raise RequestError(406, f"the model has several outputs; accept {JSON} or {JSON_LINES}")
    if media_type == CSV:
        text = io.StringIO()
        rows = (p if isinstance(p, (list, tuple)) else [p] for p in predictions)
        csv.writer(text, lineterminator="\n").writerows(rows)
        return text.getvalue().encode()
    file = io.BytesIO()
    np.save(file, np.asarray(predictions), allow_pickle=False)
    return file.getvalue()
