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
from runtime.request import Response as Answer
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send


class ModelServer(FastAPI):
    """FastAPI with a shortcut for predictions, because FastAPI takes twice as long as a small model.

    Middleware and dependencies do not run for predictions. If you need them, create `app` with FastAPI below.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer POST /invocations here; the routes below answer all else."""
        if scope["type"] != "http" or scope["path"] != "/invocations" or scope["method"] != "POST":
            await super().__call__(scope, receive, send)
            return
        try:
            status, body, media_type, more = await answered(scope, receive)
        except HTTPException as error:
            response = await http_error(Request(scope), error)
            await response(scope, receive, send)
            return
        if status != 200 or more:
            await Response(body, status, {"content-type": media_type, **more})(scope, receive, send)
            return
        # These are the messages of Response, in a fraction of its time.
        headers = [(b"content-type", media_type.encode("latin-1")), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


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
NAMED = (b"content-type", b"accept", b"x-arrived")


@app.head("/ping")
@app.get("/ping", response_class=Response)
async def ping(_request: Request) -> Response:
    """Return 200: this process accepts requests only after its model is loaded and warm."""
    return Response(inference.status(), headers={"content-type": JSON})


@app.post("/invocations", response_class=Response)
async def invocations(request: Request) -> Response:
    """Return one prediction per row in the body."""
    status, body, media_type, more = await answered(request.scope, request.receive)
    return Response(body, status, {"content-type": media_type, **more})


async def answered(scope: Scope, receive: Receive) -> Answer:
    """Return the answer to a request. Raise HTTPException 413 for a body that exceeds the limit."""
    found = dict(reversed(scope["headers"]))  # of a header that is there twice, the first
    async with large if int(found.get(b"content-length", MAX_BODY_BYTES)) > LARGE_BODY_BYTES else NOTHING:
        body = await read_body(receive)
        kind, accept, arrived = (found[name].decode("latin-1") if name in found else None for name in NAMED)
        arguments = (body, kind, accept, arrived, Headers(raw=scope["headers"]))
        if inference.is_quick(body):  # a thread would take longer than the request
            return inference.answer(*arguments)
        return await asyncio.get_running_loop().run_in_executor(threads, inference.answer, *arguments)


async def read_body(receive: Receive) -> bytes:
    """Return the body. Raise HTTPException 413 as soon as it exceeds the limit."""
    chunks, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk, more = message.get("body", b""), message.get("more_body", False)
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
