"""`make bench PART=limit`: the sample forest of numbers, behind FastAPI and nginx, against ONNX Runtime.

The other server is the limit of what a Python process can do: a bare ASGI application with orjson, without
nginx, without checks, with two processes that share the clients evenly.
"""

import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack

from tests.bench.client import Load, Served, answer_of, rounds
from tests.bench.models import loads, report
from tests.bench.peers import environment
from tests.bench.servers import HERE, PORTS, WORK, project, running, server_command

PINS = ("onnxruntime==1.32.0", "skl2onnx==1.20.0")
OF_PROJECT = ("scikit-learn", "numpy", "scipy", "joblib", "uvicorn", "uvloop", "httptools", "orjson")
ONNX_PORTS = (8210, 8211)
CLOSE = 1e-4  # relative: ONNX Runtime computes with 32 bits


def measure() -> None:
    """Print the figures of both servers and their ratio."""
    folder, ours = project("http-fastapi", "sklearn"), "http-fastapi"
    python = environment(PINS, folder / "requirements.txt", OF_PROJECT)
    model = WORK / "forest.onnx"
    if not model.exists():
        export = [python, HERE / "peers" / "export_onnx.py", folder / "model" / "model.pkl", model]
        subprocess.run(export, check=True)
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    values = {**os.environ, **one_thread, "MODEL": str(model), "PYTHONPATH": str(HERE / "peers")}
    command, settings = server_command(ours, "sklearn", folder, 2)
    requests = loads(folder / ".venv-model" / "bin" / "python", folder)[:2]
    with ExitStack() as stack:
        pids = []
        for port in ONNX_PORTS:
            bare = f"{python} -m uvicorn numbers_onnx:app --port {port} --log-level warning --no-access-log"
            pids.append(stack.enter_context(running(bare.split(), values, folder, port))[0])
        mine = stack.enter_context(running(command, settings, folder, PORTS[ours]))[0]
        servers = {"plain": Served(tuple(pids), ONNX_PORTS), ours: Served((mine,), (PORTS[ours],))}
        for request in requests:
            print(f"  {request.name}: differs by {_difference(servers, request):.1e}, relative")
            report(request.name, rounds(servers, dict.fromkeys(servers, request)), "ONNX Runtime")


def _difference(servers: dict[str, Served], request: Load) -> float:
    answers = [answer_of(served.ports[0], request)["predictions"] for served in servers.values()]
    largest: float = max(abs(a - b) / abs(a) for a, b in zip(*answers, strict=True))
    if largest > CLOSE:
        raise RuntimeError(f"the answers differ: {json.dumps(answers)[:500]}")
    return largest


def main() -> int:
    """Measure."""
    if shutil.which("wrk") is None:
        print("wrk is not installed: apt-get install wrk", file=sys.stderr)
        return 3
    measure()
    return 0


if __name__ == "__main__":
    sys.exit(main())
