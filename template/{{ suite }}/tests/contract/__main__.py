"""Check that this project serves as SageMaker expects: locally, in a container, or where it runs already."""

import argparse
import json
import signal
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from . import http_checks, process_checks  # noqa: F401  importing them registers their checks
from .bodies import Bodies, of_shape, sizes
from .check import CHECKS, Check, Context, Outcome
from .client import Client, Failed
from .servers import ContainerServer, LocalServer, Server, Setup

DOES_NOT_START, BROKEN = 3, 6
SOAK = {False: 5_000, True: 100_000}


def main() -> int:
    """Run the checks that were asked for; return 0 when none failed, 6 when one did."""
    parser = make_parser()
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are ended on the way out
    chosen = options.only or list(CHECKS)
    if unknown := set(chosen) - set(CHECKS):
        parser.error(f"there is no check {', '.join(map(str, sorted(unknown)))}")
    server = make_server(parser, options)
    try:
        server.start()
        seconds = server.ready()
        context = Context(server, make_bodies(parser, server, options.row), SOAK[options.soak], seconds)
        with context.stack:
            outcomes = run(
                sorted((CHECKS[n] for n in chosen), key=lambda check: (check.phase, check.number)), context
            )
    except Failed as error:
        print(f"contract: the server does not start: {error}", file=sys.stderr)
        return DOES_NOT_START
    finally:
        server.close()
    report(sorted(outcomes), options.json)
    return BROKEN if any(outcome.result == "failed" for outcome in outcomes) else 0


def make_parser() -> argparse.ArgumentParser:
    """Return the command line."""
    parser = argparse.ArgumentParser("python -m tests.contract", description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--local", action="store_true", help="start serving/serve on this machine")
    where.add_argument("--image", help="start this image")
    where.add_argument("--url", help="ask a server that runs already: http://127.0.0.1:8080")
    parser.add_argument(
        "--python", default=sys.executable, help="interpreter with the requirements (--local)"
    )
    parser.add_argument(
        "--model-dir", type=Path, help="model to serve (default: model, or the one in the image)"
    )
    parser.add_argument("--engine", choices=("docker", "podman", "finch"), default="docker", help="(--image)")
    parser.add_argument("--user", choices=("root", "serving"), default="", help="SERVING_USER (--image)")
    parser.add_argument("--row", type=json.loads, help="a row as JSON, when /ping does not tell its shape")
    parser.add_argument("--only", type=numbers, help="check numbers: 9,13")
    parser.add_argument("--soak", action="store_true", help="send 100,000 requests in check 57, not 5,000")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def numbers(text: str) -> list[int]:
    """Return the numbers in 9,13."""
    return [int(number) for number in text.split(",")]


def make_server(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Server:
    """Return the server to check, not started yet."""
    if options.url:
        parts = urlsplit(options.url)
        if parts.scheme != "http" or not parts.hostname:
            parser.error("--url must look like http://127.0.0.1:8080")
        return Server(Client(parts.hostname, parts.port or 80))
    if options.image:
        return ContainerServer(Setup(options.engine, options.image, options.model_dir, options.user))
    model = options.model_dir or Path("model")
    if not model.is_dir() or not Path("serving/serve").exists():
        parser.error(f"run this in the project's directory, with a model in {model} (see --model-dir)")
    return LocalServer(Setup(options.python, model=model))


def make_bodies(parser: argparse.ArgumentParser, server: Server, row: object) -> Bodies:
    """Return bodies made from --row, or from the row shape that /ping tells."""
    if isinstance(row, list) and row:
        return Bodies(row, sizes(row))
    answer = server.client.ping().json()
    shape = answer.get("row_shape") if isinstance(answer, dict) else None
    if not shape or row is not None:
        parser.error("/ping does not say what a row looks like: give one with --row '[0.5, 1.5]'")
    return of_shape(tuple(shape))


def run(checks: list[Check], context: Context) -> list[Outcome]:
    """Run checks one after the other, saying on stderr which one runs."""
    outcomes, said = [], 0.0
    for done, check in enumerate(checks, start=1):
        line = f"{done}/{len(checks)}  {check.number} {check.title}"
        if sys.stderr.isatty():
            print(f"\r\x1b[K{line[:100]}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - said > 10:
            print(line, file=sys.stderr, flush=True)
            said = time.monotonic()
        outcomes.append(check.outcome(context))
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    return outcomes


def report(outcomes: list[Outcome], as_json: bool) -> None:
    """Print what came of the checks: a table, or one JSON document."""
    results = [outcome.result for outcome in outcomes]
    counts = {result: results.count(result) for result in ("passed", "failed", "not applicable")}
    if as_json:
        print(json.dumps({"counts": counts, "checks": [outcome._asdict() for outcome in outcomes]}, indent=2))
        return
    width = max(len(outcome.title) for outcome in outcomes)
    for o in outcomes:
        detail = " ".join(o.detail.split())
        print(f"{o.number:>2}  {o.title:<{width}}  {o.result:<14}  {o.ms:>6} ms  {detail}")
    print(", ".join(f"{count} {result}" for result, count in counts.items()))


if __name__ == "__main__":
    sys.exit(main())
