"""Request bytes to rows, and predictions to response bytes, for every content type served."""

import contextlib
import csv
import io
import struct
from itertools import starmap
from typing import Any

import numpy as np
import orjson

JSON = "application/json"
JSON_LINES = "application/jsonlines"
CSV = "text/csv"
NPY = "application/x-npy"
NUMBER_OR_NULL = (int, float, type(None))
Shape = tuple[int | None, ...]


class RequestError(Exception):
    """The caller sent something that cannot be answered: an HTTP status and what to change."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def decode(body: bytes, content_type: str | None) -> Any:
    """Return the rows in `body`: a list as sent (JSON) or a float array of shape (rows, features).

    Raises RequestError: 415 for a content type that is not served, 400 for a malformed body.
    """
    media_type = (content_type or JSON).partition(";")[0].strip().lower()
    if media_type not in DECODERS:
        known = ", ".join(DECODERS)
        raise RequestError(415, f"content type {media_type!r} is not served; send one of {known}")
    if not body.strip():
        raise RequestError(400, f"the request body is empty; send rows as {media_type}")
    return DECODERS[media_type](body)


def to_array(rows: Any, shape: Shape | None = None, allow_missing: bool = False) -> np.ndarray:
    """Return `rows` as a float64 array of shape (rows, *shape), checked number by number.

    `shape` is that of one row, None where any length will do. Missing values (null, NaN) become
    NaN when `allow_missing`. Raises RequestError 400 with the reason when the rows do not fit.
    """
    try:
        array = _read_numbers(rows, shape)
    except ValueError:
        raise RequestError(400, "rows differ in length; send the same number of values in each") from None
    if array.size == 0:
        raise RequestError(400, "there are no rows to predict; send at least one")
    if allow_missing and array.dtype == object and all(isinstance(x, NUMBER_OR_NULL) for x in array.flat):
        array = array.astype(np.float64)
    if array.dtype.kind not in "fiub":
        raise RequestError(400, "every value must be an unquoted number; edit preprocess() for other data")
    if array.ndim < 2:
        raise RequestError(400, "send a list of rows, each row a list of numbers: [[1.0, 2.0], [3.0, 4.0]]")
    if shape is not None and not _fits(array.shape[1:], shape):
        seen, expected = _text(array.shape[1:]), _text(shape)
        raise RequestError(400, f"each row has shape {seen}, the model expects {expected}")
    array = array.astype(np.float64, copy=False)
    if not np.isfinite(array).all() and (np.isinf(array).any() or not allow_missing):
        raise RequestError(400, "missing or infinite values (null, NaN, inf) are not accepted by this model")
    return array


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
    """Return `predictions` (a list, one entry a row, or an array) as bytes of `media_type`."""
    if media_type == JSON:
        return orjson.dumps({"predictions": predictions}, option=orjson.OPT_SERIALIZE_NUMPY)
    if media_type == JSON_LINES:
        return b"".join(orjson.dumps(p, option=orjson.OPT_APPEND_NEWLINE) for p in predictions)
    if media_type == CSV:
        text = io.StringIO()
        rows = (p if isinstance(p, (list, tuple)) else [p] for p in predictions)
        csv.writer(text, lineterminator="\n").writerows(rows)
        return text.getvalue().encode()
    file = io.BytesIO()
    np.save(file, np.asarray(predictions), allow_pickle=False)
    return file.getvalue()


def _decode_json(body: bytes) -> Any:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(400, f"the body is not valid JSON: {error}") from None
    if isinstance(document, dict):
        if "instances" not in document:
            raise RequestError(400, 'the JSON object has no "instances"; send {"instances": [[...], ...]}')
        document = document["instances"]
    if not isinstance(document, list):
        raise RequestError(400, 'send {"instances": [[...], ...]} or a bare list of rows')
    return document


def _decode_json_lines(body: bytes) -> Any:
    rows = []
    for number, line in enumerate(body.splitlines(), start=1):
        if line.strip():
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise RequestError(400, f"line {number} is not valid JSON: {error}") from None
            rows.append(row["features"] if isinstance(row, dict) and "features" in row else row)
    return rows


def _decode_csv(body: bytes) -> np.ndarray:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise RequestError(400, "the CSV body is not UTF-8 text") from None
    with contextlib.suppress(ValueError):
        return np.loadtxt(io.StringIO(text), delimiter=",", comments=None, ndmin=2)
    return _decode_csv_cells(text)


def _decode_csv_cells(text: str) -> np.ndarray:
    """Read CSV cell by cell: slower than loadtxt, but an empty cell is NaN and errors say where."""
    rows: list[list[float]] = []
    for number, cells in enumerate(csv.reader(io.StringIO(text)), start=1):
        row = []
        for column, cell in enumerate(cells, start=1):
            try:
                row.append(float(cell) if cell.strip() else float("nan"))
            except ValueError:
                where = f"CSV row {number}, column {column}"
                raise RequestError(400, f"{where}: {cell[:40]!r} is not a number (send no header)") from None
        if rows and row and len(row) != len(rows[0]):
            raise RequestError(400, f"CSV row {number} has {len(row)} values, the first has {len(rows[0])}")
        if row:
            rows.append(row)
    return np.array(rows)


def _decode_npy(body: bytes) -> np.ndarray:
    file = io.BytesIO(body)
    try:
        array = np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:  # numpy raises many kinds for a malformed header
        raise RequestError(400, f"the body is not a valid .npy file ({error}); use numpy.save") from None
    if file.read(1):
        raise RequestError(400, f"the .npy file is too long for shape {_text(array.shape)}")
    return array


def _read_numbers(rows: Any, shape: Shape | None) -> np.ndarray:
    if isinstance(rows, list) and shape and len(shape) == 1 and shape[0]:
        # A third of the time numpy takes, where every row is what is expected.
        with contextlib.suppress(struct.error, TypeError, OverflowError):
            packed = bytearray().join(starmap(struct.Struct(f"{shape[0]}d").pack, rows))
            return np.frombuffer(packed).reshape(-1, shape[0])
    return np.asarray(rows)


def _fits(shape: tuple[int, ...], expected: Shape) -> bool:
    return len(shape) == len(expected) and all(e in (None, s) for s, e in zip(shape, expected, strict=True))


def _text(shape: Shape) -> str:
    return " x ".join("any" if size is None else str(size) for size in shape) or "scalar"


DECODERS = {JSON: _decode_json, JSON_LINES: _decode_json_lines, CSV: _decode_csv, NPY: _decode_npy}
