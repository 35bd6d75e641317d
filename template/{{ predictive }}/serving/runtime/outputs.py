# Part of the library: `copier update` replaces this file.
"""The outputs of a classifier: labels, the probabilities of its classes, or both."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
from runtime.answers import encode
from runtime.codec import CSV, JSON, JSON_LINES, NPY, RequestError
from runtime.request import Reply

LABELS, PROBABILITIES, BOTH = OUTPUTS = ("labels", "probabilities", "both")
DEFAULT = os.environ.get("SERVING_OUTPUT") or LABELS


class Outputs:
    """The outputs of a model. It has probabilities if its handler has `predict_proba` and `classes`."""

    def __init__(self, handler: Any) -> None:
        self.handler = handler
        self.predict_proba = getattr(handler, "predict_proba", None)
        classes: Any = getattr(handler, "classes", None)
        is_multi_output = isinstance(classes, list)
        self.classes = (
            [np.asarray(c).tolist() for c in classes] if is_multi_output else np.ravel(classes).tolist()
        )
        if DEFAULT not in OUTPUTS:
            raise ValueError(f"SERVING_OUTPUT is {DEFAULT!r}; set it to one of {', '.join(OUTPUTS)}")
        if DEFAULT != LABELS and self.predict_proba is None:
            raise ValueError(
                f"SERVING_OUTPUT is {DEFAULT}, but the model has no predict_proba; set it to labels"
            )

    def described(self) -> dict[str, Any]:
        """Return the classes and the default output for /ping, {} for a model without probabilities."""
        return {"classes": self.classes, "output": DEFAULT} if self.predict_proba else {}

    def chosen(self, parameters: Any) -> str:
        """Return the output that a request asks for, or the default."""
        output = parameters.get("output", DEFAULT)
        if output not in OUTPUTS:
            raise RequestError(400, f'"output" is {str(output)[:40]!r}. Send one of: {", ".join(OUTPUTS)}.')
        if output != LABELS and self.predict_proba is None:
            raise RequestError(400, f'"output" is {output!r}, but the model has no predict_proba.')
        return str(output)

    def predict(self, features: Any, output: str) -> Any:
        """Return the predictions for an output; for `both`, a pair."""
        if output == LABELS:
            return self.handler.predict(features)
        assert self.predict_proba is not None
        if output == PROBABILITIES:
            return self.predict_proba(features)
        return self.handler.predict(features), self.predict_proba(features)

    def encode(
        self, predicted: Any, output: str, media_type: str, postprocess: Callable[[Any], Any]
    ) -> bytes | Reply:
        """Return predictions in a content type, or the reply that `postprocess` returned.

        Raise RequestError 406 if the content type cannot hold them.
        """
        if output == PROBABILITIES:
            rows = _by_row(predicted)
            if media_type == JSON:
                return orjson.dumps({"predictions": rows, "classes": self.classes})
            return encode(rows if media_type == JSON_LINES else list(map(_flat, rows)), media_type)
        labels = postprocess(predicted if output == LABELS else predicted[0])
        if isinstance(labels, Reply):
            return labels
        if output == LABELS:
            return encode(labels, media_type)
        rows = _by_row(predicted[1])
        if media_type == JSON:
            return orjson.dumps({"predictions": labels, "probabilities": rows, "classes": self.classes})
        if media_type == JSON_LINES:
            return encode(_pairs(labels, rows), media_type)
        flat = [[*_flat([label]), *_flat(row)] for label, row in zip(labels, rows, strict=True)]
        if media_type == NPY and any(isinstance(value, str) for value in flat[0]):
            raise RequestError(406, f"An array cannot hold text labels and numbers. Accept {JSON} or {CSV}.")
        return encode(flat, media_type)

    def entries(self, predicted: Any, output: str, postprocess: Callable[[Any], Any]) -> Any:
        """Return the argument of a handler's encode(): the result of postprocess, or one entry per row."""
        if output == PROBABILITIES:
            return _by_row(predicted)
        labels = postprocess(predicted if output == LABELS else predicted[0])
        if output == LABELS or isinstance(labels, Reply):
            return labels
        return _pairs(labels, _by_row(predicted[1]))


def _pairs(labels: list[Any], rows: list[Any]) -> list[dict[str, Any]]:
    pairs = zip(labels, rows, strict=True)
    return [{"prediction": label, "probabilities": row} for label, row in pairs]


def _by_row(probabilities: Any) -> list[Any]:
    """Return one list per row; with several outputs, the list has a list for each of them."""
    if isinstance(probabilities, list):
        return [list(row) for row in zip(*(np.asarray(p).tolist() for p in probabilities), strict=True)]
    rows: list[Any] = np.asarray(probabilities).tolist()
    return rows


def _flat(values: list[Any]) -> list[Any]:
    return [inner for value in values for inner in (value if isinstance(value, list) else [value])]
