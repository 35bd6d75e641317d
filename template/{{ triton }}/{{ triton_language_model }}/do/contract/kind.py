# Part of the library: `copier update` replaces this file.
"""What is expected of Triton's server beside what holds for all: text, by Triton's generate protocol."""

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
BROUGHT = ("config.json", "model.safetensors", "tokenizer_config.json")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that only this kind of model has: none."""


def model_dir(given: Path | None) -> Path:
    """Return where weights may lie; without any, those of the Hub are served."""
    return given or Path("no-model")


class Checks(checks.Checks):
    """The checks of a server that answers with text."""

    http = (*checks.Checks.http, *checks.Checks.http_behind_nginx)
    without_model = (("SERVE_MODEL", "s3://bucket/model"),)

    def __init__(self, server: Server, options: Any, soak_requests: int = 5_000, seconds: float = 0) -> None:
        super().__init__(server, soak_requests, seconds)

    def one(self, headers: Headers = NONE) -> Request:
        """Return a request for a few tokens."""
        return asking(TOKENS, headers)

    def slow(self) -> Request:
        """Return a request for so many tokens that they take a second or two."""
        seconds = self.send(asking(STREAMED)).seconds
        return asking(max(STREAMED, int(STREAMED * 1.5 / seconds)))

    def streamed(self) -> Request:
        """Return a request whose answer is streamed, a part a token."""
        return asking(STREAMED, STREAM, stream=True)

    def judge(self, request: Request, reply: Reply) -> None:
        """Raise Failed unless a reply holds text."""
        expect(reply.status == 200, f"status {reply.status}: {reply.body[:120]!r}")
        answer = reply.json()
        text = answer.get("text_output") if isinstance(answer, dict) else None
        expect(isinstance(text, str) and bool(text), f"no text: {reply.body[:120]!r}")

    def message(self, error: Any) -> Any:
        """Return what the body of an error says in words."""
        return error.get("error")

    def copy_model(self, target: Path) -> None:
        """Leave the other servers without weights of their own: they serve the Hub's."""
        target.mkdir()

    def corrupt(self, model: Path) -> None:
        """Make weights that are garbage."""
        for name in BROUGHT:
            (model / name).write_bytes(b"\0garbage" * 64)


def asking(tokens: int, headers: Headers = NONE, **more: Any) -> Request:
    """Return a request for so many tokens at most."""
    return post(json.dumps({**PROMPT, "max_tokens": tokens, **more}).encode(), JSON, 1, headers)


register(Checks.http)
