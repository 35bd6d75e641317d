# Part of the library: `copier update` replaces this file.
"""Measure the speed of a running server under load, and what a million tokens or requests cost."""

import argparse
import importlib
import json

from lifecycle import chosen
from lifecycle.load import generator, report
from lifecycle.load.measured import Level
from lifecycle.project import (
    PROJECT,
    USAGE,
    VERIFICATION,
    WARNING,
    Failure,
    Result,
    finding,
    replace_text,
    writing,
)
from lifecycle.served import load, requests
from lifecycle.target import Target, remote
from lifecycle.transport import Recorder, Sent, Server

RESULT, PICTURE = PROJECT / "benchmark.json", PROJECT / "benchmark.svg"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/benchmark."""
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="address of the server (%(default)s)")
    parser.add_argument(
        "--remote", action="store_true", help="measure the deployment instead of this machine"
    )
    text = "numbers of concurrent requests, each measured by itself (1,4,16)"
    parser.add_argument("--concurrency", type=levels, default=(1, 4, 16), metavar="NUMBERS", help=text)
    load.add_options(parser)
    generator.add_options(parser)
    requests.add_options(parser)


def levels(text: str) -> tuple[int, ...]:
    """Return numbers of concurrent requests, ascending. Raise ArgumentTypeError."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and 0 < int(part) <= 1024 for part in parts):
        raise argparse.ArgumentTypeError(f"{text} is no list of numbers from 1 to 1024, such as 1,4,16")
    return tuple(sorted({int(part) for part in parts}))


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Send one request, then the load. Write benchmark.json and benchmark.svg, and return the figures.

    Raise Failure if the server or the load generator fails; nothing is written then.
    """
    for name in ("input", "output", "seconds"):
        if (value := getattr(arguments, name, 1)) <= 0:
            what, seen = f"--{name} is too small", f"--{name} {value}"
            raise Failure(USAGE, "no-load", what, seen, f"do/benchmark --{name} 1")
    server = _server(settings, arguments)
    recorder = Recorder(server)
    requests.check(recorder, arguments)
    sent = _sent(recorder)
    python = generator.python(load.of(arguments), arguments)
    # A level can take an hour: each one has a new token.
    measured = [
        load.measure(python, server.access(), sent, concurrency, arguments)
        for concurrency in arguments.concurrency
    ]
    return _result(settings, arguments, server, measured)


def _server(settings: Target, arguments: argparse.Namespace) -> Server:
    """Return the server on this machine or the deployment; chats with SageMaker use the OpenAI path."""
    if not arguments.remote:
        return Server(arguments.url)
    if chosen.OPENAI_PATH:
        # Only such projects have the module.
        server: Server = importlib.import_module("lifecycle.sagemaker.openai_path").server(settings)
        return server
    deployed = remote.server(settings)
    deployed.access()  # raises Failure for a deployment without an endpoint
    return deployed


def _sent(recorder: Recorder) -> Sent:
    if not recorder.sent:
        what, seen = "there is no request to repeat", "the check of do/test sent none"
        raise Failure(VERIFICATION, "no-request", what, seen, "leave out --stream")
    return recorder.sent[0]


def _result(settings: Target, arguments: argparse.Namespace, server: Server, measured: list[Level]) -> Result:
    """Write the figures and return them."""
    rate = remote.usd_per_hour(settings)
    best = max(measured, key=lambda level: level.rate)
    unit = "requests/s" if best.tokens_s is None else "tokens/s"
    title = f"{settings.project_name} at {server.name}: {best.rate:,.4g} {unit} at best"
    document = {
        "server": server.name,
        "instance_type": settings.instance_type,
        "usd_per_hour": rate,
        "ceiling_tokens_s": chosen.CEILING_TOKENS_S,
        "levels": [level.as_json(rate) for level in measured],
    }
    files = {PICTURE: report.svg(measured, title), RESULT: json.dumps(document, indent=2) + "\n"}
    for path, text in files.items():
        with writing(path):
            replace_text(path, text)
    lines = [report.table(measured, rate)]
    if best.tokens_s is not None and chosen.CEILING_TOKENS_S:
        share = best.tokens_s / chosen.CEILING_TOKENS_S
        lines.append(
            f"upper limit in README.md: {chosen.CEILING_TOKENS_S:,} tokens/s "
            f"on one {settings.instance_type}; measured: {best.tokens_s:,.4g} ({share:.0%})"
        )
    if not arguments.remote:
        lines.append(f"measured on this machine, not on {settings.instance_type}: see --remote")
    lines.append(f"written: {RESULT.name}, {PICTURE.name}")
    problems = [problem for level in measured for problem in level.problems]
    found = [
        finding("errors", WARNING, "some requests failed", text, "do/logs --explain") for text in problems
    ]
    lines += [f"errors: {text}" for text in problems]
    return {**document, "findings": found, "text": "\n".join(lines)}
