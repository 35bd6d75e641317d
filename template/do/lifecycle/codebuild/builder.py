# Part of the library: `copier update` replaces this file.
"""A build in AWS CodeBuild: the bucket and the role of iam/stack.yml, and the CodeBuild project."""

import time
from dataclasses import replace
from typing import IO, Any

from lifecycle.aws import Aws, AwsFailure, tags_of
from lifecycle.codebuild.source import BUILDSPEC
from lifecycle.console import log
from lifecycle.project import OK, POLICY, PRECONDITION, WARNING, Config, Failure, Finding, finding

BUILD_MINUTES = 120
ROLE_SECONDS = 60  # until a new role is available in all services


def bucket_name(settings: Config, aws: Aws) -> str:
    """Return the name of the bucket, which is unique to the project, account and Region."""
    return f"mcc-{settings.project_id}-{aws.identify().account}-{aws.region}"


def role_name(settings: Config) -> str:
    """Return the name of the role of builds."""
    return f"mcc-{settings.project_id}-codebuild"


def upload(settings: Config, aws: Aws, key: str, source: IO[bytes]) -> str:
    """Upload the source to the bucket of the stack; return bucket/key. Raise Failure without the bucket."""
    bucket = _bucket(settings, aws)
    aws.call("s3", "put_object", Key=key, Body=source, **bucket)
    return f"{bucket['Bucket']}/{key}"


def _bucket(settings: Config, aws: Aws) -> dict[str, str]:
    """Return the name and owner of the bucket of the stack for calls to S3. Raise Failure without it."""
    bucket, account = bucket_name(settings, aws), aws.identify().account
    owner = {"Bucket": bucket, "ExpectedBucketOwner": account}
    try:
        tags = aws.call("s3", "get_bucket_tagging", **owner)["TagSet"]
    except AwsFailure as error:
        if error.error not in ("NoSuchBucket", "NoSuchTagSet"):
            raise
        raise _no_stack(settings, f"the bucket {bucket}", error.finding.seen) from None
    _require_owned(aws, f"the bucket {bucket}", tags_of(tags))
    return owner


def role_arn(settings: Config, aws: Aws) -> str:
    """Return the ARN of the role of builds, which the stack creates. Raise Failure without the role."""
    name = role_name(settings)
    if not (found := aws.find("iam", "get_role", RoleName=name)):
        raise _no_stack(settings, f"the role {name}", "IAM has no role of this name")
    _require_owned(aws, f"the role {name}", tags_of(found["Role"].get("Tags", [])))
    return str(found["Role"]["Arn"])


def check(settings: Config, aws: Aws) -> Finding:
    """Return whether the stack of builds exists: its role and bucket. Raise Failure if it cannot be read."""
    try:
        role, bucket = role_arn(settings, aws), _bucket(settings, aws)["Bucket"]
    except Failure as failure:
        if failure.finding.id != "no-stack":
            raise
        return replace(failure.finding, severity=WARNING)
    return finding("build-stack", OK, "stack of builds", f"{role.rpartition('/')[2]}, {bucket}")


CHECKS = {"build-stack": ("stack of builds", check)}


def _no_stack(settings: Config, what: str, seen: str) -> Failure:
    next_step = f"create it, once for this project:\n    {settings.stack_command}"
    return Failure(PRECONDITION, "no-stack", f"{what} does not exist", seen, next_step)


def ensure_project(settings: Config, aws: Aws, request: dict[str, Any]) -> None:
    """Create or update the CodeBuild project; retry until CodeBuild can assume a new role."""
    found = aws.call("codebuild", "batch_get_projects", names=[settings.project_name])["projects"]
    if found:
        tags = found[0].get("tags", [])
        _require_owned(aws, f"the CodeBuild project {settings.project_name}", tags_of(tags))
        request = {**request, "tags": tags}
    else:
        log(f"creating the CodeBuild project {settings.project_name}")
    end = time.monotonic() + ROLE_SECONDS
    while True:
        try:
            aws.call("codebuild", "update_project" if found else "create_project", **request)
            return
        except AwsFailure as error:
            if "sts:AssumeRole" not in error.finding.seen or time.monotonic() > end:
                raise
            time.sleep(settings.poll_seconds)


def project_request(
    settings: Config,
    role: str,
    location: str,
    image: str,
    environment: dict[str, str],
    tags: dict[str, str],
) -> dict[str, Any]:
    """Return the CodeBuild project, which builds on the processor of the instance with do/buildspec.yml.

    `environment` has the compute type and the image of the build machine.
    """
    arm = settings.platform == "linux/arm64"
    variables = {"IMAGE": image, "PLATFORM": settings.platform}
    return {
        "name": settings.project_name,
        "source": {"type": "S3", "location": location, "buildspec": BUILDSPEC},
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": {
            "type": "ARM_CONTAINER" if arm else "LINUX_CONTAINER",
            **environment,
            "privilegedMode": True,  # for a container engine
            "environmentVariables": [{"name": key, "value": value} for key, value in variables.items()],
        },
        "serviceRole": role,
        "timeoutInMinutes": BUILD_MINUTES,
        "tags": [{"key": key, "value": value} for key, value in tags.items()],
    }


def _require_owned(aws: Aws, what: str, tags: dict[str, str]) -> None:
    """Raise Failure (policy) for a resource of another project, or created by another identity."""
    if not aws.settings.owns(tags):
        next_step = f"rename the project, or add the tags {aws.settings.own_tags} if the resource is yours"
        raise Failure(
            POLICY, "not-ours", f"{what} is owned by another project", f"its tags are {tags}", next_step
        )
    aws.require_creator(what, tags)
