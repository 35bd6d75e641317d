"""The HTTP API: GET /ping and POST /invocations, served by uvicorn. GET /docs shows its documentation."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from runtime import openapi
from runtime.codec import JSON
from runtime.inference import LARGE_BODY_BYTES, MAX_BODY_BYTES, Inference, routing_error
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send


class ModelServer(FastAPI):
    """FastAPI with a shortcut for predictions, because FastAPI takes twice as long as a small model.

    Middleware and dependencies do not run for predictions. If you need them, create `app` with FastAPI below.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer POST /invocations here; the routes below answer all else."""
        if scope["type"] != "http" or (scope["method"], scope["path"]) != ("POST", "/invocations"):
            await super().__call__(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await invocations(request)
        except HTTPException as error:
            response = await http_error(request, error)
        await response(scope, receive, send)


class DirectRoute(APIRoute):
    """A route that FastAPI documents but whose function receives the request unparsed, which is faster."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return self.endpoint


app = ModelServer(title="Model server", redirect_slashes=False)
app.router.route_class = DirectRoute
inference = Inference()
app.openapi = lambda: openapi.of_server(inference)
threads = ThreadPoolExecutor(int(os.environ.get("SERVING_THREADS", "16")))
large, NOTHING = asyncio.Lock(), contextlib.nullcontext()


@app.head("/ping")
@app.get("/ping", response_class=Response)
async def ping(_request: Request) -> Response:
    """Return 200: this process accepts requests only after its model is loaded and warm."""
    return Response(inference.status(), headers={"content-type": JSON})


@app.post("/invocations", response_class=Response)
async def invocations(request: Request) -> Response:
    """Return one prediction per row in the body."""
    headers = request.headers
    async with large if int(headers.get("content-length", MAX_BODY_BYTES)) > LARGE_BODY_BYTES else NOTHING:
        body = await read_body(request)
        named = (headers.get("content-type"), headers.get("accept"), headers.get("x-arrived"))
        arguments = (body, *named, headers)
        if inference.is_quick(body):  # a thread would take longer than the request
            response = inference.answer(*arguments)
        else:
            loop = asyncio.get_running_loop()
            response = await loop.run_in_executor(threads, inference.answer, *arguments)
    status, answer, media_type, more = response
    return Response(answer, status, headers={"content-type": media_type, **more})


async def read_body(request: Request) -> bytes:
    """Return the body. Raise HTTPException 413 as soon as it exceeds the limit."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise HTTPException(413)
        chunks.append(chunk)
    return b"".join(chunks)


@app.exception_handler(HTTPException)
async def http_error(request: Request, error: HTTPException) -> Response:
    """Return routing errors (404, 405, 413) as JSON, like all other errors."""
    body = routing_error(error.status_code, request.method, request.url.path)
    return Response(body, error.status_code, headers={**(error.headers or {}), "content-type": JSON})
