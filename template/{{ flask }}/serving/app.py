"""The HTTP interface: GET /ping and POST /invocations, served by gunicorn."""

from flask import Flask, Response, request
from inference import MAX_BODY_BYTES, Inference, error_body
from werkzeug.exceptions import HTTPException

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
inference = Inference()


@app.route("/ping", methods=["GET"])
def ping() -> Response:
    """Answer 200: this process only takes requests once its model is loaded and warm."""
    return Response(inference.status(), content_type="application/json")


@app.route("/invocations", methods=["POST"])
def invocations() -> Response:
    """Answer the rows in the body with predictions."""
    status, body, media_type = inference.answer(
        request.get_data(cache=False), request.content_type, request.headers.get("Accept")
    )
    return Response(body, status, content_type=media_type)


@app.errorhandler(HTTPException)
def http_error(error: HTTPException) -> Response:
    """Answer routing errors (404, 405, 413) as JSON, like all others."""
    status = error.code or 500
    response = Response(error_body(status, f"{request.method} {request.path}: {error.description}"), status)
    response.content_type = "application/json"
    return response
