"""Batch transform: from a project to a model, to jobs and back, and what SageMaker rejects."""

import copy
import json
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.aws.containers import Answer
from tests.lifecycle.commands import NAME, Project, mutations
from tests.lifecycle.conftest import BUCKET, copied
from tests.lifecycle.deployed import configure

ROW = b"0,0.455,0.365,0.095,0.514,0.2245,0.101,0.15\n"


@pytest.fixture
def deployed(batch: Project) -> Project:
    batch.succeed("deploy")
    return batch


def rows(project: Project, content: bytes = ROW * 3, name: str = "rows.csv") -> str:
    """Write a file and return its path."""
    file = project.path / name
    file.write_bytes(content)
    return str(file)


def jobs(project: Project) -> list[dict[str, Any]]:
    """Return the descriptions of all jobs, the oldest first."""
    sagemaker = project.aws.boto3_client("sagemaker")
    listed = sagemaker.list_transform_jobs(SortOrder="Ascending")["TransformJobSummaries"]
    return [sagemaker.describe_transform_job(TransformJobName=job["TransformJobName"]) for job in listed]


def running(project: Project, *arguments: str) -> str:
    """Start a job that does not end, without waiting for it, and return its name."""
    project.aws.settings.job_seconds = 3600
    done = project.do("batch", *arguments, MCC_DO_WAIT_SECONDS="0.1")
    assert done.code == 5, done.err
    return str(jobs(project)[-1]["TransformJobName"])


def test_from_nothing_to_predictions_and_back(batch: Project) -> None:
    planned = batch.succeed("plan", "--json").json["result"]
    assert [(step["action"], step["kind"]) for step in planned["steps"]] == [("create", "model")]
    assert planned["usd"]["per_hour_of_a_job"] == 0.102
    template = batch.path / "model.yml"
    batch.succeed("plan", "--template", str(template))
    lint = subprocess.run(["cfn-lint", "--", str(template)], capture_output=True, text=True)
    assert lint.returncode == 0 and "AWS::SageMaker::Model" in template.read_text(), lint.stdout
    assert "no model is deployed" in batch.do("batch", rows(batch)).err
    first = batch.succeed("deploy").out
    assert "create model" in first and "$0.10/h in us-east-1 while a job runs" in first
    before = mutations(batch.aws)
    assert "no changes" in batch.succeed("deploy").out and mutations(batch.aws) == before
    shown = batch.succeed("batch", rows(batch), "--dry-run")
    assert "3 rows, text/csv, one row per line" in shown.out and "10 minutes cost $0.02" in shown.out
    assert mutations(batch.aws) == before
    done = batch.succeed("batch", rows(batch), "--json")
    assert "uploading" in done.err and "POST /invocations 200" in done.err
    result = done.json["result"]
    assert (batch.path / "rows.csv.out").read_text() == "1.5\n" * 3
    (job,) = jobs(batch)
    assert result["job"] == job["TransformJobName"] and result["usd"] < 0.01
    assert re.fullmatch(rf"{NAME}-\d{{14}}-[0-9a-f]{{4}}", job["TransformJobName"])
    assert job["MaxConcurrentTransforms"] == 2 and job["MaxPayloadInMB"] == 6
    assert job["BatchStrategy"] == "MultiRecord" and job["TransformInput"]["SplitType"] == "Line"
    uri = job["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    assert re.fullmatch(rf"s3://{BUCKET}/churn/input/[0-9a-f]{{16}}/rows.csv", uri)
    assert job["TransformResources"] == {"InstanceType": "ml.c6i.large", "InstanceCount": 1}
    assert batch.aws.light.started[0].environment == {"SAGEMAKER_BATCH": "true"}
    tags = {
        tag["Key"]
        for tag in batch.aws.boto3_client("sagemaker").list_tags(ResourceArn=job["TransformJobArn"])["Tags"]
    }
    assert {"mcc-project-id", "mcc-created-by", "mcc-expires-at"} <= tags
    status = batch.succeed("status", "--json").json["result"]
    assert [row["kind"] for row in status["resources"]] == ["model"]
    assert status["jobs"][0]["status"] == "Completed" and "Completed" in batch.succeed("status").out
    assert "POST /invocations 200" in batch.succeed("logs").out
    cleaned = batch.succeed("clean", "--yes").out
    assert "deleted model" in cleaned and batch.left() == [] and len(jobs(batch)) == 1
    assert batch.aws.boto3_client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"] == 2


def test_objects_in_s3_are_read_and_the_output_is_named(deployed: Project) -> None:
    s3 = deployed.aws.boto3_client("s3")
    for number in range(2):
        s3.put_object(Bucket=BUCKET, Key=f"day/{number}.jsonl", Body=b"[1, 2]\n" * 3)
    done = deployed.succeed("batch", f"s3://{BUCKET}/day/", "--output", f"s3://{BUCKET}/result/", "--json")
    assert f"s3://{BUCKET}/day/, 2 objects, 0.0 MB, application/jsonlines" in done.err
    assert done.json["result"]["outputs"] == [f"s3://{BUCKET}/result/{n}.jsonl.out" for n in range(2)]
    assert s3.get_object(Bucket=BUCKET, Key="result/0.jsonl.out")["Body"].read().split() == [b"1.5"] * 3
    missing = deployed.do("batch", f"s3://{BUCKET}/night/")
    assert missing.code == 3 and "no input in S3" in missing.err


def test_rows_are_joined_with_their_predictions_and_filtered(deployed: Project) -> None:
    configure(deployed, batch_strategy='"SingleRecord"')
    options = ("--join", "--input-filter", "$[1:]", "--output-filter", "$[0,-1]")
    deployed.succeed("batch", rows(deployed, b"a1,2,3\na2,4,5\n"), *options)
    assert (deployed.path / "rows.csv.out").read_text() == "a1,1.5\na2,1.5\n"
    (job,) = jobs(deployed)
    assert job["DataProcessing"]["JoinSource"] == "Input" and job["BatchStrategy"] == "SingleRecord"
    again = deployed.do("batch", rows(deployed))
    assert again.code == 2 and "the file exists" in again.err


def test_a_file_with_a_header_is_one_request(deployed: Project) -> None:
    deployed.succeed("batch", rows(deployed, b"id,age\n1,2\n3,4\n"))
    (job,) = jobs(deployed)
    assert job["TransformInput"]["SplitType"] == "None" and "BatchStrategy" not in job
    refused = deployed.do("batch", rows(deployed, b"id,age\n" + b"1,2\n" * 2_000_000), "--force")
    assert refused.code == 2 and "its first line is a header" in refused.err and len(jobs(deployed)) == 1


REFUSED: dict[str, tuple[bytes, str, tuple[str, ...], str]] = {
    "no rows": (b"\n", "rows.csv", (), "has no rows"),
    "an unknown format": (b"x", "rows.txt", (), "the format of the input is unknown"),
    "a row over the payload": (b"1" * 7_000_000, "rows.csv", (), "a row has 7000000 bytes"),
    "a file over the payload": (b"1" * 7_000_000, "rows.json", (), "does not fit into one request"),
    "a join without rows": (b"{}", "rows.json", ("--join",), "--join requires rows"),
    "a long filter": (ROW, "rows.csv", ("--input-filter", "$" * 64), "64 characters"),
    "an output on this machine": (ROW, "rows.csv", ("--output", "out"), "--output is not in S3"),
}


def test_data_and_options_that_no_job_can_have_start_nothing(deployed: Project) -> None:
    before = mutations(deployed.aws)
    for name, (content, file, options, words) in REFUSED.items():
        done = deployed.do("batch", rows(deployed, content, file), *options)
        assert done.code == 2 and words in done.err, name
    assert mutations(deployed.aws) == before


SETTINGS: dict[str, tuple[dict[str, str], str]] = {
    "too many MB at once": ({"max_concurrent_transforms": "17"}, "is 102 MB, SageMaker accepts 100 MB"),
    "more than the server accepts": ({"max_payload_mb": "26"}, "max_payload_mb is 26, not 1 to 25"),
    "no strategy": ({"batch_strategy": '"All"'}, "not MultiRecord or SingleRecord"),
    "no instances": ({"instance_count": "0"}, "instance_count is 0, not 1 to 100"),
    "another type": ({"instance_type": '"ml.m5.large"'}, "the price is for ml.c6i.large"),
}


def test_settings_that_sagemaker_rejects_change_nothing(batch: Project) -> None:
    file = batch.path / "do" / "config.toml"
    original = file.read_text()
    for name, (settings, words) in SETTINGS.items():
        configure(batch, **settings)
        for command in (["deploy"], ["batch", rows(batch)]):
            done = batch.do(*command)
            assert done.code == 2 and words in done.err, name
        file.write_text(original)
    dear = batch.do("batch", rows(batch), "--set", "max_usd_per_hour=0.05")
    assert dear.code == 7 and "costs more than the limit" in dear.err
    unknown = batch.do("plan", "--set", "instance_type=ml.c7g.large", "--set", "derived_for=ml.c7g.large")
    assert unknown.code == 3 and "transform jobs cannot have this instance type" in unknown.out
    batch.aws.settings.transform_quotas["ml.c6i.large"] = 0
    assert "'ml.c6i.large for transform job usage' is 0" in batch.do("plan").out
    assert mutations(batch.aws) == batch.made_by_the_test


def rejected(content_type: str, accept: str, body: bytes) -> Answer:
    return 400, "application/json", b'{"error": "row 2 has 3 values, not 8"}'


def test_a_job_that_fails_is_reported_with_its_log(deployed: Project) -> None:
    deployed.aws.light.model = rejected
    done = deployed.do("batch", rows(deployed))
    assert done.code == 4 and "AlgorithmError" in done.err and "row 2 has 3 values, not 8" in done.err
    assert "left:" not in done.err
    assert "row 2 has 3 values, not 8" in deployed.succeed("logs").out
    assert "AlgorithmError" in deployed.succeed("status").out
    for reason in (
        "ClientError: Data download failed",
        "InternalServerError: We encountered an internal error.",
    ):
        deployed.aws.settings.job_reason = reason
        deployed.aws.light.model = lambda *_: (200, "text/csv", b"1\n")
        assert reason in deployed.do("batch", rows(deployed)).err
    deployed.aws.fault("no capacity", "sagemaker", "CreateTransformJob")
    assert "CapacityError" in deployed.do("batch", rows(deployed)).err
    deployed.aws.settings.transform_quotas["ml.c6i.large"] = 0
    quota = deployed.do("batch", rows(deployed))
    assert quota.code == 3 and "is 0 Instances" in quota.err and "left:" not in quota.err


def test_a_container_without_all_predictions_is_a_failed_verification(deployed: Project) -> None:
    deployed.aws.light.model = lambda *_: (200, "text/csv", b"1.5\n")
    done = deployed.do("batch", rows(deployed))
    assert done.code == 6 and "3 rows, 1 in the output" in done.err


def test_a_job_that_is_left_is_adopted_and_clean_stops_it(deployed: Project) -> None:
    name = running(deployed, rows(deployed))
    assert "InProgress" in deployed.succeed("status").out
    deployed.push("two")
    kept = deployed.succeed("deploy").out
    assert "create model" in kept and "delete model" not in kept, "the job uses the old model"
    used = jobs(deployed)[0]["ModelName"]
    assert len(deployed.aws.world.region("us-east-1").models) == 2
    left = deployed.do("batch", rows(deployed), MCC_DO_WAIT_SECONDS="0.1")
    assert left.code == 5 and "timed out" in left.err and "left: transform job" in left.err
    assert [job["ModelName"] == used for job in jobs(deployed)] == [True, False], "another model, another job"
    again = deployed.do("batch", rows(deployed), MCC_DO_WAIT_SECONDS="0.1")
    assert "the same job runs already" in again.err and len(jobs(deployed)) == 2
    assert "no expired resources" in deployed.succeed("clean", "--expired", "--yes").out
    cleaned = deployed.succeed("clean", "--yes")
    assert f"stopping transform job {name}" in cleaned.err and deployed.left() == []
    assert {job["TransformJobStatus"] for job in jobs(deployed)} == {"Stopped"}


def test_a_job_over_its_time_is_stopped_and_the_model_stays(deployed: Project) -> None:
    running(deployed, rows(deployed), "--set", "job_expires_after_hours=0.00001")
    time.sleep(1)  # times of expiry have whole seconds
    assert "EXPIRED" in deployed.succeed("status").out
    assert "transform job" in deployed.succeed("clean", "--expired", "--yes").out
    assert [job["TransformJobStatus"] for job in jobs(deployed)] == ["Stopped"]
    assert len(deployed.left()) == 1 and ":model/" in deployed.left()[0]
    deployed.aws.settings.job_seconds = 0.1
    deployed.succeed("batch", rows(deployed))


def test_a_job_that_another_command_stops_is_reported(deployed: Project) -> None:
    deployed.aws.settings.job_seconds = 3600
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(deployed.do, "batch", rows(deployed))
        while not jobs(deployed):
            time.sleep(0.05)
        deployed.succeed("clean", "--yes")
        done = waiting.result()
    assert done.code == 4 and "was stopped" in done.err and "writes no output" in done.err


def test_the_examples_of_the_model_are_a_job(deployed: Project) -> None:
    done = deployed.succeed("test", "--remote", "--json")
    assert done.json["result"]["predictions"] == [1.5] and "while a job runs" in done.err
    (job,) = jobs(deployed)
    assert job["TransformInput"]["ContentType"] == "application/json"
    measured = deployed.do("benchmark", "--remote")
    assert (
        measured.code == 2 and "there is no endpoint to measure" in measured.err and len(jobs(deployed)) == 1
    )


def test_an_endpoint_of_another_target_is_not_touched(batch: Project, rendered: Path, tmp_path: Path) -> None:
    of_components = copy.copy(batch)
    of_components.path = copied(rendered, tmp_path / "components" / NAME)
    same = ("--set", f"project_id={batch.id}")
    of_components.succeed("deploy", *same)
    refused = batch.do("deploy")
    assert refused.code == 3 and "this project runs batch transform jobs" in refused.err
    batch.succeed("clean", "--yes")
    assert batch.left() == []
    batch.succeed("deploy")
    assert "delete model" in of_components.succeed("deploy", *same).out


def test_a_key_encrypts_volumes_and_output(deployed: Project) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    deployed.aws.world.region("us-east-1").keys[key] = "Enabled"
    deployed.succeed("batch", rows(deployed), "--set", f"kms_key={key}")
    (job,) = jobs(deployed)
    assert job["TransformOutput"]["KmsKeyId"] == job["TransformResources"]["VolumeKmsKeyId"] == key


def test_another_project_is_left_alone(deployed: Project) -> None:
    sagemaker = deployed.aws.boto3_client("sagemaker")
    name = running(deployed, rows(deployed))
    described = sagemaker.describe_transform_job(TransformJobName=name)
    theirs = {
        key: described[key]
        for key in ("ModelName", "TransformInput", "TransformOutput", "TransformResources")
    }
    other = f"{NAME}-20261201000000-abcd"
    tags = [{"Key": "mcc-project-id", "Value": "someone1"}]
    sagemaker.create_transform_job(TransformJobName=other, **theirs, Tags=tags)
    assert other not in json.dumps(deployed.succeed("clean", "--yes", "--json").json)
    assert sagemaker.describe_transform_job(TransformJobName=other)["TransformJobStatus"] == "InProgress"
