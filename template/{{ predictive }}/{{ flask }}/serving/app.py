"""The HTTP API: GET /ping and POST /invocations, served by gunicorn. GET /openapi.json describes it."""

import contextlib
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, Response, request
from runtime import openapi
from runtime.inference import LARGE_BODY_BYTES, MAX_BODY_BYTES, Inference, routing_error
from werkzeug.exceptions import HTTPException


class ModelServer(Flask):
    """Flask with a shortcut for predictions, because Flask takes four times as long as a small model.

    Hooks such as before_request do not run for predictions. If you need them, create `app` with Flask below.
    """

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer POST /invocations with a body of known length here; the routes below answer all else."""
        length = int(environ.get("CONTENT_LENGTH") or -1)
        is_prediction = environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"] == "/invocations"
        if not is_prediction or not 0 <= length <= MAX_BODY_BYTES:
            return super().wsgi_app(environ, start_response)
        with inference.large if length > LARGE_BODY_BYTES else NOTHING:
            status, answer, media_type = inference.answer(
                environ["wsgi.input"].read(length),
                environ.get("CONTENT_TYPE"),
                environ.get("HTTP_ACCEPT"),
                environ.get("HTTP_X_ARRIVED"),
            )
        headers = [("Content-Type", media_type), ("Content-Length", str(len(answer)))]
        start_response(f"{status} {HTTPStatus(status).phrase}", headers)
        return [answer]


NOTHING = contextlib.nullcontext()
app = ModelServer(__name__)
app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES, PROVIDE_AUTOMATIC_OPTIONS=False)
inference = Inference()


@app.route("/ping", methods=["GET"])
def ping() -> Response:
    """Return 200: this process accepts requests only after its model is loaded and warm."""
    return Response(inference.status(), content_type="application/json")


@app.route("/invocations", methods=["POST"])
def invocations() -> Response:
    """Return one prediction per row in the body."""
    with inference.large:  # a body of unknown length
        status, body, media_type = inference.answer(
            request.get_data(cache=False),
            request.content_type,
            request.headers.get("Accept"),
            request.headers.get("X-Arrived"),
        )
    return Response(body, status, content_type=media_type)


@app.route("/openapi.json", methods=["GET"])
def schema() -> dict[str, Any]:
    """Return the OpenAPI document, derived from the loaded model."""
    return openapi.of_server(inference)


@app.errorhandler(HTTPException)
def http_error(error: HTTPException) -> Response:
    """Return routing errors (404, 405, 413) as JSON, like all other errors."""
    status = error.code or 500
    body = routing_error(status, request.method, request.path)
    response = Response(body, status, content_type="application/json")
    response.allow.update(getattr(error, "valid_methods", None) or ())
    return response
