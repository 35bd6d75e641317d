"""The HTTP interface: GET /ping and POST /invocations, served by uvicorn. GET /docs describes it."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from codec import CSV, JSON, JSON_LINES, NPY
from fastapi import FastAPI, Request, Response
from inference import MAX_BODY_BYTES, Inference, error_body
from starlette.exceptions import HTTPException

NUMBERS = {"type": "array", "items": {"type": "number", "nullable": True}}
BINARY = {"type": "string", "format": "binary"}
REQUEST_CONTENT = {
    JSON: {
        "schema": {
            "type": "object",
            "required": ["instances"],
            "properties": {"instances": {"type": "array", "items": NUMBERS, "minItems": 1}},
        },
        "example": {"instances": [[0, 0.455, 0.365], [1, 0.53, 0.42]]},
    },
    JSON_LINES: {"schema": {"type": "string"}, "example": "[0, 0.455, 0.365]\n[1, 0.53, 0.42]\n"},
    CSV: {"schema": {"type": "string"}, "example": "0,0.455,0.365\n1,0.53,0.42\n"},
    NPY: {"schema": BINARY},
}
RESPONSE_CONTENT = {
    JSON: {
        "schema": {
            "type": "object",
            "required": ["predictions"],
            "properties": {"predictions": {"type": "array", "items": {}, "description": "One entry a row."}},
        },
        "example": {"predictions": [9.2, 10.7]},
    },
    JSON_LINES: {"schema": {"type": "string"}, "example": "9.2\n10.7\n"},
    CSV: {"schema": {"type": "string"}, "example": "9.2\n10.7\n"},
    NPY: {"schema": BINARY},
}
ERROR_CONTENT = {
    JSON: {
        "schema": {
            "type": "object",
            "required": ["error", "message"],
            "properties": {"error": {"type": "string"}, "message": {"type": "string"}},
        },
        "example": {"error": "Bad Request", "message": "there are no rows to predict; send at least one"},
    }
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "Predictions, one a row.", "content": RESPONSE_CONTENT},
    400: {"description": "A malformed body, or rows that do not fit the model.", "content": ERROR_CONTENT},
    406: {"description": "An Accept header that cannot be met.", "content": ERROR_CONTENT},
    413: {"description": "A body over 25 MB.", "content": ERROR_CONTENT},
    415: {"description": "A content type that is not served.", "content": ERROR_CONTENT},
}

app = FastAPI(title="Model server", description="Answers as an Amazon SageMaker endpoint does.")
inference = Inference()
threads = ThreadPoolExecutor(int(os.environ.get("SERVING_THREADS", "4")))


@app.get("/ping", response_class=Response, summary="Is the model loaded and warm?")
async def ping() -> Response:
    """Answer 200: this process only takes requests once its model is loaded and warm."""
    return Response(inference.status(), headers={"content-type": JSON})


@app.post(
    "/invocations",
    response_class=Response,
    responses=RESPONSES,
    openapi_extra={"requestBody": {"required": True, "content": REQUEST_CONTENT}},
    summary="Predict",
)
async def invocations(request: Request) -> Response:
    """Answer the rows in the body with predictions."""
    body = await read_body(request)
    arguments = (body, request.headers.get("content-type"), request.headers.get("accept"))
    if inference.is_quick(body):  # then a hop to a thread would cost more than it saves
        status, answer, media_type = inference.answer(*arguments)
    else:
        loop = asyncio.get_running_loop()
        status, answer, media_type = await loop.run_in_executor(threads, inference.answer, *arguments)
    return Response(answer, status, headers={"content-type": media_type})


async def read_body(request: Request) -> bytes:
    """Return the whole body. Raises HTTPException 413 once it is longer than the limit."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise HTTPException(413, f"the body is over {MAX_BODY_BYTES} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


@app.exception_handler(HTTPException)
async def http_error(request: Request, error: HTTPException) -> Response:
    """Answer routing errors (404, 405, 413) as JSON, like all others."""
    message = f"{request.method} {request.url.path}: {error.detail}"
    return Response(error_body(error.status_code, message), error.status_code, headers={"content-type": JSON})
