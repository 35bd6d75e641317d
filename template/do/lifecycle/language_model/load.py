# Part of the library: `copier update` replaces this file.
"""The load for a language model, with AIPerf: streamed responses of a fixed length to random prompts.

Models that stream no tokens get the load of any other model: the request of do/test, again and again.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from lifecycle import chosen
from lifecycle.console import Progress
from lifecycle.language_model import prompts
from lifecycle.load import fixed, generator
from lifecycle.load.generator import Generator
from lifecycle.load.measured import Level, Percentiles
from lifecycle.project import USAGE, VERIFICATION, Failure, writing
from lifecycle.transport import Access, Sent

AIPERF = Generator("AIPerf", 1200)
TYPES = {"chat": "chat", "completion": "completions"}  # the names of AIPerf
RESULT, RECORDS = "profile_export_aiperf.json", "profile_export.jsonl"
KEY = "BENCHMARK_TOKEN"  # the variable with the bearer token, which is in no file and no argument
LONGEST_RUN, TIMEOUT = 3600, 600  # seconds
REFUSED = ("401", "403")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the load."""
    if not _streams():
        fixed.add_options(parser)
        return
    parser.add_argument("--input", type=int, default=512, help="words of a prompt (%(default)s)")
    parser.add_argument("--output", type=int, default=128, help="tokens of a response (%(default)s)")
    text = "requests at each level (10 for each concurrent one, and at least 20)"
    parser.add_argument("--requests", type=int, default=0, help=text)


def of(arguments: argparse.Namespace) -> Generator:
    """Return the load generator."""
    return AIPERF if _streams() else fixed.of(arguments)


def measure(
    python: Path, access: Access, sent: Sent, concurrency: int, arguments: argparse.Namespace
) -> Level:
    """Return the figures of `concurrency` clients. Raise Failure if no request succeeds."""
    if not _streams():
        return fixed.measure(python, access, sent, concurrency, arguments)
    if access.region:
        what, seen = "AIPerf cannot call this endpoint", "the OpenAI-compatible path has chats only"
        raise Failure(USAGE, "no-remote-load", what, seen, "do/run, and do/benchmark without --remote")
    directory = generator.folder(concurrency)
    count = arguments.requests or max(20, 10 * concurrency)
    plan = config(directory, access, sent, concurrency, count, arguments)
    with writing(directory):
        (directory / "tokenizer").mkdir()
        for name, content in prompts.tokenizer().items():
            (directory / "tokenizer" / name).write_text(json.dumps(content))
        (directory / "config.json").write_text(json.dumps(plan))
    progress = Progress(f"{concurrency} concurrent", LONGEST_RUN)
    progress.show(f"{count} requests of {arguments.input} + {arguments.output} tokens")
    command = [str(python), "-m", "aiperf", "profile", "--config", str(directory / "config.json")]
    variables = {KEY: access.token, "HF_HUB_DISABLE_TELEMETRY": "1"}
    if code := generator.run(command, directory, variables, progress):
        raise _no_response(directory, concurrency, code)
    level = read(directory, concurrency)
    progress.end(f"{level.requests} responses, {level.errors} errors")
    return level


def config(
    directory: Path, access: Access, sent: Sent, concurrency: int, count: int, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Return AIPerf's configuration: a warm-up with a request for each client, then `count` requests."""
    headers = {**access.headers, "X-Amzn-SageMaker-Custom-Attributes": sent.attributes}
    endpoint: dict[str, Any] = {
        "urls": [access.url],
        "path": access.path,
        "type": TYPES[chosen.REQUESTS[0]],
        "headers": headers if sent.attributes else dict(access.headers),
        "streaming": True,
        "use_server_token_count": True,
        "timeout": TIMEOUT,
        # The address selects the model, and a response has all its tokens.
        "extra": {"model": "", "ignore_eos": True, "max_tokens": arguments.output},
    }
    if access.token:
        endpoint["api_key"] = f"${{{KEY}}}"
    records = [
        {"text": text, "output_length": arguments.output}
        for text in prompts.texts(count, arguments.input, concurrency)
    ]
    phase = {"type": "concurrency", "concurrency": concurrency}
    warm_up = {"name": "warmup", "kind": "warmup", "requests": concurrency, "exclude_from_results": True}
    return {
        "benchmark": {
            "models": ["model"],
            "endpoint": endpoint,
            "datasets": [{"name": "main", "type": "file", "format": "single_turn", "records": records}],
            "phases": [{**phase, **warm_up}, {**phase, "name": "profiling", "requests": count}],
            "tokenizer": {"name": str(directory / "tokenizer")},
            "gpu_telemetry": {"enabled": False},
            "server_metrics": {"enabled": False},
            "artifacts": {"dir": str(directory)},
            "runtime": {"ui": "none"},
        }
    }


def read(directory: Path, concurrency: int) -> Level:
    """Return the figures in AIPerf's result. Raise Failure without a result."""
    try:
        found = json.loads((directory / RESULT).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise generator.failed(f"it wrote no result: {error}", directory) from None
    errors = [(item["error_details"], int(item["count"])) for item in found.get("error_summary") or []]
    problems = tuple(f"{_text(details)} ({count} times)" for details, count in errors)
    try:
        return Level(
            concurrency,
            int(found["request_count"]["avg"]),
            found["request_throughput"]["avg"],
            _percentiles(found["request_latency"]),
            sum(number for _, number in errors),
            problems,
            found["output_token_throughput"]["avg"],
            (found.get("usage_prompt_tokens") or {}).get("avg"),
            _percentiles(found["time_to_first_token"]),
            _percentiles(found["inter_token_latency"]) if "inter_token_latency" in found else None,
        )
    except KeyError as error:
        raise generator.failed(f"its result has no {error}", directory) from None


def _no_response(directory: Path, concurrency: int, code: int) -> Failure:
    """Return the failure of a run without a result: AIPerf fails, too, if no request succeeds."""
    try:
        records = [json.loads(line) for line in (directory / RECORDS).read_text("utf-8").splitlines()]
    except (OSError, ValueError):
        records = []
    errors = [record["error"] for record in records if record.get("error")]
    if not errors or len(errors) < len(records):
        return generator.failed(f"it ended with code {code}", directory)
    what = f"no request succeeded with {concurrency} concurrent requests"
    next_step = "do/test sends one request; the server log has the cause"
    if any(str(error.get("code")) in REFUSED for error in errors):
        next_step = "allow the actions of do/doctor --policy token; a new run has a new token"
    return Failure(VERIFICATION, "no-response", what, _text(errors[0]), next_step)


def _percentiles(metric: dict[str, float]) -> Percentiles:
    return Percentiles(metric["p50"], metric["p90"], metric["p99"])


def _text(details: dict[str, Any]) -> str:
    code, message = details.get("code"), " ".join(str(details.get("message", "")).split())
    return f"{f'HTTP {code}' if code else details.get('type', 'error')}: {message[:200]}"


def _streams() -> bool:
    """Return whether the server streams tokens."""
    return chosen.REQUESTS[0] in TYPES
