# Part of the library: `copier update` replaces this file.
"""Requests to a running server: a prompt, and the text it answers with."""

import argparse
import json

from lifecycle.project import PRECONDITION, VERIFICATION, Failure, Result
from lifecycle.transport import Server

JSON = "application/json"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what to send."""
    parser.add_argument("--prompt", default="The sea is", help="the text to go on from")
    parser.add_argument("--max-tokens", type=int, default=64, help="tokens of the answer at most (64)")


def validate(arguments: argparse.Namespace) -> None:
    """Do nothing: the options have a default, so there is always a prompt to send."""


def check(server: Server, arguments: argparse.Namespace) -> Result:
    """Return the text for a prompt. Raises Failure when the server is not ready or does not answer it."""
    if (status := server.ping().status) != 200:
        seen, remedy = f"/ping answered {status}", "wait, or read its log"
        raise Failure(PRECONDITION, "not-ready", f"{server.name} is not ready", seen, remedy)
    request = {"text_input": arguments.prompt, "max_tokens": arguments.max_tokens}
    answer = server.invoke(json.dumps(request).encode(), JSON)
    if answer.status != 200:
        what, remedy = f"/invocations answered {answer.status}", "read the server's log"
        raise Failure(VERIFICATION, "not-answered", what, answer.body.decode(), remedy)
    text = json.loads(answer.body)["text_output"]
    return {"answer": text, "text": text}
