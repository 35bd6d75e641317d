"""The limit for tables: the compiled model of a project and orjson in a bare ASGI application.

It does nothing else that a server has to do: no limits, no 503 while it is busy, no errors as JSON.
"""

import os
import sys
from pathlib import Path

import orjson
from asgi import application

sys.path.insert(0, os.environ["SERVING"])
from model_handler import ModelHandler

handler = ModelHandler()
handler.load(Path(os.environ["MODEL"]))


def answer(body: bytes, content_type: str) -> bytes:
    """Return the predictions as JSON."""
    predictions = handler.predict(handler.preprocess(handler.table.decode(body, content_type)))
    return orjson.dumps({"predictions": handler.postprocess(predictions)})


app = application(answer)
