"""After a fault in a call for a model without an inference component, a second run reaches the same state.

These are the deployment targets that test_faults.py does not have: every call of do/deploy and do/clean for
batch transform and serverless inference, and of do/batch.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.aws.calls import Kind
from tests.fakes.aws.server import FakeAws
from tests.lifecycle.commands import NAME, Project
from tests.lifecycle.conftest import BUCKET, copied, render, write_examples
from tests.lifecycle.fault_lane import CASES, IDS, Lane, examine
from tests.lifecycle.forks import Forks

pytestmark = pytest.mark.xdist_group("faults-models")
JOB = f"{NAME}-20261201000000-abcd"
POLL = {"MCC_DO_POLL_SECONDS": "0.02", "MCC_DO_WAIT_SECONDS": "30"}


class Jobs(Lane):
    """A project of batch transform jobs. do/clean also finds a job that runs."""

    def start_over(self, verb: str) -> None:
        super().start_over(verb)
        (self.project.path / "rows.csv.out").unlink(missing_ok=True)
        self.aws.settings.job_seconds = 0.0
        if verb == "clean":
            self.aws.settings.job_seconds = 3600
            (model,) = self.aws.world.region("us-east-1").models.values()
            self.aws.boto3_client("sagemaker").create_transform_job(
                TransformJobName=JOB,
                ModelName=model.name,
                TransformInput={
                    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://a-b/"}}
                },
                TransformOutput={"S3OutputPath": "s3://a-b/"},
                TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
                Tags=[{"Key": key, "Value": value} for key, value in model.tags.items()],
            )
            self.aws.forget_calls()

    def states(self) -> dict[str, str]:
        """Return the model, and the states of jobs, without the records of those that failed."""
        jobs = {job.status for job in self.aws.world.region("us-east-1").jobs.values()} - {"Failed"}
        found = {"jobs": ", ".join(sorted(jobs))} if jobs else {}
        if (file := self.project.path / "rows.csv.out").exists():
            found["file"] = file.read_text()
        return super().states() | found

    def unnamed(self, verb: str, lines: list[str]) -> str:
        """Return a resource that was left and is not named. A model costs nothing: do/batch leaves it."""
        jobs = self.aws.world.region("us-east-1").jobs.values()
        for job in (job for job in jobs if job.ended is None):
            if not any(job.name in line or f"{NAME}-*" in line for line in lines):
                return job.arn
        return "" if verb == "batch" else super().unnamed(verb, lines)


@pytest.fixture(scope="module", params=["batch", "serverless"])
def lane(
    request: pytest.FixtureRequest,
    template: Path,
    rendered: Path,
    batch_project: Path,
    aws_server: FakeAws,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Lane]:
    aws_server.reset()
    path = tmp_path_factory.mktemp("faults") / NAME
    verbs: dict[str, list[str]] = {"deploy": [], "clean": ["--yes"]}
    kind: type[Lane] = Lane
    if request.param == "batch":
        aws_server.boto3_client("s3").create_bucket(Bucket=BUCKET)
        file = copied(batch_project, path) / "rows.csv"
        file.write_text("1,2,3\n")
        kind, verbs["batch"] = Jobs, [str(file), "--force"]
    else:
        render(template, path, deployment_target="serverless-inference")
        write_examples(path)
        (path / ".venv").symlink_to(rendered / ".venv")
    forks = Forks(rendered / ".venv" / "bin" / "python", path)
    lane = kind(Project(path, aws_server), forks, POLL, verbs)
    lane.deploy()
    yield lane
    lane.close()
    aws_server.reset()


@pytest.mark.parametrize(("kind", "after"), CASES, ids=IDS)
def test_each_call_for_a_model_may_fail(lane: Lane, kind: Kind, after: bool) -> None:
    problems = []
    for verb in lane.arguments:
        wanted = lane.wanted_after(verb)
        assert wanted if verb != "clean" else not any("arn:" in name for name in wanted)
        problems += examine(lane, verb, kind, after, wanted)
    assert not problems, "\n\n".join(problems)
