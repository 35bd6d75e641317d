"""A CodeBuild project in the fake AWS, and its builds."""

import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any

from tests.fakes.aws.server import FakeAws

TRUST = {
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]
}


def source(files: dict[str, str]) -> bytes:
    """Return a zip of files, all executable."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = 0o755 << 16
            archive.writestr(entry, text)
    return buffer.getvalue()


def project(aws: FakeAws, files: dict[str, str], rights: list[Any]) -> Callable[..., Any]:
    """Create the resources of a build, and return a function that runs one."""
    iam, s3, codebuild = (aws.boto3_client(name) for name in ("iam", "s3", "codebuild"))
    role = iam.create_role(RoleName="builder", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": rights})
    iam.put_role_policy(RoleName="builder", PolicyName="builds", PolicyDocument=policy)
    s3.create_bucket(Bucket="sources")
    s3.put_object(Bucket="sources", Key="demo/source.zip", Body=source(files))
    codebuild.create_project(
        name="demo",
        serviceRole=role,
        source={"type": "S3", "location": "sources/demo/source.zip"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/amazonlinux-x86_64-standard:6.0",
            "computeType": "BUILD_GENERAL1_SMALL",
            "privilegedMode": True,
            "environmentVariables": [{"name": "NAME", "value": "world"}],
        },
        tags=[{"key": "project", "value": "demo"}],
    )

    def build(**options: Any) -> Any:
        number = codebuild.start_build(projectName="demo", **options)["build"]["id"]
        for _ in range(6000):
            described = codebuild.batch_get_builds(ids=[number])["builds"][0]
            if described["buildStatus"] != "IN_PROGRESS":
                return described
            time.sleep(0.02)
        raise AssertionError(f"still {described['currentPhase']}")

    return build


def log_of(aws: FakeAws, build: Any) -> list[str]:
    logs = build["logs"]
    events = aws.boto3_client("logs").get_log_events(
        logGroupName=logs["groupName"], logStreamName=logs["streamName"], startFromHead=True
    )["events"]
    return [event["message"] for event in events]
