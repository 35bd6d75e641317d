# Part of the library: `copier update` replaces this file.
"""The OpenAPI document, derived from the loaded model: the columns of its rows, and a row that it takes."""

from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field
from runtime.codec import CSV, JSON, JSON_LINES, NPY
from runtime.inference import Inference
from runtime.outputs import OUTPUTS

BINARY = {"type": "string", "format": "binary"}
TEXT = {"type": "string"}


class Predictions(BaseModel):
    """The predictions of the model."""

    predictions: list[Any] = Field(description="One prediction per row.")


class Error(BaseModel):
    """An error, and how to fix the request."""

    error: str = Field(description="The name of the HTTP status.", examples=["Bad Request"])
    message: str = Field(
        description="The problem, with its row and column if they are known.",
        examples=["Row 1 has 7 values. The model expects 8 values."],
    )


RESPONSE_CONTENT: dict[str, Any] = {JSON: {}, JSON_LINES: {"schema": TEXT}, CSV: {"schema": TEXT}}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "One prediction per row.",
        "model": Predictions,
        "content": {**RESPONSE_CONTENT, NPY: {"schema": BINARY}},
    },
    400: {"description": "The body is malformed, or its rows do not fit the model.", "model": Error},
    406: {"description": "The Accept header names no supported content type.", "model": Error},
    413: {"description": "The body is over 25 MB or has too many rows.", "model": Error},
    415: {"description": "The content type is not supported.", "model": Error},
    503: {"description": "The model is busy. Retry later.", "model": Error},
}


def document(app: FastAPI, inference: Inference) -> dict[str, Any]:
    """Return the OpenAPI document of a server whose model is loaded."""
    if not app.openapi_schema:
        found = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        body = {"required": True, "content": _content(inference.describe())}
        found["paths"]["/invocations"]["post"]["requestBody"] = body
        app.openapi_schema = found
    return app.openapi_schema


def _content(about: dict[str, Any]) -> dict[str, Any]:
    """Return the content types of a request, each with an example; any for an inference.py."""
    if "script" in about:
        return {"*/*": {"schema": {}}}
    named, row = about.get("example"), _row(about)
    example = named or _of_shape(about["row_shape"] or [1], 0.0)
    values = list(example.values()) if named else example
    instances = {"type": "array", "minItems": 1, "description": "The rows to predict.", "items": row}
    properties: dict[str, Any] = {"instances": instances}
    if "output" in about:
        output = {"type": "string", "enum": OUTPUTS, "default": about["output"]}
        properties["parameters"] = {"type": "object", "properties": {"output": output}}
    rows = {"type": "object", "properties": properties, "required": ["instances"]}
    content = {
        JSON: {"schema": rows, "example": {"instances": [example]}},
        JSON_LINES: {"schema": TEXT, "example": orjson.dumps(example).decode() + "\n"},
    }
    if not any(isinstance(value, list) for value in values):
        content[CSV] = {"schema": TEXT, "example": _line(named or {}) + _line(values)}
    if all(column["type"] == "number" for column in about.get("columns", [])):
        content[NPY] = {"schema": BINARY}
    return content


def _row(about: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of a row."""
    if "columns" not in about:
        return _of_shape_schema(list(about["row_shape"] or [None]), {"type": ["number", "null"]})
    values = {column["name"]: _value(column) for column in about["columns"]}
    size = len(values)
    ordered = {"type": "array", "prefixItems": list(values.values()), "minItems": size, "maxItems": size}
    return {"anyOf": [{"type": "object", "properties": values, "required": list(values)}, ordered]}


def _value(column: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON schema of a column's values."""
    kinds = {"any": ["number", "string", "boolean"], "category": ["string", "integer"]}.get(
        column["type"], [column["type"]]
    )
    return {"type": [*kinds, "null"] if column["nullable"] else kinds}


def _of_shape_schema(shape: list[int | None], value: dict[str, Any]) -> dict[str, Any]:
    if not shape:
        return value
    size = {"minItems": shape[0], "maxItems": shape[0]} if shape[0] else {}
    return {"type": "array", "items": _of_shape_schema(shape[1:], value), **size}


def _of_shape(shape: list[int | None], value: float) -> Any:
    row: Any = value
    for size in reversed(shape):
        row = [row] * (size or 1)
    return row


def _line(values: Any) -> str:
    """Return a line of CSV, or "" without values."""
    cells = (str(value).replace('"', '""') for value in values)
    quoted = (f'"{cell}"' if set(cell) & set('",\r\n') else cell for cell in cells)
    return ",".join(quoted) + "\n" if values else ""
