"""The HTTP interface: GET /ping and POST /invocations, served by uvicorn. GET /docs describes it."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from runtime.codec import CSV, JSON, JSON_LINES, NPY
from runtime.inference import LARGE_BODY_BYTES, MAX_BODY_BYTES, Inference, error_body
from starlette.exceptions import HTTPException

BINARY = {"type": "string", "format": "binary"}


class Rows(BaseModel):
    """The rows to predict."""

    instances: list[list[float | None]] = Field(min_length=1, examples=[[[0, 0.455, 0.365], [1, 0.53, 0.42]]])


class Predictions(BaseModel):
    """What the model predicts."""

    predictions: list[Any] = Field(description="One entry a row.", examples=[[9.2, 10.7]])


class Error(BaseModel):
    """Why there is no prediction."""

    error: str = Field(examples=["Bad Request"])
    message: str = Field(examples=["there are no rows to predict; send at least one"])


REQUEST_CONTENT = {
    JSON: {"schema": Rows.model_json_schema()},
    JSON_LINES: {"schema": {"type": "string"}, "example": "[0, 0.455, 0.365]\n[1, 0.53, 0.42]\n"},
    CSV: {"schema": {"type": "string"}, "example": "0,0.455,0.365\n1,0.53,0.42\n"},
    NPY: {"schema": BINARY},
}
BODY = {"requestBody": {"required": True, "content": REQUEST_CONTENT}}
LINES = {"schema": {"type": "string"}, "example": "9.2\n10.7\n"}
RESPONSE_CONTENT = {JSON: {}, JSON_LINES: LINES, CSV: LINES, NPY: {"schema": BINARY}}
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "Predictions, one a row.", "model": Predictions, "content": RESPONSE_CONTENT},
    400: {"description": "A malformed body, or rows that do not fit the model.", "model": Error},
    406: {"description": "An Accept header that cannot be met.", "model": Error},
    413: {"description": "A body over 25 MB, or too many rows.", "model": Error},
    415: {"description": "A content type that is not served.", "model": Error},
    503: {"description": "No turn in time: the model is busy.", "model": Error},
}


class DirectRoute(APIRoute):
    """A route whose function takes the request itself: FastAPI describes it and converts nothing."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return self.endpoint


app = FastAPI(
    title="Model server", description="Answers as an Amazon SageMaker endpoint does.", redirect_slashes=False
)
app.router.route_class = DirectRoute
inference = Inference()
threads = ThreadPoolExecutor(int(os.environ.get("SERVING_THREADS", "16")))
large, NOTHING = asyncio.Lock(), contextlib.nullcontext()


@app.head("/ping", include_in_schema=False)
@app.get("/ping", response_class=Response, summary="Is the model loaded and warm?")
async def ping(_request: Request) -> Response:
    """Answer 200: this process only takes requests once its model is loaded and warm."""
    return Response(inference.status(), headers={"content-type": JSON})


@app.post("/invocations", response_class=Response, responses=RESPONSES, openapi_extra=BODY, summary="Predict")
async def invocations(request: Request) -> Response:
    """Answer the rows in the body with predictions."""
    headers = request.headers
    async with large if int(headers.get("content-length", MAX_BODY_BYTES)) > LARGE_BODY_BYTES else NOTHING:
        body = await read_body(request)
        arguments = (body, headers.get("content-type"), headers.get("accept"), headers.get("x-arrived"))
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
