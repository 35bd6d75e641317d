"""The limit for models of numbers: ONNX Runtime and orjson in a bare ASGI application, and nothing else."""

import os

import numpy as np
import onnxruntime
import orjson
from asgi import application

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
(name,) = (item.name for item in session.get_inputs())


def answer(body: bytes, content_type: str) -> bytes:
    """Return the predictions as JSON."""
    rows = np.asarray(orjson.loads(body)["instances"], dtype=np.float32)
    return orjson.dumps({"predictions": session.run(None, {name: rows})[0].ravel().tolist()})


app = application(answer)
