"""Helpers for tests of deployed endpoints."""

import json
import re

from tests.lifecycle.commands import NAME, TRUST, Project


def described(project: Project) -> dict[str, object]:
    sagemaker = project.aws.boto3_client("sagemaker")
    found: dict[str, object] = sagemaker.describe_inference_component(InferenceComponentName=NAME)
    return found


def image_of(project: Project) -> str:
    specification: dict[str, dict[str, dict[str, str]]] = described(project)["Specification"]  # type: ignore[assignment]
    return specification["Container"]["DeployedImage"]["SpecifiedImage"].partition("@")[2]


def configure(project: Project, **settings: str) -> None:
    """Write settings to do/config.toml as users do."""
    file = project.path / "do" / "config.toml"
    text = file.read_text()
    for name, value in settings.items():
        text, count = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
        assert count == 1, name
    file.write_text(text)


def scale_to_zero(project: Project) -> None:
    """Remove the copies, like Application Auto Scaling without requests."""
    component = project.aws.world.region("us-east-1").components[NAME]
    project.aws.world.dispose(component.container)
    component.container, component.copies, component.current_copies = None, 0, 0


def make_builds(project: Project, name: str = NAME, owner: str = "") -> str:
    """Create the resources of do/submit, by default of this project, and return the name of the bucket."""
    owner = owner or project.id
    tags = [{"Key": "mcc-project-id", "Value": owner}]
    role = f"mcc-{owner}-codebuild"
    iam, s3 = project.aws.boto3_client("iam"), project.aws.boto3_client("s3")
    trust = json.dumps(TRUST).replace("sagemaker.", "codebuild.")
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust, Tags=tags)
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role, PolicyName="build", PolicyDocument=document)
    bucket = f"mcc-{owner}-123456789012-us-east-1"
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    s3.put_object(Bucket=bucket, Key="source/1.zip", Body=b"zip")
    project.aws.boto3_client("codebuild").create_project(
        name=name,
        source={"type": "S3", "location": f"{bucket}/source/1.zip"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole=f"arn:aws:iam::123456789012:role/{role}",
        tags=[{"key": "mcc-project-id", "value": owner}],
    )
    return bucket
