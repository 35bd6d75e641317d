"""The limit for models of numbers: ONNX Runtime and orjson in a bare ASGI application, and nothing else."""

import os

import numpy as np
import onnxruntime
import orjson

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
(name,) = (item.name for item in session.get_inputs())
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
        rows = np.asarray(orjson.loads(body)["instances"], dtype=np.float32)
        body = orjson.dumps({"predictions": session.run(None, {name: rows})[0].ravel().tolist()})
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, length]})
    await send({"type": "http.response.body", "body": body})
