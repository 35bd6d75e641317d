"""`make bench`: the rendered servers against a plain stack, as ratios measured in one run.

Requests come from wrk with 8 connections, the servers take turns, and each figure is the median of
ROUNDS rounds. Answers are compared with the model's own predict before anything is timed. The processor
time per request is equivalent to the request rate, and stays valid when other programs run.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from tests.bench.servers import (
    FORMATS,
    HERE,
    PORTS,
    SERVERS,
    processor_seconds,
    project,
    running,
    server_command,
)

ROUNDS = 5
SECONDS = 3


@dataclass
class Load:
    """One kind of request: its name, body and content type."""

    name: str
    body: bytes
    content_type: str


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


@dataclass
class Figures:
    """Results of one round: requests per second, their 99th percentile and processor time in ms."""

    rate: float
    p99: float
    processor: float


def wrk(port: int, load: Load, connections: int = 8) -> tuple[float, float]:
    """Return requests a second and the 99th percentile in ms. Raises RuntimeError on failed requests."""
    with tempfile.NamedTemporaryFile() as body:
        body.write(load.body)
        body.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "-s", str(HERE / "post.lua")]
        environment = {**os.environ, "BODY": body.name, "CONTENT_TYPE": load.content_type}
        url = f"http://127.0.0.1:{port}/invocations"
        answer = subprocess.run([*command, url], env=environment, capture_output=True, text=True, check=True)
    figures = next(line for line in answer.stdout.splitlines() if line.startswith("RESULT"))
    rate, p99, errors = map(float, figures.split()[1:])
    if errors:
        raise RuntimeError(f"{int(errors)} requests failed: {answer.stdout}")
    return rate, p99


def answer_of(port: int, load: Load) -> list[Any]:
    """Return the predictions a server gives."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", load.body)
    request.add_header("Content-Type", load.content_type)
    with urllib.request.urlopen(request) as response:
        predictions: list[Any] = json.load(response)["predictions"]
    return predictions


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
        pids = {name: servers.enter_context(running(*_at(name, framework, folders)))[0] for name in PORTS}
        for load in requests:
            names = list(SERVERS)
            if load.content_type == "application/json":
                names.insert(0, "plain")
                expected = answer_of(PORTS["plain"], load)
                for name in SERVERS:
                    difference = largest_difference(expected, answer_of(PORTS[name], load))
                    print(f"  {load.name}: {name} differs by {difference:.1e} from the model's own predict")
            _report(load, _rounds({name: pids[name] for name in names}, load))


def _at(name: str, framework: str, folders: dict[str, Path]) -> tuple[list[str], dict[str, str], Path, int]:
    command, environment = server_command(name, framework, folders[name], 2)
    return command, environment, folders[name], PORTS[name]


def _rounds(servers: dict[str, int], load: Load) -> dict[str, Figures]:
    measured: dict[str, list[Figures]] = {name: [] for name in servers}
    for _ in range(ROUNDS):
        for name, pid in servers.items():
            before = processor_seconds(pid)
            rate, p99 = wrk(PORTS[name], load)
            spent = processor_seconds(pid) - before
            measured[name].append(Figures(rate, p99, spent / (rate * SECONDS) * 1000))
    return {name: _median(rounds) for name, rounds in measured.items()}


def _median(rounds: list[Figures]) -> Figures:
    return Figures(*(statistics.median(figures) for figures in zip(*map(astuple, rounds), strict=True)))


def _report(load: Load, figures: dict[str, Figures]) -> None:
    plain = figures.get("plain")
    for name, mine in figures.items():
        text = f"{mine.rate:8.0f} requests/s  p99 {mine.p99:7.2f} ms  processor {mine.processor:6.3f} ms"
        if plain:
            ratios = mine.rate / plain.rate, mine.p99 / plain.p99, plain.processor / mine.processor
            text += "  rate {:6.2f} x  p99 {:5.2f} x  processor {:6.2f} x".format(*ratios)
        print(f"  {load.name:18} {name:13} {text}", flush=True)


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
    """Return the proportional set size of a server and its children in MB, after some requests."""
    folder = project("http-flask" if name == "plain" else name, framework)
    command, environment = server_command(name, framework, folder, workers)
    load = loads(folder / ".venv-model" / "bin" / "python", folder)[0]
    with running(command, environment, folder, PORTS[name]):
        wrk(PORTS[name], load, connections=4 * workers)
        total = 0
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if str(folder) in (process / "cmdline").read_text() + (process / "environ").read_text():
                    rollup = (process / "smaps_rollup").read_text()
                    total += int(rollup.split("Pss:")[1].split()[0])
            except OSError:
                continue
    return total / 1024


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
