# Part of the library: `copier update` replaces this file.
"""Batch transform jobs: those that run, the last ones, the start of one, and its end."""

import re
from collections.abc import Iterator

from lifecycle import explain
from lifecycle.aws import Aws, AwsFailure, tag_list
from lifecycle.project import REFUSED, Failure
from lifecycle.resources import Resource
from lifecycle.sagemaker import inventory, waiting
from lifecycle.sagemaker.kinds import JOB
from lifecycle.sagemaker.logs import Tail
from lifecycle.sagemaker.specification import Request, expiry
from lifecycle.transform.target import Target

LOG_GROUP = "/aws/sagemaker/TransformJobs"  # of all jobs in the account
MOST_LISTED = 50  # of the last jobs with similar names


def running(settings: Target, aws: Aws) -> Iterator[Resource]:
    """Yield the jobs of the project that have not ended."""
    for status in ("InProgress", "Stopping"):
        listed = aws.pages(
            "sagemaker",
            "list_transform_jobs",
            "TransformJobSummaries",
            NameContains=settings.job_prefix,
            StatusEquals=status,
        )
        for name in _names(settings, listed):
            found = inventory.describe(settings, aws, JOB, name)
            if found and found.owned and found.in_transition:
                yield found


def latest(settings: Target, aws: Aws, most: int) -> list[Resource]:
    """Return the last jobs of the project, the newest first."""
    order = {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": MOST_LISTED}
    listed = aws.call("sagemaker", "list_transform_jobs", NameContains=settings.job_prefix, **order)
    found = list[Resource]()
    for name in _names(settings, listed["TransformJobSummaries"]):
        described = inventory.describe(settings, aws, JOB, name)
        found += [described] if described and described.owned else []
        if len(found) == most:
            break
    return found


def same(settings: Target, aws: Aws, request: Request, named_output: bool) -> Resource | None:
    """Return a running job with the same request, None without one.

    The output differs from job to job unless the user named it.
    """
    kept = {name: value for name, value in request.items() if name != "TransformJobName"}
    if not named_output:
        output = {name: value for name, value in kept["TransformOutput"].items() if name != "S3OutputPath"}
        kept |= {"TransformOutput": output}
    return next((job for job in running(settings, aws) if _matches(kept, job.described)), None)


def start(settings: Target, aws: Aws, request: Request) -> None:
    """Start a job. Raise AwsFailure, but not if an earlier attempt of the same call started it."""
    name = request["TransformJobName"]
    tags = tag_list({**aws.tags, **expiry(settings.job_expires_after_hours)})
    try:
        aws.call("sagemaker", "create_transform_job", **request, Tags=tags)
    except AwsFailure as error:
        present = inventory.describe(settings, aws, JOB, name) if error.present else None
        if not (present and present.owned):
            raise


def wait(settings: Target, aws: Aws, name: str, since: float) -> Resource:
    """Wait until a job has ended and return it, with its log lines since a time as progress.

    Raise Failure (refused) if it failed or was stopped, (timed out) after the limit; it then continues.
    """
    tail = Tail(settings, aws, since, (LOG_GROUP, f"{name}/"))
    job = waiting.until_stable(settings, aws, JOB, name, tail.quietly, shows=waiting.created)
    if job is None or job.status != "Completed":
        raise _failed(name, job, tail.last)
    return job


def _names(settings: Target, listed: Iterator[Request] | list[Request]) -> Iterator[str]:
    """Yield the names of the project's naming scheme."""
    pattern = re.compile(f"{re.escape(settings.job_prefix)}[0-9]{{14}}-[0-9a-f]{{4}}")
    yield from (name for item in listed if pattern.fullmatch(name := item["TransformJobName"]))


def _matches(request: Request, described: Request) -> bool:
    """Return whether a description has all values of a request."""
    return all(
        _matches(value, described.get(name) or {})
        if isinstance(value, dict)
        else described.get(name) == value
        for name, value in request.items()
    )


def _failed(name: str, job: Resource | None, lines: list[str]) -> Failure:
    """Return the failure of a job: the reason from AWS, the last log lines and the likely cause."""
    status = job.status if job else "gone"
    if status == "Stopped":
        seen = "a stopped job writes no output"
        return Failure(REFUSED, "job-stopped", f"{JOB} {name} was stopped", seen, "do/batch starts another")
    reason = str(job.described.get("FailureReason", "")) if job else ""
    otherwise = f"do/logs --job {name} shows the complete log"
    cause, next_step = explain.explained("\n".join(lines), otherwise, reason, status)
    seen = "\n        ".join([reason or f"status {status}", *lines[-inventory.LOG_LINES_SHOWN :]])
    return Failure(REFUSED, "job-failed", f"{JOB} {name} failed", seen, next_step, cause)
