# Part of the library: `copier update` replaces this file.
"""The resources of a build in AWS CodeBuild: a bucket for the source, a role, and the CodeBuild project."""

import json
import time
from typing import IO, Any

from lifecycle.aws import Aws, AwsFailure, tag_list, tags_of
from lifecycle.codebuild.source import BUILDSPEC
from lifecycle.console import log
from lifecycle.policies import policy
from lifecycle.project import POLICY, Config, Failure
from lifecycle.resources import SOURCE_PREFIX

SOURCE_DAYS = 7  # then S3 deletes the source
BUILD_MINUTES = 120
ROLE_SECONDS = 60  # until a new role is available in all services


def bucket_name(settings: Config, aws: Aws) -> str:
    """Return the name of the bucket, which is unique to the project, account and Region."""
    return f"mcc-{settings.project_id}-{aws.identify().account}-{aws.region}"


def role_name(settings: Config) -> str:
    """Return the name of the role of builds."""
    return f"mcc-{settings.project_id}-codebuild"


def upload(settings: Config, aws: Aws, key: str, source: IO[bytes]) -> str:
    """Upload the source to the bucket, which is created if it is missing; return bucket/key."""
    bucket, owner = bucket_name(settings, aws), aws.identify().account
    ensure_bucket(settings, aws, bucket)
    aws.call("s3", "put_object", Bucket=bucket, Key=key, Body=source, ExpectedBucketOwner=owner)
    return f"{bucket}/{key}"


def ensure_bucket(settings: Config, aws: Aws, bucket: str) -> None:
    """Create the bucket: private, encrypted, tagged. Raise Failure (policy) if another project owns it.

    A bucket without tags is completed: its name contains this account and project, so its creation was
    interrupted.
    """
    owner = {"Bucket": bucket, "ExpectedBucketOwner": aws.identify().account}
    try:
        tags = aws.call("s3", "get_bucket_tagging", **owner)["TagSet"]
    except AwsFailure as error:
        if error.error not in ("NoSuchBucket", "NoSuchTagSet"):
            raise
        if error.error == "NoSuchBucket":
            log(f"creating the bucket {bucket}")
            where = {"CreateBucketConfiguration": {"LocationConstraint": aws.region}}
            aws.call("s3", "create_bucket", Bucket=bucket, **({} if aws.region == "us-east-1" else where))
        for operation, request in bucket_settings(aws.tags):
            aws.call("s3", operation, **owner, **request)
        return
    _require_owned(aws, f"the bucket {bucket}", tags_of(tags))


def bucket_settings(tags: dict[str, str]) -> list[tuple[str, dict[str, Any]]]:
    """Return the calls that configure a new bucket: private, encrypted, with expiry, and tags last."""
    blocks = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    encryption = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    expiry = {"ID": "source", "Status": "Enabled", "Filter": {"Prefix": SOURCE_PREFIX}}
    rules = [{**expiry, "Expiration": {"Days": SOURCE_DAYS}}]
    return [
        ("put_public_access_block", {"PublicAccessBlockConfiguration": dict.fromkeys(blocks, True)}),
        ("put_bucket_encryption", {"ServerSideEncryptionConfiguration": {"Rules": [encryption]}}),
        ("put_bucket_lifecycle_configuration", {"LifecycleConfiguration": {"Rules": rules}}),
        ("put_bucket_tagging", {"Tagging": {"TagSet": tag_list(tags)}}),
    ]


def ensure_role(settings: Config, aws: Aws) -> str:
    """Create or update the role of builds, and return its ARN."""
    name, account = role_name(settings), aws.identify().account
    found = aws.find("iam", "get_role", RoleName=name)
    if found:
        _require_owned(aws, f"the role {name}", tags_of(found["Role"].get("Tags", [])))
    else:
        log(f"creating the role {name}")
        trust, tags = json.dumps(trust_policy(account)), tag_list(aws.tags)
        found = aws.call("iam", "create_role", RoleName=name, AssumeRolePolicyDocument=trust, Tags=tags)
    document = json.dumps(policy("codebuild-role", settings, account, aws.partition))
    aws.call("iam", "put_role_policy", RoleName=name, PolicyName="build", PolicyDocument=document)
    return str(found["Role"]["Arn"])


def trust_policy(account: str) -> dict[str, Any]:
    """Return the trust policy of the role: CodeBuild projects of this account can assume it."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "codebuild.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": account}},
            }
        ],
    }


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
