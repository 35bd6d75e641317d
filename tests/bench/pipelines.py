"""`make bench PART=pipelines`: table pipelines behind this template's servers and others, in one run.

The servers take turns, and each figure is the median of ROUNDS rounds. Before anything is timed, predictions
are compared with those of the plain stack. Results are kept in results/pipelines.json, from which report.py
writes the table and the picture of docs/explanation/performance.md.
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from tests.bench import report
from tests.bench.client import Figures, Served, answer_of, rounds, wrk
from tests.bench.models import report as show
from tests.bench.peers import CSV, PEERS, RECORDS, SPLIT, Peer, environment, load, variables
from tests.bench.servers import HERE, WORK, memory_of, project, running

MODELS = ("lr", "hgb", "rf")
SECONDS = 2
TABLES = WORK / "tables"
VERSION = "1.9.1"  # of scikit-learn


def prepared() -> dict[str, Path]:
    """Return the projects by server, after training the pipelines in the environment of one."""
    more: dict[str, Any] = {"name": "table", "framework_version": VERSION, "pandas": True}
    projects = {server: project(server, "sklearn", **more) for server in ("http-flask", "http-fastapi")}
    if not (TABLES / "rf" / "model.pkl").exists():
        TABLES.mkdir(exist_ok=True)
        python = projects["http-flask"] / ".venv-model" / "bin" / "python"
        subprocess.run([python, HERE / "peers" / "train_tables.py", TABLES], check=True)
    return projects


def rows_of() -> tuple[list[str], list[list[Any]]]:
    """Return the header and the rows to send."""
    with (TABLES / "rows.csv").open(newline="") as file:
        header, *cells = csv.reader(file)
    return header, [[*map(float, row[:3]), *row[3:]] for row in cells]


@contextmanager
def started(peer: Peer, model: str, projects: dict[str, Path], workers: int = 2) -> Iterator[Served]:
    """Run a server with a pipeline while the block runs."""
    folder = projects["http-fastapi" if peer.name == "asgi" else "http-flask"]
    folder = projects.get(peer.name, folder)
    python, path = folder / ".venv-model" / "bin" / "python", TABLES / model / "model.pkl"
    if peer.pin:
        python = environment((peer.pin,), folder / "requirements.txt")
    values = {**os.environ, **variables(peer, path, folder), "SERVING_WORKERS": str(workers)}
    saved = TABLES / model / peer.name
    if peer.name == "mlflow" and not saved.exists():
        save = [python, HERE / "peers" / "save_mlflow.py", path, TABLES / "rows.csv", saved]
        subprocess.run(save, env=values, check=True, capture_output=True)
    places = {"python": python, "bin": python.parent, "peers": HERE / "peers", "saved": saved}
    values["PATH"] = f"{python.parent}:{values['PATH']}"
    with ExitStack() as stack:
        pids = []
        for port in peer.ports:
            command = peer.command.format(port=port, **places).replace("--workers 2", f"--workers {workers}")
            given = (command.split(), values, folder, port, peer.health)
            pids.append(stack.enter_context(running(*given))[0])
        yield Served(tuple(pids), peer.ports)


def measure(models: list[str], seconds: float) -> dict[str, Any]:
    """Return the figures by model, request and server."""
    projects, found = prepared(), {}
    header, rows = rows_of()
    for model in models:
        found[model] = dict[str, Any]()
        with ExitStack() as stack:
            servers = {}
            for peer in PEERS:
                try:
                    servers[peer.name] = stack.enter_context(started(peer, model, projects))
                except RuntimeError as error:
                    print(f"  without {peer.title}: {error}", file=sys.stderr)
            for count in (1, len(rows)):
                for form in (RECORDS, SPLIT, CSV):
                    name = f"{count:,} row{'s' * (count > 1)}, {form}"
                    peers = [peer for peer in PEERS if peer.name in servers and form in peer.forms]
                    loads = {peer.name: load(peer, form, name, header, rows[:count]) for peer in peers}
                    expected = answer_of(servers["plain"].ports[0], loads["plain"])["predictions"]
                    for peer in peers:
                        answer = answer_of(servers[peer.name].ports[0], loads[peer.name])["predictions"]
                        if answer != expected:
                            raise RuntimeError(f"{peer.title} answers otherwise to {name}")
                    figures = rounds({p.name: servers[p.name] for p in peers}, loads, seconds)
                    found[model][name] = {server: _rounded(each) for server, each in figures.items()}
                    show(f"{model}: {name}", figures)
    return found


def _rounded(figures: Figures) -> dict[str, float]:
    return {name: round(figure, 4) for name, figure in asdict(figures).items()}


def memory(model: str) -> dict[str, float]:
    """Return the memory that an additional worker takes in MB, after requests, for each of our servers."""
    projects = prepared()
    header, rows = rows_of()
    found = {}
    for peer in PEERS[:3]:
        sizes = []
        for workers in (2, 3):
            with started(peer, model, projects, workers) as served:
                request = load(peer, RECORDS, "", header, rows[:1])
                wrk(served.ports, request, connections=4 * workers, seconds=SECONDS)
                sizes.append(memory_of(*served.pids))
        found[peer.name] = round(sizes[1] - sizes[0], 1)
        print(f"  an extra worker: {peer.title} {found[peer.name]:.0f} MB", flush=True)
    return found


def main() -> int:
    """Measure the pipelines that the arguments name, all of them by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=list(MODELS), metavar="|".join(MODELS))
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each round")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        print("wrk is not installed: apt-get install wrk", file=sys.stderr)
        return 3
    before = os.getloadavg()[0]
    found = {
        "date": date.today().isoformat(),
        "load": round(before, 1),
        "models": measure(arguments.models, arguments.seconds),
        "memory": memory(arguments.models[0]),
    }
    if tuple(arguments.models) == MODELS:
        report.RESULTS.write_text(json.dumps(found, indent=1) + "\n")
        report.main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
