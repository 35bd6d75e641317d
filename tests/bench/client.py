"""The load client of `make bench`: wrk with 8 connections, which it keeps, to every server in turn."""

import json
import os
import resource
import statistics
import subprocess
import tempfile
import urllib.request
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any

from tests.bench.servers import HERE, processor_seconds

ROUNDS = 5
SECONDS = 3
LARGEST_SHARE = 0.9  # of a processor for each thread of wrk, which would otherwise be what is measured


@dataclass(frozen=True)
class Load:
    """One kind of request: its name, body and content type, and the path that answers it."""

    name: str
    body: bytes
    content_type: str
    path: str = "/invocations"


@dataclass(frozen=True)
class Served:
    """A running server: its processes, and its ports, one for each of its processes or one for all."""

    pids: tuple[int, ...]
    ports: tuple[int, ...]


@dataclass(frozen=True)
class Figures:
    """Results of one round: requests per second, their 99th percentile and processor time in ms."""

    rate: float
    p99: float
    processor: float


def wrk(
    ports: tuple[int, ...], load: Load, connections: int = 8, seconds: float = SECONDS
) -> tuple[float, float]:
    """Return requests a second and the 99th percentile in ms.

    Each thread of wrk sends to one of the ports. Raise RuntimeError on failed requests, and if wrk itself
    had no more time to send.
    """
    with tempfile.NamedTemporaryFile() as body:
        body.write(load.body)
        body.flush()
        threads = len(ports)
        command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds:g}s", "-s", str(HERE / "post.lua")]
        environment = {**os.environ, "BODY": body.name, "CONTENT_TYPE": load.content_type}
        environment["PORTS"] = " ".join(map(str, ports))
        url = f"http://127.0.0.1:{ports[0]}{load.path}"
        before = _children()
        answer = subprocess.run([*command, url], env=environment, capture_output=True, text=True, check=True)
        busy = (_children() - before) / (seconds * threads)
    figures = next(line for line in answer.stdout.splitlines() if line.startswith("RESULT"))
    rate, p99, errors = map(float, figures.split()[1:])
    if errors:
        raise RuntimeError(f"{int(errors)} requests failed: {answer.stdout}")
    if busy > LARGEST_SHARE:
        raise RuntimeError(f"wrk was busy for {busy:.0%} of the time, so its own speed was measured")
    return rate, p99


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def rounds(
    servers: Mapping[str, Served], loads: Mapping[str, Load], seconds: float = SECONDS
) -> dict[str, Figures]:
    """Return the median figures of servers that take turns, each with its request."""
    measured: dict[str, list[Figures]] = {name: [] for name in servers}
    for _ in range(ROUNDS):
        for name, server in servers.items():
            before = processor_seconds(*server.pids)
            rate, p99 = wrk(server.ports, loads[name], seconds=seconds)
            spent = processor_seconds(*server.pids) - before
            measured[name].append(Figures(rate, p99, spent / (rate * seconds) * 1000))
    return {name: median(found) for name, found in measured.items()}


def median(found: list[Figures]) -> Figures:
    """Return the median of each figure."""
    return Figures(*(statistics.median(figures) for figures in zip(*map(astuple, found), strict=True)))


def answer_of(port: int, load: Load) -> Any:
    """Return the document that a server answers."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{load.path}", load.body)
    request.add_header("Content-Type", load.content_type)
    with urllib.request.urlopen(request) as response:
        return json.load(response)
