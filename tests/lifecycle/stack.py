"""The CloudFormation stack of a project, and its roles and bucket in the fake AWS."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from tests.fakes.aws.server import FakeAws

ACCOUNT = "123456789012"
VALUES = {
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": ACCOUNT,
    "AWS::StackName": "abalone-age",
}


def template_of(project: Path) -> dict[str, Any]:
    """Return iam/stack.yml with its references resolved."""
    text = (project / "iam" / "stack.yml").read_text()
    found = re.search(r"BucketName: !Sub (\S+)", text)
    assert found
    arns = {
        "Bucket.Arn": f"arn:aws:s3:::{_filled(found[1], VALUES)}",
        "Repository.Arn": f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/abalone-age",
    }
    template: dict[str, Any] = yaml.load(text, _loader({**VALUES, **arns}))
    return template


def create(aws: FakeAws, project: Path) -> None:
    """Create the role of builds and the bucket as CloudFormation does."""
    resources = template_of(project)["Resources"]
    role, bucket = resources["BuildRole"]["Properties"], resources["Bucket"]["Properties"]
    iam, s3 = aws.boto3_client("iam"), aws.boto3_client("s3")
    trust, name = json.dumps(role["AssumeRolePolicyDocument"]), role["RoleName"]
    iam.create_role(Path="/builds/", RoleName=name, AssumeRolePolicyDocument=trust, Tags=role["Tags"])
    for policy in role["Policies"]:
        document = json.dumps(policy["PolicyDocument"])
        iam.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=document)
    s3.create_bucket(Bucket=bucket["BucketName"])
    s3.put_bucket_tagging(Bucket=bucket["BucketName"], Tagging={"TagSet": bucket["Tags"]})


def delete(aws: FakeAws, project: Path) -> None:
    """Delete what `create` creates, as CloudFormation does: the bucket must be empty."""
    resources = template_of(project)["Resources"]
    role, iam = resources["BuildRole"]["Properties"], aws.boto3_client("iam")
    for policy in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
        iam.delete_role_policy(RoleName=role["RoleName"], PolicyName=policy)
    iam.delete_role(RoleName=role["RoleName"])
    aws.boto3_client("s3").delete_bucket(Bucket=resources["Bucket"]["Properties"]["BucketName"])


def forget(aws: FakeAws, project: Path) -> None:
    """Make the role and the bucket look like those that earlier versions of do/submit created."""
    resources = template_of(project)["Resources"]
    role, bucket = resources["BuildRole"]["Properties"], resources["Bucket"]["Properties"]
    aws.boto3_client("iam").untag_role(RoleName=role["RoleName"], TagKeys=["mcc-stack"])
    tags = [tag for tag in bucket["Tags"] if tag["Key"] != "mcc-stack"]
    aws.boto3_client("s3").put_bucket_tagging(Bucket=bucket["BucketName"], Tagging={"TagSet": tags})


def _filled(text: str, values: dict[str, str]) -> str:
    return re.sub(r"\$\{([^}]+)\}", lambda name: values.get(name[1], name[0]), text)


def _items(loader: Any, node: yaml.Node) -> list[Any]:
    assert isinstance(node, yaml.SequenceNode)
    return list(loader.construct_sequence(node, deep=True))


def _loader(values: dict[str, str]) -> type[yaml.SafeLoader]:
    """Return a loader that resolves references to `values`."""

    class Loader(yaml.SafeLoader):
        pass

    for tag in ("!Ref", "!GetAtt"):
        Loader.add_constructor(tag, lambda _, node: values.get(node.value, node.value))
    Loader.add_constructor("!Sub", lambda _, node: _filled(node.value, values))
    for tag in ("!If", "!Not", "!Equals"):
        Loader.add_constructor(tag, lambda loader, node: _items(loader, node))
    return Loader
