# Part of the library: `copier update` replaces this file.
"""The steps that do/batch and do/test share: find the model, run a job, and list its output."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from lifecycle import journal
from lifecycle.aws import Aws
from lifecycle.console import log
from lifecycle.project import INTERRUPTED, POLICY, PRECONDITION, USAGE, Failure
from lifecycle.resources import Resource
from lifecycle.sagemaker import inventory
from lifecycle.sagemaker.kinds import JOB
from lifecycle.transform import cost, data, jobs, specification
from lifecycle.transform.specification import Data
from lifecycle.transform.target import Target


@dataclass(frozen=True)
class Ended:
    """A job that has completed: its resource, the addresses of its output, and its cost (None: unknown)."""

    job: Resource
    outputs: list[str]
    usd: float | None

    @property
    def seconds(self) -> float:
        """The billed time."""
        described = self.job.described
        return float((described["TransformEndTime"] - described["TransformStartTime"]).total_seconds())


def ready(settings: Target, aws: Aws) -> Target:
    """Return the settings with the account of the caller. Raise Failure if they cannot run a job."""
    settings.check()
    budget = cost.check(settings)
    if budget.id == cost.OVER_BUDGET:
        raise Failure(POLICY, budget.id, budget.what, budget.seen, budget.next)
    return replace(settings, account=aws.identify().account)


def model(settings: Target, aws: Aws) -> Resource:
    """Return the newest model of the project. Raise Failure (precondition) if there is none."""
    found = [item for item in inventory.listed(settings, aws, "model") if item.owned]
    if not found:
        what, seen = "no model is deployed", f"no model {settings.name_prefix}* in {aws.region}"
        raise Failure(PRECONDITION, "no-model", what, seen, "do/deploy")
    return max(found, key=lambda item: str(item.described["CreationTime"]))


def own_output(settings: Target, name: str) -> str:
    """Return the s3:// address of the output of a job, which no other job has."""
    return f"s3://{settings.data_bucket}/{settings.data_prefix}output/{name}/"


def run(settings: Target, aws: Aws, model_name: str, what: Data, output: str = "") -> Ended:
    """Run a job to its end, or wait for a running one with the same request, and return it.

    `output` is an s3:// address, "" for one of its own. Raise Failure; it names what still runs.
    """
    name, since = specification.new_name(settings), time.time()
    request = specification.job(settings, name, model_name, what, output or own_output(settings, name))
    with _naming(settings, name):
        with journal.locked(aws.verb):
            if present := jobs.same(settings, aws, request, bool(output)):
                name = present.name
                log(f"the same job runs already: waiting for {JOB} {name}")
            else:
                log(f"starting {JOB} {name}")
                jobs.start(settings, aws, request)
        with _naming(settings, name):
            job = jobs.wait(settings, aws, name, since)
    found = data.outputs(settings, aws, job.described["TransformOutput"]["S3OutputPath"])
    return Ended(job, found, cost.spent(settings, job.described))


@contextmanager
def _naming(settings: Target, name: str) -> Iterator[None]:
    """Add what still runs to a failure: a job with this name, with its cost, if AWS does not exclude it."""
    try:
        yield
    except (Failure, KeyboardInterrupt) as error:
        failure = error if isinstance(error, Failure) else _interrupted()
        if not failure.left and failure.code not in (USAGE, POLICY):
            failure.left = _left(settings, name)
        raise failure from None


def _left(settings: Target, name: str) -> list[str]:
    brief = Aws(replace(settings, call_attempts=2), "batch", read_only=True)
    try:
        job = inventory.describe(settings, brief, JOB, name)
    except Failure:
        return [f"{JOB} {name} might run (could not verify)"]
    return [cost.described(settings, job)] if job and job.in_transition else []


def _interrupted() -> Failure:
    next_step = "the same command continues to wait, do/clean stops the job"
    return Failure(INTERRUPTED, "interrupted", "stopped waiting", "the job continues in AWS", next_step)
