# Part of the library: `copier update` replaces this file.
"""The checks for language models in Triton: requests in its generate protocol."""

import argparse
import json
from pathlib import Path
from typing import Any

from . import checks
from .checks import register
from .client import JSON, NONE, Headers, Reply, Request, post
from .registry import expect
from .servers import Server

PROMPT = {"text_input": "One, two, three,", "temperature": 0}
STREAM = {"Accept": "text/event-stream"}
TOKENS, STREAMED = 4, 24
WEIGHT_FILES = ("config.json", "model.safetensors", "tokenizer_config.json")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for this kind of model: none."""


def model_dir(given: Path | None) -> Path:
    """Return the folder of the weights. If it does not exist, the weights on the Hub are served."""
    return given or Path("no-model")


class Checks(checks.Checks):
    """The checks of a server that returns text."""

    http = (*checks.Checks.http, *checks.Checks.http_behind_nginx)
    without_model = (("SERVE_MODEL", "s3://bucket/model"),)

    def __init__(self, server: Server, options: Any, soak_requests: int = 5_000, seconds: float = 0) -> None:
        super().__init__(server, soak_requests, seconds)

    def one(self, headers: Headers = NONE) -> Request:
        """Return a request for a few tokens."""
        return asking(TOKENS, headers)

    def slow(self) -> Request:
        """Return a request for enough tokens to take 1 to 2 s."""
        seconds = self.send(asking(STREAMED)).seconds
        return asking(max(STREAMED, int(STREAMED * 1.5 / seconds)))

    def streamed(self) -> Request:
        """Return a request with a streamed response, one part per token."""
        return asking(STREAMED, STREAM, stream=True)

    def judge(self, request: Request, reply: Reply) -> None:
        """Raise Failed unless a reply has text."""
        expect(reply.status == 200, f"status {reply.status}: {reply.body[:120]!r}")
        answer = reply.json()
        text = answer.get("text_output") if isinstance(answer, dict) else None
        expect(isinstance(text, str) and bool(text), f"no text: {reply.body[:120]!r}")

    def message(self, error: Any) -> Any:
        """Return the message in the body of an error."""
        return error.get("error")

    def copy_model(self, target: Path) -> None:
        """Create an empty folder: the other servers use the weights on the Hub."""
        target.mkdir()

    def corrupt(self, model: Path) -> None:
        """Create corrupt weights."""
        for name in WEIGHT_FILES:
            (model / name).write_bytes(b"\0garbage" * 64)


def asking(tokens: int, headers: Headers = NONE, **more: Any) -> Request:
    """Return a request for at most `tokens` tokens."""
    return post(json.dumps({**PROMPT, "max_tokens": tokens, **more}).encode(), JSON, 1, headers)


register(Checks.http)
