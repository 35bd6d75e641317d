"""`make bench PART=models`: the rendered servers against a plain stack, as ratios measured in one run.

Requests come from wrk with 8 connections, the servers take turns, and each figure is the median of
ROUNDS rounds. Answers are compared with the model's own predict before anything is timed. The processor
time per request is equivalent to the request rate, and stays valid when other programs run.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.bench.client import ROUNDS, Figures, Load, Served, answer_of, rounds, wrk
from tests.bench.servers import FORMATS, PORTS, SERVERS, memory_of, project, running, server_command


def loads(python: Path, folder: Path) -> list[Load]:
    """Return the requests: one row and 1,000 rows as JSON, 1,000 rows as CSV and npy."""
    code = (
        "import sys; sys.path.insert(0, 'sample_model'); from abalone import read_abalones;"
        "import numpy as np; out, sys.stdout = sys.stdout, sys.stderr;"
        "np.save(out.buffer, read_abalones()[0][:1000])"
    )
    npy = subprocess.run([python, "-c", code], cwd=folder, capture_output=True, check=True).stdout
    rows = _rows(python, npy)
    csv = "\n".join(",".join(map(repr, row)) for row in rows).encode()
    return [
        Load("1 row, JSON", json.dumps({"instances": rows[:1]}).encode(), "application/json"),
        Load("1,000 rows, JSON", json.dumps({"instances": rows}).encode(), "application/json"),
        Load("1,000 rows, CSV", csv, "text/csv"),
        Load("1,000 rows, npy", npy, "application/x-npy"),
    ]


def _rows(python: Path, npy: bytes) -> list[list[float]]:
    code = (
        "import io, json, sys; import numpy as np;"
        "print(json.dumps(np.load(io.BytesIO(sys.stdin.buffer.read())).tolist()))"
    )
    answer = subprocess.run([python, "-c", code], input=npy, capture_output=True, check=True)
    rows: list[list[float]] = json.loads(answer.stdout)
    return rows


def largest_difference(first: list[Any], second: list[Any]) -> float:
    """Return the largest absolute difference of two lists of predictions."""
    flat = [[p[0] if isinstance(p, list) else p for p in predictions] for predictions in (first, second)]
    return max(abs(float(a) - float(b)) for a, b in zip(*flat, strict=True))


def throughput(framework: str) -> None:
    """Print rates, tails and their ratios to the plain stack."""
    folders = {
        "plain": project("http-flask", framework),
        **{name: project(name, framework) for name in SERVERS},
    }
    requests = loads(folders["plain"] / ".venv-model" / "bin" / "python", folders["plain"])
    with ExitStack() as servers:
        served = {
            name: Served((servers.enter_context(running(*_at(name, framework, folders)))[0],), (port,))
            for name, port in PORTS.items()
        }
        for load in requests:
            names = list(SERVERS)
            if load.content_type == "application/json":
                names.insert(0, "plain")
                expected = answer_of(PORTS["plain"], load)["predictions"]
                for name in SERVERS:
                    found = answer_of(PORTS[name], load)["predictions"]
                    difference = largest_difference(expected, found)
                    print(f"  {load.name}: {name} differs by {difference:.1e} from the model's own predict")
            measured = rounds({name: served[name] for name in names}, dict.fromkeys(names, load))
            report(load.name, measured)


def _at(name: str, framework: str, folders: dict[str, Path]) -> tuple[list[str], dict[str, str], Path, int]:
    command, environment = server_command(name, framework, folders[name], 2)
    return command, environment, folders[name], PORTS[name]


def report(title: str, figures: dict[str, Figures], plain_title: str = "plain") -> None:
    """Print the figures of the servers, and their ratios to those of `plain`."""
    plain = figures.get("plain")
    for name, mine in figures.items():
        text = f"{mine.rate:8.0f} requests/s  p99 {mine.p99:7.2f} ms  processor {mine.processor:6.3f} ms"
        if plain:
            ratios = mine.rate / plain.rate, mine.p99 / plain.p99, plain.processor / mine.processor
            text += "  rate {:6.2f} x  p99 {:5.2f} x  processor {:6.2f} x".format(*ratios)
        print(f"  {title:24} {plain_title if name == 'plain' else name:13} {text}", flush=True)


def start_up(framework: str) -> None:
    """Print seconds to the first /ping 200, and seconds to import the framework and load the model."""
    for name in SERVERS:
        folder = project(name, framework)
        command, environment = server_command(name, framework, folder, 2)
        code = (
            "import sys; sys.path.insert(0, 'serving'); from pathlib import Path; import model_handler as m;"
            "h = m.ModelHandler(); h.load(Path('model') / h.MODEL_FILE)"
        )
        bare, served = [], []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            subprocess.run([command[0], "-c", code], cwd=folder, check=True, capture_output=True)
            bare.append(time.perf_counter() - started)
            with running(command, environment, folder, PORTS[name]) as (_pid, seconds):
                served.append(seconds)
        base, ready = statistics.median(bare), statistics.median(served)
        print(
            f"  start: {name:13} import and load {base:.2f} s, /ping 200 {ready:.2f} s  {ready / base:.2f} x",
            flush=True,
        )


def memory(framework: str) -> None:
    """Print the memory an extra worker takes, as a share of a worker of the plain stack."""
    for name in SERVERS:
        extra = _memory(name, framework, 3) - _memory(name, framework, 2)
        plain = _memory("plain", framework, 3) - _memory("plain", framework, 2)
        print(
            f"  an extra worker: {name:13} {extra:.0f} MB, plain {plain:.0f} MB  {extra / plain:.2f} x",
            flush=True,
        )


def _memory(name: str, framework: str, workers: int) -> float:
    """Return the memory of a server and its children in MB, after some requests."""
    folder = project("http-flask" if name == "plain" else name, framework)
    command, environment = server_command(name, framework, folder, workers)
    load = loads(folder / ".venv-model" / "bin" / "python", folder)[0]
    with running(command, environment, folder, PORTS[name]) as (pid, _seconds):
        wrk((PORTS[name],), load, connections=4 * workers)
        return memory_of(pid)


def main() -> int:
    """Measure what the arguments name, everything by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("frameworks", nargs="*", default=list(FORMATS))
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        print("wrk is not installed: apt-get install wrk", file=sys.stderr)
        return 3
    for framework in arguments.frameworks:
        print(framework, flush=True)
        throughput(framework)
        start_up(framework)
        memory(framework)
    return 0


if __name__ == "__main__":
    sys.exit(main())
