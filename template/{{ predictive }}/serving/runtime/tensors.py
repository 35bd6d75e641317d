# Part of the library: `copier update` replaces this file.
"""Rows of a model with several inputs: objects with a value for each input, or the values by input."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from runtime import codec
from runtime.codec import JSON, JSON_LINES, RequestError
from runtime.row_errors import Shape

DEFAULT_SIGNATURE = "serving_default"  # what clients of TensorFlow Serving send for every model


@dataclass(frozen=True)
class Input:
    """An input of a model: its name, the shape of one row (None: any size), and its type; `str` for text."""

    name: str
    shape: Shape
    dtype: Any

    @property
    def is_text(self) -> bool:
        """True for text."""
        return self.dtype is str

    @property
    def is_named(self) -> bool:
        """True if the rows are no lists of numbers, for which to_array is faster."""
        return self.is_text or not self.shape

    def described(self) -> dict[str, Any]:
        """Return the input for /ping."""
        kind = "string" if self.is_text else np.dtype(self.dtype).name
        return {"name": self.name, "shape": list(self.shape), "type": kind}

    def zero(self) -> Any:
        """Return a value of one row, for the warm-up."""
        return of_shape(self.shape, "" if self.is_text else 0)


def of_shape(shape: Sequence[int | None], value: Any) -> Any:
    """Return nested lists of a shape, filled with a value; a dimension of any size has one entry."""
    for size in reversed(shape):
        value = [value] * (size or 1)
    return value


class ByInput(dict[str, list[Any]]):
    """The values of each input. The response has those of each output if the request was `by_input`, too."""

    by_input = False
    signature_name: Any = None
    parameters: Any = None


def decode(body: bytes, content_type: str | None) -> Any:
    """Return the rows of a body: `ByInput`, or what the codec returns for rows without names."""
    media_type = codec.checked_type(body, content_type)
    if media_type == JSON_LINES:
        lines = codec.json_lines(body)
        return _of_objects(lines) if isinstance(lines[0], dict) else codec.decode(body, content_type)
    document: Any = codec.load_json(body) if media_type == JSON else None
    found = document.get("inputs", document.get("instances")) if isinstance(document, dict) else document
    if isinstance(document, dict) and {"inputs", "instances"} <= document.keys():
        raise RequestError(400, 'The JSON object has both "inputs" and "instances". Send one.')
    if isinstance(found, dict) and "inputs" in document:
        rows = ByInput({name: _listed(name, values) for name, values in found.items()})
        rows.by_input = True
    elif isinstance(found, list) and found and isinstance(found[0], dict):
        rows = _of_objects(found)
    else:
        return codec.decode(body, content_type)
    codec.limit_rows(max(map(len, rows.values()), default=0))
    if isinstance(document, dict):
        rows.signature_name, rows.parameters = document.get("signature_name"), codec.parameters(document)
    return rows


def decode_numbers(body: bytes, content_type: str | None) -> Any:
    """Return the rows of a body for a model with one input of numbers: `ByInput` for objects in `inputs`."""
    return (decode if b'"inputs"' in body else codec.decode)(body, content_type)


def named(handler: Any) -> Sequence[Input]:
    """Return the inputs of a model that takes rows by the names of its inputs, () for other models."""
    return getattr(handler, "inputs", ()) if handler.row_shape is None else ()


def arrays(rows: Any, inputs: Sequence[Input]) -> dict[str, np.ndarray]:
    """Return the array of each input, of its type and shape (rows, *shape). Raise RequestError 400.

    Rows without names are taken in the order of the inputs if each input has one value per row.
    """
    names = [item.name for item in inputs]
    if not isinstance(rows, ByInput):
        rows = _in_order(rows, inputs)
    lacking, unknown = set(names) - rows.keys(), rows.keys() - set(names)
    if lacking or unknown:
        problem = f"lacks {min(lacking)!r}" if lacking else f"has {min(unknown)[:40]!r}, which is no input"
        raise RequestError(400, f"The request {problem}. The inputs are: {', '.join(names)}.")
    first, count = names[0], len(rows[names[0]])
    if other := next((name for name in names if len(rows[name]) != count), ""):
        found = f"Input {first!r} has {count} rows, but input {other!r} has {len(rows[other])}."
        raise RequestError(400, found)
    return {item.name: _array(rows[item.name], item) for item in inputs}


def refuse_signature(rows: Any, known: Sequence[str] = (DEFAULT_SIGNATURE,)) -> None:
    """Raise RequestError 400 if a request names a signature that the model does not have."""
    name = getattr(rows, "signature_name", None)
    if name is not None and name not in list(known):
        shown = repr(name)[:40]
        raise RequestError(400, f"The model has no signature {shown}. It has: {', '.join(sorted(known))}.")


def _of_objects(found: list[Any]) -> ByInput:
    for number, row in enumerate(found, start=1):
        if not isinstance(row, dict):
            raise RequestError(400, f"Row {number} is not an object, unlike the first row.")
        if row.keys() != found[0].keys():
            name = min(row.keys() ^ found[0].keys())
            raise RequestError(400, f"Row {number} and row 1 differ: only one of them has {name[:40]!r}.")
    return ByInput({name: [row[name] for row in found] for name in found[0]})


def _listed(name: str, values: Any) -> list[Any]:
    if not isinstance(values, list):
        raise RequestError(400, f'In "inputs", {name[:40]!r} is not a list with one entry per row.')
    return values


def _in_order(rows: Any, inputs: Sequence[Input]) -> ByInput:
    values = rows.tolist() if isinstance(rows, np.ndarray) else list(rows)
    if len(inputs) == 1:
        return ByInput({inputs[0].name: values})
    names = ", ".join(item.name for item in inputs)
    if any(prod(size or 0 for size in item.shape) != 1 for item in inputs):
        raise RequestError(400, f"The model has several inputs: {names}. Send objects with these names.")
    for number, row in enumerate(values, start=1):
        if not isinstance(row, list) or len(row) != len(inputs):
            raise RequestError(400, f"Row {number} does not have one value for each input: {names}.")
    return ByInput({item.name: [row[at] for row in values] for at, item in enumerate(inputs)})


def _array(values: list[Any], item: Input) -> np.ndarray:
    """Return the values of one input as an array."""
    if prod(size or 0 for size in item.shape) == 1:  # a value can also be sent without a list around it
        values = [value if isinstance(value, list) else _nested(value, item.shape) for value in values]
    if not values:
        raise RequestError(400, "The request has no rows. Send at least one.")
    if item.is_text:
        return _texts(values, item)
    shape, is_float = item.shape or (1,), np.dtype(item.dtype).kind == "f"
    try:
        numbers = codec.to_array(values, shape, allow_missing=is_float)
    except RequestError as error:
        raise RequestError(error.status, f"Input {item.name!r}: {error}") from None
    with np.errstate(invalid="ignore", over="ignore"):
        array = numbers.astype(item.dtype)
    if np.isinf(array).any() if is_float else not np.array_equal(array, numbers):
        kind = np.dtype(item.dtype).name
        raise RequestError(400, f"Input {item.name!r} takes {kind} numbers; a value of the request is none.")
    return array.reshape(len(values), *array.shape[1:] if item.shape else ())


def _texts(values: list[Any], item: Input) -> np.ndarray:
    try:
        array = np.array(values, dtype=object)
    except ValueError:
        array = np.empty(0, dtype=object)
    shape = array.shape[1:]
    fits = len(shape) == max(1, len(item.shape)) and all(
        expected in (None, size) for size, expected in zip(shape, item.shape, strict=False)
    )
    if not array.size or not fits or not all(isinstance(value, str) for value in array.flat):
        raise RequestError(400, f"Input {item.name!r} is not text of shape {list(item.shape)} in each row.")
    return array.reshape(len(values), *shape if item.shape else ())


def _nested(value: Any, shape: Shape) -> Any:
    for _ in range(max(1, len(shape))):
        value = [value]
    return value


def example(inputs: Sequence[Input]) -> Mapping[str, Any]:
    """Return a row of zeros and empty texts."""
    return {item.name: item.zero() for item in inputs}
