# Part of the library: `copier update` replaces this file.
"""The checks for Triton: requests in the KServe v2 protocol, based on config.pbtxt."""

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
    """Add the options for this kind of model: none."""


def model_dir(given: Path | None) -> Path:
    """Return the model repository to serve. Raise ValueError if it has no model."""
    repository = given or Path("model_repository")
    if not any(repository.glob("*/config.pbtxt")):
        raise ValueError(f"no model in {repository}; run do/build, or use --model-dir")
    return repository


class Checks(checks.Checks):
    """The checks of a server that returns tensors."""

    http = (*checks.Checks.http, *checks.Checks.http_behind_nginx)

    def __init__(self, server: Server, options: Any, soak_requests: int = 5_000, seconds: float = 0) -> None:
        super().__init__(server, soak_requests, seconds)
        file = next(model_dir(options.model_dir).glob("*/config.pbtxt"))
        self.config = pbtxt.parse(file.read_text("utf-8"))
        self.largest = self.config.get("max_batch_size", [0])[0]

    def asking(self, rows: int, headers: Headers = NONE) -> Request:
        """Return a JSON request with `rows` rows of a constant value."""
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
        """Return a request for three predictions, if the model accepts several rows."""
        return self.asking(min(3, max(1, self.largest)), headers)

    def slow(self) -> Request:
        """Return a request with enough rows to take 1 to 2 s, if the model accepts that many."""
        rows, row_bytes = min(max(1, self.largest), 10_000), len(self.one().body)
        seconds = self.send(self.asking(rows)).seconds
        most = min(max(1, self.largest), LARGEST_BODY // row_bytes)
        return self.asking(max(1, min(most, int(rows * SECONDS / seconds))))

    @cached_property
    def reference(self) -> list[list[Any]]:
        """The outputs for one row. Each equal row must have the same outputs."""
        return outputs(self.client.send(self.one()), 1)

    def judge(self, request: Request, reply: Reply) -> None:
        """Raise Failed unless a reply has the correct values for each row."""
        for expected, values in zip(self.reference, outputs(reply, request.rows), strict=True):
            repeated = expected * request.rows
            expect(len(values) == len(repeated), f"{len(values)} values for {request.rows} rows")
            wrong = [pair for pair in zip(values, repeated, strict=True) if not same(*pair)]
            expect(not wrong, f"{wrong[:1]} for the same row in a batch of {request.rows} and alone")

    def message(self, error: Any) -> Any:
        """Return the message in the body of an error."""
        return error.get("error")

    def corrupt(self, model: Path) -> None:
        """Overwrite the model file, but not its configuration."""
        for path in filter(Path.is_file, model.glob("*/1/**/*")):
            if path.suffix != ".py":
                path.write_bytes(b"\0garbage" * 64)


def outputs(reply: Reply, rows: int) -> list[list[Any]]:
    """Return the values of each tensor in a reply. Raise Failed if there is none."""
    answer = reply.json() if reply.status == 200 else None
    if not isinstance(answer, dict) or not answer.get("outputs"):
        raise Failed(f"status {reply.status}, no outputs for {rows} rows: {reply.body[:120]!r}")
    return [tensor["data"] for tensor in answer["outputs"]]


def same(one: Any, other: Any) -> bool:
    """Return True if two values are equal, except for rounding, which depends on the batch size."""
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-6)
    return bool(one == other)


register(Checks.http)
