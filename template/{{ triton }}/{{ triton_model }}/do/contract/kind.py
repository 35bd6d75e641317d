# Part of the library: `copier update` replaces this file.
"""What is expected of Triton's server beside what holds for all: the KServe v2 protocol, by config.pbtxt."""

import argparse
import json
import math
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

from . import checks
from .checks import register
from .client import JSON, NONE, Failed, Headers, Reply, Request, post
from .registry import expect
from .servers import Server

sys.path.append("serving")
from runtime import pbtxt

LARGEST_BODY = 20_000_000
SECONDS = 1.5


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that only this kind of model has: none."""


def model_dir(given: Path | None) -> Path:
    """Return the model repository to serve. Raises ValueError when there is no model in it."""
    repository = given or Path("model_repository")
    if not any(repository.glob("*/config.pbtxt")):
        raise ValueError(f"there is no model in {repository} (see --model-dir)")
    return repository


class Checks(checks.Checks):
    """The checks of a server that answers with tensors."""

    http = (*checks.Checks.http, *checks.Checks.http_behind_nginx)

    def __init__(self, server: Server, options: Any, soak_requests: int = 5_000, seconds: float = 0) -> None:
        super().__init__(server, soak_requests, seconds)
        file = next(model_dir(options.model_dir).glob("*/config.pbtxt"))
        self.config = pbtxt.parse(file.read_text("utf-8"))
        self.largest = self.config.get("max_batch_size", [0])[0]

    def asking(self, rows: int, headers: Headers = NONE) -> Request:
        """Return a request with so many rows of one value, in JSON."""
        inputs = []
        for tensor in self.config["input"]:
            datatype = tensor["data_type"][0].removeprefix("TYPE_").replace("STRING", "BYTES")
            shape = ([rows] if self.largest else []) + [max(size, 1) for size in tensor["dims"]]
            value = {"BYTES": "a", "BOOL": True}.get(datatype, 1)
            data = [value] * math.prod(shape)
            inputs.append({"name": tensor["name"][0], "shape": shape, "datatype": datatype, "data": data})
        return post(json.dumps({"inputs": inputs}).encode(), JSON, rows, headers)

    def one(self, headers: Headers = NONE) -> Request:
        """Return a request for one row's prediction."""
        return self.asking(1, headers)

    def several(self, headers: Headers = NONE) -> Request:
        """Return a request for three predictions, if the model takes several rows."""
        return self.asking(min(3, max(1, self.largest)), headers)

    def slow(self) -> Request:
        """Return a request of so many rows that they take a second or two, if the model takes as many."""
        rows, row_bytes = min(max(1, self.largest), 10_000), len(self.one().body)
        seconds = self.send(self.asking(rows)).seconds
        most = min(max(1, self.largest), LARGEST_BODY // row_bytes)
        return self.asking(max(1, min(most, int(rows * SECONDS / seconds))))

    @cached_property
    def reference(self) -> list[list[Any]]:
        """What the model gives for one row, which it must give for each like it."""
        return outputs(self.client.send(self.one()), 1)

    def judge(self, request: Request, reply: Reply) -> None:
        """Raise Failed unless a reply holds the right values for each row."""
        for expected, values in zip(self.reference, outputs(reply, request.rows), strict=True):
            wanted = expected * request.rows
            expect(len(values) == len(wanted), f"{len(values)} values for {request.rows} rows")
            wrong = [pair for pair in zip(values, wanted, strict=True) if not same(*pair)]
            expect(not wrong, f"{wrong[:1]} for the same row alone and among {request.rows}")

    def message(self, error: Any) -> Any:
        """Return what the body of an error says in words."""
        return error.get("error")

    def corrupt(self, model: Path) -> None:
        """Overwrite the model's own file, but not what describes it."""
        for path in filter(Path.is_file, model.glob("*/1/**/*")):
            if path.suffix != ".py":
                path.write_bytes(b"\0garbage" * 64)


def outputs(reply: Reply, rows: int) -> list[list[Any]]:
    """Return the values of each tensor in an answer. Raises Failed when there is none."""
    answer = reply.json() if reply.status == 200 else None
    if not isinstance(answer, dict) or not answer.get("outputs"):
        raise Failed(f"status {reply.status}, no outputs for {rows} rows: {reply.body[:120]!r}")
    return [tensor["data"] for tensor in answer["outputs"]]


def same(one: Any, other: Any) -> bool:
    """Return whether two values agree, but for rounding, which differs with the size of a batch."""
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-6)
    return bool(one == other)


register(Checks.http)
