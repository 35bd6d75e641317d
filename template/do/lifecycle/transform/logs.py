# Part of the library: `copier update` replaces this file.
"""Show, follow or explain the log of a batch transform job."""

import argparse

from lifecycle import explain
from lifecycle.aws import Aws
from lifecycle.project import PRECONDITION, Failure, Result
from lifecycle.resources import Resource
from lifecycle.sagemaker import inventory, logs
from lifecycle.sagemaker.kinds import JOB
from lifecycle.transform import jobs
from lifecycle.transform.target import Target


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/logs."""
    parser.add_argument("--job", metavar="NAME", help="the job (the last one)")
    logs.add_display_options(parser)


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Return the lines of the job, or their known causes."""
    aws = Aws(settings, "logs", read_only=True)
    job = _job(settings, aws, arguments.job)
    since = job.described["CreationTime"].timestamp()
    tail = logs.Tail(settings, aws, since, (jobs.LOG_GROUP, f"{job.name}/"))
    if arguments.explain:
        reason = job.described.get("FailureReason", "")
        return logs.causes(explain.explain("\n".join(tail.new()), reason, job.status))
    if arguments.follow:
        logs.follow(settings, tail, arguments.json)
    lines = list(tail.new())
    return {"job": job.name, "lines": lines, "text": "\n".join(lines) or f"no log lines of {job}"}


def _job(settings: Target, aws: Aws, name: str | None) -> Resource:
    """Return a job, by default the last one. Raise Failure (precondition) without one."""
    if name:
        found = inventory.describe(settings, aws, JOB, name)
        if found and found.owned:
            return found
    elif last := jobs.latest(settings, aws, 1):
        return last[0]
    what, seen = "there is no such job", name or f"no job {settings.job_prefix}* in {aws.region}"
    raise Failure(PRECONDITION, "no-job", what, seen, "do/status lists the last jobs, do/batch starts one")
