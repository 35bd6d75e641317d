# Part of the library: `copier update` replaces this file.
"""Decode request bodies into rows, for each supported content type. answers.py encodes the predictions."""

import contextlib
import io
import os
import re
import struct
from collections.abc import Callable
from functools import cache
from itertools import chain, starmap
from math import isfinite
from typing import Any

import numpy as np
import orjson
from runtime import csv_rows, row_errors
from runtime.row_errors import RequestError, Shape

__all__ = ["CSV", "JSON", "JSON_LINES", "NPY", "RequestError", "Rows", "decode", "to_array"]

JSON = "application/json"
JSON_LINES = "application/jsonlines"
JSON_LINES_TOO = ("application/x-jsonlines", "application/jsonl", "application/x-ndjson")
CSV = "text/csv"
NPY = "application/x-npy"
NUMBER_OR_NULL = (int, float, type(None))
# Bodies are read in pieces: while one is read, no other thread runs, not even the one that answers /ping.
PIECE_BYTES, PIECE_ROWS = 512 * 1024, 2000
LIST_STARTS = re.compile(rb'\s*(\{\s*"instances"\s*:\s*)?\[')
LIST_ENDS = re.compile(rb"\s*\]\s*(\})?\s*\Z")
LIST_END_BYTES = 200
MAX_ROWS = int(os.environ.get("SERVING_MAX_ROWS", "500000"))


class Rows(list[Any]):
    """The rows of a JSON document and its other fields."""

    may_hold_booleans = False  # False only if the text of the document cannot hold any
    signature_name: Any = None
    parameters: Any = None

    def __del__(self) -> None:
        while len(self) > PIECE_ROWS:
            del self[-PIECE_ROWS:]


def decode(body: bytes, content_type: str | None) -> Any:
    """Return the rows in `body`: a list (JSON) or a float array of shape (rows, features).

    Raise RequestError 415 for an unsupported content type, 400 for a malformed body, and 413 for more than
    MAX_ROWS rows.
    """
    rows = DECODERS[checked_type(body, content_type)](body)
    if len(rows) > MAX_ROWS:
        limit_rows(len(rows))
    return rows


def checked_type(body: bytes, content_type: str | None) -> str:
    """Return the media type of a body that is not empty and does not have too many lines."""
    named = (content_type or JSON).partition(";")[0].strip().lower()
    media_type = JSON_LINES if named in JSON_LINES_TOO else named
    if media_type not in DECODERS:
        supported = ", ".join(DECODERS)
        raise RequestError(415, f"Content type {media_type!r} is not supported. Send one of: {supported}.")
    if not body.strip():
        raise RequestError(400, f"The request body is empty. Send rows as {media_type}.")
    if media_type in (CSV, JSON_LINES):
        limit_rows(body.count(b"\n"))  # before they are parsed
    return media_type


def to_array(rows: Any, shape: Shape | None = None, allow_missing: bool = False) -> np.ndarray:
    """Return `rows` as a float64 array of shape (rows, *shape).

    `shape` is the shape of one row; None in it allows any length. With `allow_missing`, missing values
    (null, NaN) become NaN. Raise RequestError 400 if a value is not a number or the rows do not fit. Text and
    booleans are not numbers, although Python would convert them.
    """
    if not isinstance(rows, list):
        return _to_array(rows, shape, allow_missing)
    may_hold_booleans = getattr(rows, "may_hold_booleans", True)
    if len(rows) == 1 and shape and not may_hold_booleans:
        with contextlib.suppress(struct.error, TypeError, OverflowError, ValueError):
            return _one_row(rows[0], shape)
    if len(rows) <= PIECE_ROWS:
        return _to_array(rows, shape, allow_missing, may_hold_booleans)
    arrays = []
    for first in range(0, len(rows), PIECE_ROWS):
        piece = rows[first : first + PIECE_ROWS]
        arrays.append(_to_array(piece, shape, allow_missing, may_hold_booleans, first))
        size, expected = arrays[-1].shape[1:], arrays[0].shape[1:]
        if size != expected:
            raise RequestError(400, row_errors.lengths(first + 1, size, 1, expected))
    return np.concatenate(arrays)


def _one_row(row: Any, shape: Shape) -> np.ndarray:
    """Return a row of finite numbers as an array, in half of the time of `_to_array`. Raise for others."""
    (size,) = shape
    packed = _packer(size)(*row)
    if not size or not isfinite(sum(row)):  # the sum of finite numbers can be infinite, too
        raise ValueError
    return np.frombuffer(bytearray(packed)).reshape(1, size)


@cache
def _packer(size: int) -> Callable[..., bytes]:
    return struct.Struct(f"{size}d").pack


def _to_array(
    rows: Any, shape: Shape | None, allow_missing: bool, may_hold_booleans: bool = False, before: int = 0
) -> np.ndarray:
    """Return rows as an array; `before` is the number of rows that precede them in the request."""
    try:
        array = _read_numbers(rows, shape)
    except ValueError:
        raise RequestError(400, row_errors.length(rows, before)) from None
    if array.size == 0:
        raise RequestError(400, "The request has no rows. Send at least one.")
    if allow_missing and array.dtype == object and all(isinstance(x, NUMBER_OR_NULL) for x in array.flat):
        array = array.astype(np.float64)
    if array.dtype.kind not in "fiub":
        raise RequestError(400, row_errors.no_number(rows, allow_missing, before))
    if array.ndim < 2:
        raise RequestError(400, "Send a list of rows, each a list of numbers: [[1.0, 2.0], [3.0, 4.0]].")
    if array.dtype.kind == "b" or (may_hold_booleans and _holds_booleans(rows)):
        raise RequestError(400, row_errors.boolean(rows, before))
    if shape is not None and not _fits(array.shape[1:], shape):
        raise RequestError(400, row_errors.shape(before + 1, array.shape[1:], shape))
    array = array.astype(np.float64, copy=False)
    if not np.isfinite(array).all() and (np.isinf(array).any() or not allow_missing):
        raise RequestError(400, row_errors.not_finite(array, allow_missing, before))
    return array


def load_json(body: bytes) -> Any:
    """Return the document in a body."""
    document: Any = _decode_in_pieces(body) if len(body) > 2 * PIECE_BYTES else None
    try:
        return document or orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(400, f"The body is not valid JSON: {error}") from None


def parameters(document: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters in a document, next to its rows."""
    given = [document[name] for name in ("parameters", "params") if document.get(name) is not None]
    if len(given) > 1:
        raise RequestError(400, 'The JSON object has both "parameters" and "params". Send one.')
    if not all(isinstance(found, dict) for found in given):
        raise RequestError(400, 'Send "parameters" as an object, such as {"output": "both"}.')
    return given[0] if given else {}


def _decode_json(body: bytes) -> Any:
    found = document = load_json(body)
    if isinstance(document, dict):
        if "instances" not in document:
            raise RequestError(400, 'The JSON object has no "instances". Send {"instances": [[...], ...]}.')
        found = document["instances"]
    if not isinstance(found, list):
        raise RequestError(400, 'Send {"instances": [[...], ...]} or a list of rows.')
    rows = Rows(found)
    if may_hold_booleans(body):
        rows.may_hold_booleans = True
    if found is not document and len(document) > 1:
        rows.signature_name = document.get("signature_name")
        rows.parameters = parameters(document)
    return rows


def _decode_in_pieces(body: bytes) -> list[Any] | None:
    """Return the rows of a long document of numbers, or None if the document must be read as a whole.

    The document has no text, so a piece up to the end of a row is valid JSON only if it has whole rows.
    """
    start, end = LIST_STARTS.match(body), LIST_ENDS.search(body, len(body) - LIST_END_BYTES)
    if not start or not end or bool(start[1]) != bool(end[1]) or body.find(b'"', start.end()) >= 0:
        return None
    rows: list[Any] = []
    at, last = start.end(), end.start()
    ending = body[max(at, last - LIST_END_BYTES) : last]
    depth = len(ending) - len(ending.rstrip(b"]"))
    row_end = b"]" * depth + b","
    while at <= last:
        found = body.find(row_end, at + PIECE_BYTES, last)
        stop = last if found < 0 else found + depth
        try:
            piece = orjson.loads(b"[%b]" % body[at:stop])
        except orjson.JSONDecodeError:
            return None
        if not piece:
            return None
        rows += piece
        at = stop + 1
    return rows


def json_lines(body: bytes) -> list[Any]:
    """Return the document on each line of a body."""
    documents = []
    for number, line in enumerate(body.splitlines(), start=1):
        if line.strip():
            try:
                documents.append(orjson.loads(line))
            except orjson.JSONDecodeError as error:
                raise RequestError(400, f"Line {number} is not valid JSON: {error}") from None
    return documents


def _decode_json_lines(body: bytes) -> Any:
    found = json_lines(body)
    rows = Rows(row["features"] if isinstance(row, dict) and "features" in row else row for row in found)
    rows.may_hold_booleans = may_hold_booleans(body)
    return rows


def _decode_npy(body: bytes) -> np.ndarray:
    file = io.BytesIO(body)
    try:
        array = np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:  # numpy raises many kinds for a malformed header
        raise RequestError(400, f"The body is not a valid .npy file: {error}. Use numpy.save.") from None
    if file.read(1):
        raise RequestError(400, f"The .npy file has too much data for shape {row_errors.text(array.shape)}.")
    if not array.ndim:
        raise RequestError(400, "The .npy file has a single value. Save an array of rows.")
    return array


def limit_rows(rows: int) -> None:
    """Raise RequestError 413 for more than MAX_ROWS rows."""
    if rows > MAX_ROWS:
        raise RequestError(413, f"The request has {rows} rows. The limit is {MAX_ROWS} (SERVING_MAX_ROWS).")


def may_hold_booleans(body: bytes) -> bool:
    """Return True if a JSON body might hold true or false. To search for two letters is fast."""
    first = 12 if body.startswith(b"{") else 0  # past the "t" of {"instances":
    return body.find(b"t", first) >= 0 or body.find(b"f", first) >= 0


def _holds_booleans(rows: list[Any]) -> bool:
    types = set(map(type, chain.from_iterable(rows)))
    return bool in types or (list in types and bool in set(map(type, np.asarray(rows, dtype=object).flat)))


def _read_numbers(rows: Any, shape: Shape | None) -> np.ndarray:
    if isinstance(rows, list) and shape and len(shape) == 1 and shape[0]:
        # If each row has the expected length, this takes a third of the time of numpy.
        with contextlib.suppress(struct.error, TypeError, OverflowError):
            packed = bytearray().join(starmap(_packer(shape[0]), rows))
            return np.frombuffer(packed).reshape(-1, shape[0])
    return np.asarray(rows)


def _fits(shape: tuple[int, ...], expected: Shape) -> bool:
    return len(shape) == len(expected) and all(e in (None, s) for s, e in zip(shape, expected, strict=True))


DECODERS = {JSON: _decode_json, JSON_LINES: _decode_json_lines, CSV: csv_rows.read, NPY: _decode_npy}
