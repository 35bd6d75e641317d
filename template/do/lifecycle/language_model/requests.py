# Part of the library: `copier update` replaces this file.
"""Requests to a running server and its responses: chats, completions, inputs, or those of pooling.py."""

import argparse
import json
import sys
import time
from typing import Any

from lifecycle import chosen
from lifecycle.language_model import pooling, tool_calls
from lifecycle.project import PRECONDITION, VERIFICATION, Failure, Result
from lifecycle.transport import Server

JSON = "application/json"
HELP = "maximum tokens of the response (64); a tool call can have 8 times as many"
COMPLETIONS = "route=/v1/completions"  # CustomAttributes, which nginx routes to completions


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the request; none for a model that returns no text."""
    if chosen.REQUESTS[0] in pooling.KINDS:
        return
    parser.add_argument("--prompt", default="Write a greeting in one short sentence.", help="prompt to send")
    parser.add_argument("--max-tokens", type=int, default=64, help=HELP)
    if _streams():
        parser.add_argument("--stream", action="store_true", help="stream the response")


def validate(arguments: argparse.Namespace) -> None:
    """Do nothing: the options have a default, so there is always a prompt to send."""


def check(server: Server, arguments: argparse.Namespace) -> Result:
    """Return the responses to a request of each kind. Raise Failure if the server is not ready or fails."""
    if (status := server.ping().status) != 200:
        seen, next_step = f"/ping returned {status}", "wait, or read the server log"
        raise Failure(PRECONDITION, "not-ready", f"{server.name} is not ready", seen, next_step)
    if chosen.REQUESTS[0] in pooling.KINDS:
        return pooling.check(server, chosen.REQUESTS[0])
    if _streams() and arguments.stream:
        return streamed(server, request_of(chosen.REQUESTS[0], arguments))
    answers = {}
    for kind in ["chat"] if server.chats_only else chosen.REQUESTS:
        body = json.dumps(request_of(kind, arguments)).encode()
        named = chosen.REQUESTS_NAME_THEIR_ROUTE and kind == "completion"
        answer = server.invoke(body, JSON, attributes=COMPLETIONS if named else "")
        if answer.status != 200:
            what, next_step = f"{server.route} returned {answer.status} to a {kind}", "read the server log"
            raise Failure(VERIFICATION, "not-answered", what, answer.body.decode(), next_step)
        answers[kind] = text_of(json.loads(answer.body))
    lines = [f"{kind}: {text}" for kind, text in answers.items()]
    if "chat" not in chosen.REQUESTS or not tool_calls.parsed():
        return {"answers": answers, "text": "\n".join(lines)}
    found = tool_calls.check(server, arguments.max_tokens)
    return {"answers": answers, "tool_call": found.call, "text": "\n".join([*lines, found.text])}


def request_of(kind: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return a request of a kind with the prompt."""
    if kind == "chat":
        messages = [{"role": "user", "content": arguments.prompt}]
        return {"messages": messages, "max_tokens": arguments.max_tokens}
    if kind == "completion":
        return {"prompt": arguments.prompt, "max_tokens": arguments.max_tokens}
    return {"inputs": arguments.prompt, "parameters": {"max_new_tokens": arguments.max_tokens}}


def text_of(answer: Any) -> str:
    """Return the text in a response. Raise Failure if there is none."""
    found = answer[0] if isinstance(answer, list) else answer
    try:
        choice = found["choices"][0] if "choices" in found else {"text": found["generated_text"]}
        return tool_calls.text_of(choice["message"]) if "message" in choice else str(choice["text"])
    except (KeyError, IndexError, TypeError):
        what, next_step = "the response has no text", "read the server log"
        raise Failure(VERIFICATION, "no-text", what, json.dumps(answer)[:300], next_step) from None


def streamed(server: Server, request: dict[str, Any]) -> Result:
    """Print a streamed response; return its text, the time to the first token, and the tokens per second."""
    started, first, texts, rest = time.perf_counter(), 0.0, list[str](), b""
    for part in server.stream(json.dumps({**request, "stream": True}).encode(), JSON):
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            event = line.removeprefix(b"data: ")  # LMI can stream lines of JSON without it
            if not event.startswith(b"{"):
                continue
            choice = (json.loads(event).get("choices") or [{}])[0]
            delta = choice.get("delta") or {}
            text = delta.get("content") or tool_calls.reasoning_of(delta) or choice.get("text") or ""
            first = first or (time.perf_counter() - started if text else 0.0)
            texts.append(text)
            print(text, end="", file=sys.stderr, flush=True)
    seconds = time.perf_counter() - started
    print(file=sys.stderr)
    if not "".join(texts):
        what, next_step = "the stream has no tokens", "read the server log"
        raise Failure(VERIFICATION, "no-stream", what, rest.decode(errors="replace")[:300], next_step)
    rate = len(texts) / seconds
    summary = (
        f"first token after {first * 1000:.0f} ms, {len(texts)} in {seconds:.2f} s ({rate:.0f} per second)"
    )
    return {"answer": "".join(texts), "first_token_seconds": first, "seconds": seconds, "text": summary}


def _streams() -> bool:
    """Return whether the server can stream tokens."""
    return chosen.REQUESTS[0] != "inputs"
