# Part of the library: `copier update` replaces this file.
"""Load of the same request by a number of clients, with Locust: the request that do/test sends."""

import argparse
import json
from pathlib import Path

from lifecycle.console import Progress
from lifecycle.load import generator
from lifecycle.load.generator import Generator
from lifecycle.load.measured import Level, percentiles
from lifecycle.project import VERIFICATION, Failure, writing
from lifecycle.transport import Access, Sent

LOCUST = Generator("Locust", 90)
LOCUSTFILE = Path(__file__).with_name("locustfile.py")
WARM_UP = 1.0  # seconds
STARTS, TIMEOUT = 30, 70  # seconds that Locust needs to start, and that it waits for a response


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the load."""
    text = "seconds to send requests at each level (%(default)s)"
    parser.add_argument("--seconds", type=float, default=10.0, help=text)


def of(arguments: argparse.Namespace) -> Generator:
    """Return the load generator."""
    return LOCUST


def measure(
    python: Path, access: Access, sent: Sent, concurrency: int, arguments: argparse.Namespace
) -> Level:
    """Return the figures of `concurrency` clients that repeat a request. Raise Failure if none succeeds."""
    directory = generator.folder(concurrency)
    body, request, result = directory / "body", directory / "request.json", directory / "result.json"
    headers = {**access.headers, "Content-Type": sent.content_type, "Accept": "application/json"}
    if sent.attributes:
        headers["X-Amzn-SageMaker-Custom-Attributes"] = sent.attributes
    about = {"url": access.url, "path": access.path, "headers": headers, "region": access.region}
    with writing(directory):
        body.write_bytes(sent.body)
        request.write_text(json.dumps({**about, "body": str(body), "warm_up": WARM_UP, "timeout": TIMEOUT}))
    seconds = arguments.seconds + WARM_UP
    command = [str(python), "-m", "locust", "--headless", "--only-summary", "--locustfile", str(LOCUSTFILE)]
    command += ["--users", str(concurrency), "--spawn-rate", str(concurrency), "--run-time", f"{seconds:g}s"]
    command += ["--stop-timeout", str(TIMEOUT), "--exit-code-on-error", "0"]
    progress = Progress(f"{concurrency} concurrent", seconds + STARTS + TIMEOUT)
    progress.show("sending requests")
    files = {"BENCHMARK_REQUEST": str(request), "BENCHMARK_RESULT": str(result)}
    if code := generator.run(command, directory, files, progress):
        raise generator.failed(f"it ended with code {code}", directory)
    level = read(directory, concurrency)
    progress.end(f"{level.requests} responses, {level.errors} errors")
    return level


def read(directory: Path, concurrency: int) -> Level:
    """Return the figures in the result of locustfile.py. Raise Failure without a result or a response."""
    try:
        found = json.loads((directory / "result.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise generator.failed(f"it wrote no result: {error}", directory) from None
    times, problems = found["times_ms"], found["problems"]
    shown = tuple(f"{text} ({count} times)" for text, count in problems.items())
    if not times:
        what = f"no request succeeded with {concurrency} concurrent requests"
        seen = "; ".join(shown) or "no request ended in time"
        next_step = "do/test sends one request; or raise --seconds for a slow model"
        raise Failure(VERIFICATION, "no-response", what, seen, next_step)
    rate = len(times) / found["seconds"]
    return Level(concurrency, len(times), rate, percentiles(times), sum(problems.values()), shown)
