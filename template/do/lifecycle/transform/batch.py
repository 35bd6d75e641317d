# Part of the library: `copier update` replaces this file.
"""Predict with the deployed model for each row of a file or of objects in S3, in a batch transform job."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lifecycle.aws import Aws
from lifecycle.console import duration, log
from lifecycle.project import USAGE, VERIFICATION, Failure, Result, write_new
from lifecycle.resources import Resource
from lifecycle.transform import cost, data, work
from lifecycle.transform.data import MIB, Stored
from lifecycle.transform.specification import OUTPUTS, SPLIT, Data, reserved
from lifecycle.transform.target import Target
from lifecycle.transform.work import Ended

EXAMPLE_MINUTES = 10
MOST_SHOWN = 5  # output files in the text


@dataclass(frozen=True)
class Work:
    """The data of a command, the file to upload, its rows (0: unknown), and the file of the result."""

    data: Data
    source: Path | None
    rows: int
    target: Path | None
    about: str


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/batch."""
    text = "a file, or the s3:// address that the keys of the objects to read start with"
    parser.add_argument("input", metavar="INPUT", help=text)
    text = "where SageMaker writes the predictions (a new prefix in batch_location)"
    parser.add_argument("--output", metavar="S3_URI", default="", help=text)
    text = "format of the input, by default from the name: .csv, .jsonl, .json or .npy, also with .gz"
    parser.add_argument("--content-type", choices=OUTPUTS, help=text)
    text = "send each file in one request, such as a CSV file with a header"
    parser.add_argument("--no-split", action="store_true", help=text)
    parser.add_argument("--join", action="store_true", help="write each row with its prediction")
    text = "JSONPath of the part of each row that the model gets, such as $[1:]"
    parser.add_argument("--input-filter", metavar="PATH", default="", help=text)
    text = "JSONPath of the part of each result that is written, such as $[0,-1]"
    parser.add_argument("--output-filter", metavar="PATH", default="", help=text)
    parser.add_argument("--dry-run", action="store_true", help="show the plan and start nothing")
    parser.add_argument("--force", action="store_true", help="replace the file of an earlier result")


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Run the job and return its output. Without --output, write the predictions of a file next to it."""
    aws = Aws(settings, "batch", read_only=arguments.dry_run)
    settings = work.ready(settings, aws)
    planned = _planned(settings, aws, arguments)
    model = work.model(settings, aws)
    text = _plan(settings, model, planned, arguments.output)
    if arguments.dry_run:
        return {"model": model.name, "usd": cost.of(settings), "text": text}
    log(text)
    if planned.source:
        log(f"uploading {planned.source} to {planned.data.source}")
        data.upload(settings, aws, planned.source, planned.data.source)
    ended = work.run(settings, aws, model.name, planned.data, arguments.output)
    written = _written(settings, aws, planned, ended) if planned.target else 0
    return _result(model, planned, ended, written)


def _planned(settings: Target, aws: Aws, arguments: argparse.Namespace) -> Work:
    """Return the work of a command. Raise Failure for options and data that no job can have."""
    if arguments.output and not arguments.output.startswith("s3://"):
        what, seen = "--output is not in S3", arguments.output
        raise Failure(USAGE, "bad-options", what, seen, "do/batch INPUT --output s3://bucket/prefix/")
    for name in ("input_filter", "output_filter"):
        if len(path := getattr(arguments, name)) > 63:
            what = f"--{name.replace('_', '-')} is too long"
            raise Failure(
                USAGE, "bad-options", what, f"{len(path)} characters, SageMaker accepts 63", "shorten it"
            )
    stored: Stored | None = None
    if in_s3 := arguments.input.startswith("s3://"):
        stored = data.stored(settings, aws, arguments.input)
    name = stored.first if stored else arguments.input
    guessed, compressed = data.kind(name)
    content_type = arguments.content_type or guessed
    if not content_type:
        what, seen = (
            "the format of the input is unknown",
            f"{name}: the known endings are .csv, .jsonl, .json, .npy",
        )
        raise Failure(USAGE, "unknown-data", what, seen, "add --content-type, such as text/csv")
    split, rows, target, source = content_type in SPLIT and not arguments.no_split, 0, None, None
    if not in_s3:
        source = Path(arguments.input)
        rows, split = data.check(source, content_type, split, settings.max_payload_mb)
        target = None if arguments.output else source.with_name(f"{source.name}.out")
    _require_split(arguments, split)
    if target and target.exists() and not arguments.force:
        what, next_step = "the file exists", "move it, or add --force"
        raise Failure(USAGE, "file-exists", what, str(target), next_step)
    address = data.address(settings, source) if source else arguments.input
    filters = (arguments.join, arguments.input_filter, arguments.output_filter)
    return Work(
        Data(address, content_type, split, compressed, *filters), source, rows, target, _about(stored, rows)
    )


def _require_split(arguments: argparse.Namespace, split: bool) -> None:
    """Raise Failure (usage) for options that apply to rows, if the input is not split into rows."""
    options = {
        "--join": arguments.join,
        "--input-filter": arguments.input_filter,
        "--output-filter": arguments.output_filter,
    }
    if not split and (given := [name for name, value in options.items() if value]):
        seen = f"{arguments.input} is sent in one request"
        next_step = "use .csv without a header, or .jsonl"
        raise Failure(USAGE, "bad-options", f"{given[0]} requires rows", seen, next_step)


def _about(stored: Stored | None, rows: int) -> str:
    """Return the size of the input for the plan."""
    if stored:
        objects = "1 object" if stored.count == 1 else f"{stored.count} objects"
        return f"{objects}, {stored.size / MIB:.1f} MB"
    return f"{rows} rows" if rows else "size unknown"


def _plan(settings: Target, model: Resource, planned: Work, output: str) -> str:
    """Return the plan as text for the terminal."""
    how = "one row per line, no header" if planned.data.split else "one request for each file"
    where = output or f"a new prefix in s3://{settings.data_bucket}/{settings.data_prefix}output/"
    lines = [
        f"model   {model.name}",
        f"input   {planned.data.source}, {planned.about}, {planned.data.content_type}, {how}",
        f"output  {where}" + (f", then {planned.target}" if planned.target else ""),
        f"job     {reserved(settings)}",
        f"cost    {cost.summary(settings)}{_example(settings)}",
    ]
    return "\n".join(f"  {line}" for line in lines)


def _example(settings: Target) -> str:
    """Return the cost of a short job; the duration is known only at its end."""
    usd = settings.usd_per_hour * settings.instance_count * EXAMPLE_MINUTES / 60
    return f"; {EXAMPLE_MINUTES} minutes cost ${usd:.2f}" if usd else ""


def _written(settings: Target, aws: Aws, planned: Work, ended: Ended) -> int:
    """Write the predictions to the file of the result and return their number.

    Raise Failure (verification) if a row has none.
    """
    assert planned.target
    lines = [line for uri in ended.outputs for line in data.read(settings, aws, uri)]
    write_new({planned.target: b"".join(lines).decode("utf-8", "replace")}, force=True)
    if planned.data.split and len(lines) != planned.rows:
        what, seen = (
            "the output has another number of rows",
            f"{planned.rows} rows, {len(lines)} in the output",
        )
        next_step = f"compare {planned.target} with the input; do/logs shows the log of the job"
        raise Failure(VERIFICATION, "rows-differ", what, seen, next_step)
    return len(lines)


def _result(model: Resource, planned: Work, ended: Ended, written: int) -> Result:
    """Return the result of a completed job."""
    spent = "cost unknown" if ended.usd is None else f"about ${ended.usd:.2f}"
    lines = [f"{ended.job}: {duration(ended.seconds)} billed, {spent}"]
    if planned.target:
        lines.append(
            f"wrote {planned.target}" + (f" with {written} predictions" if planned.data.split else "")
        )
    lines += _shown(ended.outputs)
    return {
        "job": ended.job.name,
        "model": model.name,
        "input": planned.data.source,
        "outputs": ended.outputs,
        "file": str(planned.target) if planned.target else None,
        "seconds": ended.seconds,
        "usd": ended.usd,
        "text": "\n".join(lines),
    }


def _shown(outputs: Sequence[str]) -> list[str]:
    more = len(outputs) - MOST_SHOWN
    return [*(f"output: {uri}" for uri in outputs[:MOST_SHOWN]), *([f"and {more} more"] if more > 0 else [])]
