"""The ARNs that a project gives permissions for."""

import re


def base_repository(image: str) -> str:
    """Return the ARN of the private ECR repository that an image is pulled from, '' when it is elsewhere."""
    parts = re.match(r"([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?/([^:@]+)", image)
    if parts is None:
        return ""
    account, region, china, name = parts.groups()
    partition = "aws-cn" if china else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    return f"arn:{partition}:ecr:{region}:{account}:repository/{name}"


def model_arns(address: str) -> dict[str, str]:
    """Return the ARNs of the bucket and of the objects of s3://bucket/prefix/ or s3://bucket/key.

    The partition is left to be filled in.
    """
    bucket, _, key = address.removeprefix("s3://").partition("/")
    arn = "arn:{partition}:s3:::" + bucket
    return {"bucket": arn, "objects": f"{arn}/{key}" + ("*" if key.endswith("/") or not key else "")}


def account(role_arn: str) -> str:
    """Return the account of a role, '' when no role is given."""
    return role_arn.split(":")[4] if role_arn else ""
