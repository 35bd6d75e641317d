"""The limit for tables: the compiled model of a project and orjson in a bare ASGI application.

It does nothing else that a server has to do: no limits, no 503 while it is busy, no errors as JSON.
"""

import os
import sys
from pathlib import Path

import orjson

sys.path.insert(0, os.environ["SERVING"])
from model_handler import ModelHandler

handler = ModelHandler()
handler.load(Path(os.environ["MODEL"]))
HEADERS = [(b"content-type", b"application/json")]


async def app(scope, receive, send) -> None:
    """Answer predictions to POST, and 200 to all else."""
    if scope["type"] != "http":
        return
    body = b""
    if scope["method"] == "POST":
        more = True
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body")
        content_type = dict(scope["headers"])[b"content-type"].decode()
        predictions = handler.predict(handler.preprocess(handler.table.decode(body, content_type)))
        body = orjson.dumps({"predictions": handler.postprocess(predictions)})
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, length]})
    await send({"type": "http.response.body", "body": body})
