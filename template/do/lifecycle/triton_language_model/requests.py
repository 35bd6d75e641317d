# Part of the library: `copier update` replaces this file.
"""Requests to a running server: a prompt, and the generated text."""

import argparse
import json

from lifecycle.project import PRECONDITION, VERIFICATION, Failure, Result
from lifecycle.transport import Server

JSON = "application/json"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the request."""
    parser.add_argument("--prompt", default="The sea is", help="prompt to complete")
    parser.add_argument("--max-tokens", type=int, default=64, help="maximum tokens of the response (64)")


def validate(arguments: argparse.Namespace) -> None:
    """Do nothing: the options have a default, so there is always a prompt to send."""


def check(server: Server, arguments: argparse.Namespace) -> Result:
    """Return the text for a prompt. Raise Failure if the server is not ready or returns an error."""
    if (status := server.ping().status) != 200:
        seen, next_step = f"/ping returned {status}", "wait, or read the server log"
        raise Failure(PRECONDITION, "not-ready", f"{server.name} is not ready", seen, next_step)
    request = {"text_input": arguments.prompt, "max_tokens": arguments.max_tokens}
    answer = server.invoke(json.dumps(request).encode(), JSON)
    if answer.status != 200:
        what, next_step = f"/invocations returned {answer.status}", "read the server log"
        raise Failure(VERIFICATION, "not-answered", what, answer.body.decode(), next_step)
    text = json.loads(answer.body)["text_output"]
    return {"answer": text, "text": text}
