# Part of the library: `copier update` replaces this file.
"""Check that this project serves as SageMaker expects: locally, in a container, or where it runs already."""

import argparse
import contextlib
import json
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

from . import kind
from .client import Client, Failed
from .registry import CHECKS, Outcome, in_order, run
from .servers import ContainerServer, LocalServer, Server

DOES_NOT_START, BROKEN = 3, 6
PARSER = argparse.ArgumentParser("PYTHONPATH=do python -m contract", description=__doc__)


def main() -> int:
    """Run the checks that were asked for; return 0 when none failed, 6 when one did."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers are ended on the way out
    chosen = options.only or list(CHECKS)
    if unknown := set(chosen) - set(CHECKS):
        PARSER.error(f"there is no check {', '.join(map(str, sorted(unknown)))}")
    try:
        with contextlib.closing(_server(options)) as server:
            seconds = server.ready()
            context = kind.Checks(server, options, 100_000 if options.soak else 5_000, seconds)
            with context.stack:
                outcomes = _run(in_order(chosen), context)
    except ValueError as error:
        PARSER.error(str(error))
    except Failed as error:
        print(f"contract: the server does not start: {error}", file=sys.stderr)
        return DOES_NOT_START
    _report(outcomes, options.json)
    return BROKEN if any(outcome.result == "failed" for outcome in outcomes) else 0


def _options() -> argparse.Namespace:
    where, add = PARSER.add_mutually_exclusive_group(required=True), PARSER.add_argument
    where.add_argument("--local", action="store_true", help="start serving/serve on this machine")
    where.add_argument("--image", help="start this image")
    where.add_argument("--url", help="ask a server that runs already: http://127.0.0.1:8080")
    add("--python", default=sys.executable, help="interpreter with the requirements (--local)")
    add("--model-dir", type=Path, help="model to serve (default: model, or the one in the image)")
    add("--engine", choices=("docker", "podman", "finch"), default="docker", help="(--image)")
    add("--user", choices=("root", "serving"), default="", help="SERVING_USER (--image)")
    add("--only", type=_numbers, help="check numbers: 9,13")
    add("--soak", action="store_true", help="send 100,000 requests in check 57, not 5,000")
    add("--json", action="store_true", help="print JSON")
    kind.add_options(PARSER)
    return PARSER.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def _server(options: argparse.Namespace) -> Server:
    if options.url:
        parts = urlsplit(options.url)
        if parts.scheme != "http" or not parts.hostname:
            PARSER.error("--url must look like http://127.0.0.1:8080")
        return Server(Client(parts.hostname, parts.port or 80))
    if options.image:
        options_of_kind = kind.Checks.container_options
        return ContainerServer(
            options.engine, options.image, options.model_dir, options.user, options=options_of_kind
        )
    if not Path("serving/serve").exists():
        raise ValueError("run this in the project's directory")
    model = kind.model_dir(options.model_dir)
    return LocalServer(options.python, model, variables=kind.Checks.local_variables)


def _run(numbers: list[int], context: kind.Checks) -> list[Outcome]:
    outcomes, said = list[Outcome](), 0.0
    for done, number in enumerate(numbers, start=1):
        line = f"{done}/{len(numbers)}  {number} {CHECKS[number][0]}"
        if sys.stderr.isatty():
            print(f"\r\x1b[K{line[:100]}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - said > 10:
            print(line, file=sys.stderr, flush=True)
            said = time.monotonic()
        outcomes.append(run(number, context))
    print("\r\x1b[K" if sys.stderr.isatty() else "", end="", file=sys.stderr)
    return sorted(outcomes, key=lambda outcome: outcome.number)


def _report(outcomes: list[Outcome], as_json: bool) -> None:
    results = [outcome.result for outcome in outcomes]
    counts = {result: results.count(result) for result in ("passed", "failed", "not applicable")}
    if as_json:
        print(json.dumps({"counts": counts, "checks": list(map(asdict, outcomes))}, indent=2))
        return
    width = max(len(outcome.title) for outcome in outcomes)
    for outcome in outcomes:
        detail = " ".join(outcome.detail.split())
        line = f"{outcome.number:>2}  {outcome.title:<{width}}  {outcome.result:<14}  {outcome.ms:>6} ms"
        print(f"{line}  {detail}")
    print(", ".join(f"{count} {result}" for result, count in counts.items()))


if __name__ == "__main__":
    sys.exit(main())
