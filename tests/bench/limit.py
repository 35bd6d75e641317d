"""`make bench PART=limit`: the sample forest of numbers, behind FastAPI and nginx, against ONNX Runtime.

The other servers are bare ASGI applications with orjson, without nginx and without checks. Each has two
processes that share the clients evenly. One is run by uvicorn as `pip install uvicorn` installs it, the other
with the faster loop and parser of `uvicorn[standard]`: the limit of what a Python process can do.
"""

import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass

from tests.bench.client import Load, Served, answer_of, rounds
from tests.bench.models import loads, report
from tests.bench.peers import environment
from tests.bench.servers import HERE, PORTS, WORK, project, running, server_command

PINS = ("onnxruntime==1.32.0", "skl2onnx==1.20.0")
OF_PROJECT = ("scikit-learn", "numpy", "scipy", "joblib", "orjson", "uvicorn", "h11", "uvloop", "httptools")
CLOSE = 1e-4  # relative: ONNX Runtime computes with 32 bits


@dataclass(frozen=True)
class Bare:
    """A bare server: its title, the ports of its processes, and the arguments of uvicorn."""

    title: str
    ports: tuple[int, int]
    arguments: str


BARE = (
    Bare("uvicorn", (8212, 8213), "--http h11 --loop asyncio"),
    Bare("[standard]", (8210, 8211), "--http httptools --loop uvloop"),
)


def measure() -> None:
    """Print the figures of the servers, and the ratios to each bare one."""
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
    installed = (python.parent.parent / "installed.txt").read_text().split()
    print("  ONNX Runtime in bare ASGI applications:", *installed)
    with ExitStack() as stack:
        mine = stack.enter_context(running(command, settings, folder, PORTS[ours]))[0]
        servers = {ours: Served((mine,), (PORTS[ours],))}
        for bare in BARE:
            pids = []
            for port in bare.ports:
                run = f"{python} -m uvicorn numbers_onnx:app --log-level warning --no-access-log"
                run += f" --port {port} {bare.arguments}"
                pids.append(stack.enter_context(running(run.split(), values, folder, port))[0])
            servers[bare.title] = Served(tuple(pids), bare.ports)
        for request in requests:
            print(f"  {request.name}: differs by {_difference(servers, request):.1e}, relative")
            figures = rounds(servers, dict.fromkeys(servers, request))
            for bare in BARE:
                report(request.name, {"plain": figures[bare.title], ours: figures[ours]}, bare.title)


def _difference(servers: dict[str, Served], request: Load) -> float:
    answers = [answer_of(served.ports[0], request)["predictions"] for served in servers.values()]
    largest: float = max((max(each) - min(each)) / min(map(abs, each)) for each in zip(*answers, strict=True))
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
