# Part of the library: `copier update` replaces this file.
"""Show the model and the last batch transform jobs of the project, their state and their cost."""

import argparse
from typing import Any

from lifecycle.aws import Aws
from lifecycle.console import duration
from lifecycle.project import Result
from lifecycle.resources import Resource
from lifecycle.sagemaker import status
from lifecycle.transform import cost, jobs
from lifecycle.transform.target import Target

add_options = status.add_options
SHOWN = 5


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Return the resources, Region by Region, and the last jobs."""
    result = status.run(settings, arguments)
    aws = Aws(settings, "status", read_only=True)
    rows = [_row(settings, job) for job in jobs.latest(settings, aws, SHOWN)]
    lines = [*map(_line, rows)] or ["no batch transform jobs yet: do/batch FILE"]
    return {**result, "jobs": rows, "text": "\n".join([result["text"], *lines])}


def _row(settings: Target, job: Resource) -> dict[str, Any]:
    found = job.described
    started, ended = found.get("TransformStartTime"), found.get("TransformEndTime")
    seconds = (ended - started).total_seconds() if started and ended else None
    return {
        "name": job.name,
        "status": job.status,
        "created": found["CreationTime"].isoformat(timespec="seconds"),
        "seconds": seconds,
        "usd": cost.spent(settings, found),
        "input": found["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"],
        "output": found["TransformOutput"]["S3OutputPath"],
        "reason": found.get("FailureReason"),
    }


def _line(row: dict[str, Any]) -> str:
    parts = [f"job {row['name']}", row["status"], f"created {row['created']}"]
    parts += [duration(row["seconds"])] if row["seconds"] is not None else []
    parts += [
        "price unknown" if row["usd"] is None else f"about ${row['usd']:.2f}",
        f"output {row['output']}",
    ]
    return ", ".join([*parts, *filter(None, [row["reason"]])])
