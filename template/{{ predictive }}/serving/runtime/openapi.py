# Part of the library: `copier update` replaces this file.
"""The OpenAPI document, derived from the loaded model: the rows that it takes, and an example."""

from typing import Any

import orjson
from runtime.codec import CSV, JSON, JSON_LINES, NPY
from runtime.inference import Inference
from runtime.outputs import LABELS, OUTPUTS
from runtime.tensors import of_shape

Schema = dict[str, Any]
BINARY: Schema = {"type": "string", "format": "binary"}
TEXT: Schema = {"type": "string"}
ERROR: Schema = {
    "type": "object",
    "description": "An error, and how to fix the request.",
    "required": ["error", "message"],
    "properties": {
        "error": {
            "type": "string",
            "description": "The name of the HTTP status.",
            "examples": ["Bad Request"],
        },
        "message": {
            "type": "string",
            "description": "The problem, with its row and column if they are known.",
            "examples": ["Row 1 has 7 values. The model expects 8 values."],
        },
    },
}
PREDICTIONS: Schema = {
    "type": "object",
    "required": ["predictions"],
    "properties": {
        "predictions": {"type": "array", "items": {}, "description": "One prediction per row."},
        "probabilities": {"type": "array", "items": {}, "description": "One list per row."},
        "classes": {"type": "array", "items": {}, "description": "The order of the probabilities."},
    },
}
OUTPUTS_BY_NAME: Schema = {
    "type": "object",
    "required": ["outputs"],
    "properties": {
        "outputs": {"description": "The values of each output, or of the only one, for a request by inputs."}
    },
}
ERRORS = {
    "400": "The body is malformed, or its rows do not fit the model.",
    "406": "The Accept header names no supported content type.",
    "413": "The body is over 25 MB or has too many rows.",
    "415": "The content type is not supported.",
    "500": "The model failed. The log of the server has the reason.",
    "503": "The model is busy. Retry later.",
}


def of_server(inference: Inference) -> dict[str, Any]:
    """Return the document of a server whose model is loaded."""
    found = document(inference.describe(), getattr(inference.handler, "allow_missing", False))
    content = found["paths"]["/invocations"]["post"]["requestBody"]["content"]
    for example in inference.examples.found:
        content.setdefault(example.content_type, {"schema": BINARY})
        if example.content_type == JSON:
            content[JSON]["example"] = orjson.loads(example.body)
    return found


def document(about: dict[str, Any], allow_missing: bool) -> dict[str, Any]:
    """Return the document of a model that /ping describes with `about`."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Model server",
            "description": "Answers as an Amazon SageMaker endpoint does.",
            "version": "1",
        },
        "paths": {
            "/ping": {"get": _ping("get"), "head": _ping("head")},
            "/invocations": {"post": _invocations(about, allow_missing)},
        },
        "components": {"schemas": {"Error": ERROR, "Predictions": PREDICTIONS}},
    }


def _ping(method: str) -> dict[str, Any]:
    content = {"content": {JSON: {"schema": {"type": "object"}}}} if method == "get" else {}
    return {
        "summary": "Check that the model is loaded",
        "operationId": f"{method}_ping",
        "responses": {"200": {"description": "The model is loaded. The body describes its rows.", **content}},
    }


def _invocations(about: dict[str, Any], allow_missing: bool) -> dict[str, Any]:
    predictions: Schema = {"$ref": "#/components/schemas/Predictions"}
    answers: Schema = {
        JSON: {"schema": {"anyOf": [predictions, OUTPUTS_BY_NAME]} if "inputs" in about else predictions}
    }
    answers |= {JSON_LINES: {"schema": TEXT}, CSV: {"schema": TEXT}, NPY: {"schema": BINARY}}
    answers |= {name: {"schema": BINARY} for name in about.get("accepts", ())}
    if "script" in about:
        answers = {"*/*": {"schema": {}}}
    error = {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
    errors = {status: {"description": text, "content": error} for status, text in ERRORS.items()}
    return {
        "summary": "Predict",
        "operationId": "predict",
        "requestBody": {"required": True, "content": _content(about, allow_missing)},
        "responses": {"200": {"description": "One prediction per row.", "content": answers}, **errors},
    }


def _content(about: dict[str, Any], allow_missing: bool) -> dict[str, Any]:
    """Return the content types of a request, each with an example; any for an inference.py."""
    if "script" in about:
        return {"*/*": {"schema": {}}}
    named = about.get("example") or {item["name"]: _zero(item) for item in about.get("inputs", ())}
    example = named or of_shape(about["row_shape"] or [1], 0.0)
    values = list(example.values()) if named else example
    content = {
        JSON: {"schema": _json(about, allow_missing), "example": {"instances": [example]}},
        JSON_LINES: {"schema": TEXT, "example": orjson.dumps(example).decode() + "\n"},
    }
    if not any(isinstance(value, list) for value in values):
        content[CSV] = {"schema": TEXT, "example": _line(named or {}) + _line(values)}
    if all(column["type"] == "number" for column in about.get("columns", [])):
        content[NPY] = {"schema": BINARY}
    return content | {name: {"schema": BINARY} for name in about.get("content_types", ())}


def _json(about: dict[str, Any], allow_missing: bool) -> Schema:
    """Return the schema of a JSON body: every form in which the server takes rows."""
    parameters = _parameters(about)
    if inputs := about.get("inputs"):
        values = {item["name"]: _nested(item["shape"], _input(item)) for item in inputs}
        rows = _rows({"type": "object", "properties": values, "required": list(values)})
        return {"anyOf": [_object({"instances": rows}, parameters), rows]}
    if "columns" not in about:
        rows = _rows(_nested(list(about["row_shape"] or [None]), _type(["number"], allow_missing)))
        return {"anyOf": [_object({"instances": rows}, parameters), rows]}
    columns = {column["name"]: _value(column) for column in about["columns"]}
    used = [column["name"] for column in about["columns"] if column.get("used", True)]
    named = {"type": "object", "properties": columns, "required": used}
    size = len(columns)
    ordered = {"type": "array", "prefixItems": list(columns.values()), "minItems": size, "maxItems": size}
    rows = {"anyOf": [_rows(named), _rows(ordered)]}
    forms = [_object({"instances": rows}, parameters), rows]
    return {"anyOf": [*forms, *_more_forms(columns, rows, named, parameters)]}


def _more_forms(columns: Schema, rows: Schema, named: Schema, parameters: Schema) -> list[Schema]:
    """Return the forms of a body that only a model of named columns takes."""
    ordered = rows["anyOf"][1]
    split = {"columns": {"const": list(columns), "description": "In any order."}, "data": ordered}
    whole = {"type": "object", "properties": split, "required": list(split)}
    return [
        named,
        _object({"dataframe_records": rows}, parameters),
        _object({"dataframe_split": whole}, parameters),
        _object(split, parameters),
    ]


def _object(properties: Schema, parameters: Schema) -> Schema:
    """Return the schema of an object with these properties, and parameters that can be left out."""
    return {"type": "object", "properties": {**properties, **parameters}, "required": list(properties)}


def _parameters(about: dict[str, Any]) -> Schema:
    """Return the schema of the parameters of a request: the output of a classifier."""
    outputs = {"enum": list(OUTPUTS), "default": about["output"]} if "output" in about else {"enum": [LABELS]}
    value = {"type": ["object", "null"], "properties": {"output": outputs}}
    return {"parameters": value}


def _rows(row: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "description": "The rows to predict.", "items": row}


def _type(kinds: list[str], nullable: bool) -> Schema:
    return {"type": [*kinds, "null"] if nullable else kinds}


def _input(item: dict[str, Any]) -> Schema:
    """Return the schema of a number or text of an input."""
    kind = item["type"]
    return _type(["string"] if kind == "string" else ["number"], nullable=kind.startswith("float"))


def _zero(item: dict[str, Any]) -> Any:
    return of_shape(item["shape"], "" if item["type"] == "string" else 0)


def _value(column: dict[str, Any]) -> Schema:
    """Return the schema of a column's values."""
    several = {
        "any": ["number", "string", "boolean"],
        "category": ["string", "integer"],
        "datetime": ["string"],
    }
    kinds = several.get(column["type"], [column["type"]])
    schema = _type(kinds, column["nullable"])
    if column.get("unknown") == "refused":
        schema["description"] = f"One of {column['values']} known values. Others are refused."
    if column["type"] == "datetime":
        schema["description"] = "A date and time of ISO 8601 without a time zone."
    if column["type"] == "integer":
        schema["format"] = "int64"
    return schema


def _nested(shape: list[int | None], value: Schema) -> Schema:
    """Return the schema of nested lists of a shape; None in it allows any length."""
    if not shape:
        return value
    size = {"minItems": shape[0], "maxItems": shape[0]} if shape[0] else {"minItems": 1}
    return {"type": "array", "items": _nested(shape[1:], value), **size}


def _line(values: Any) -> str:
    """Return a line of CSV, or "" without values."""
    cells = (str(value).replace('"', '""') for value in values)
    quoted = (f'"{cell}"' if set(cell) & set('",\r\n') else cell for cell in cells)
    return ",".join(quoted) + "\n" if values else ""
