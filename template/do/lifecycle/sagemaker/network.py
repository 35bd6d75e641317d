# Part of the library: `copier update` replaces this file.
"""The checks of the private network and the encryption key of an endpoint before its deployment."""

from typing import Any

from lifecycle.aws import Aws
from lifecycle.project import ERROR, OK, WARNING, Finding, finding
from lifecycle.sagemaker.target import Target

# The services that SageMaker and the container use, by the ends of the names of their VPC endpoints.
NEEDED = ("s3", "ecr.api", "ecr.dkr", "logs")
FEWEST_ZONES = 2


def of_vpc(settings: Target, aws: Aws) -> Finding:
    """Return whether the subnets and security groups exist, in one VPC and several zones."""
    subnets = _found(aws, "subnet", settings.subnets)
    groups = _found(aws, "security_group", settings.security_groups)
    known = {item["SubnetId"] for item in subnets} | {item["GroupId"] for item in groups}
    if missing := [name for name in (*settings.subnets, *settings.security_groups) if name not in known]:
        seen = f"{', '.join(missing)} in {settings.region}"
        next_step = "correct subnets and security_groups in do/config.toml"
        return finding("network", ERROR, "not found in this account and Region", seen, next_step)
    places = {
        item.get("SubnetId", item.get("GroupId", "")): str(item["VpcId"]) for item in (*subnets, *groups)
    }
    if len(set(places.values())) > 1:
        seen = ", ".join(f"{name} in {vpc}" for name, vpc in sorted(places.items()))
        next_step = "use subnets and security_groups of one VPC"
        return finding("network", ERROR, "subnets and security groups are in several VPCs", seen, next_step)
    zones = sorted({str(item["AvailabilityZone"]) for item in subnets})
    seen = f"{next(iter(places.values()))}, {', '.join(zones)}"
    if len(zones) < FEWEST_ZONES:
        what, next_step = "the subnets are in one zone", "add a subnet in another zone, for availability"
        return finding("network", WARNING, what, seen, next_step)
    return finding("network", OK, "network", seen)


def of_vpc_endpoints(settings: Target, aws: Aws) -> Finding:
    """Return whether the VPC has an endpoint for each service that a container needs."""
    subnets = _found(aws, "subnet", settings.subnets)
    vpcs = sorted({str(item["VpcId"]) for item in subnets})
    filters = [{"Name": "vpc-id", "Values": vpcs}]
    listed = list(aws.pages("ec2", "describe_vpc_endpoints", "VpcEndpoints", Filters=filters)) if vpcs else []
    names = [str(item["ServiceName"]) for item in listed if item.get("State", "").lower() == "available"]
    needed = (*NEEDED, *(["secretsmanager"] if settings.token_secret else []))
    missing = [name for name in needed if not any(known.endswith(f".{name}") for known in names)]
    if not missing:
        return finding("vpc-endpoints", OK, "VPC endpoints", ", ".join(needed))
    what = f"{', '.join(vpcs) or 'the VPC'} has no endpoint of {', '.join(missing)}"
    seen = "without them, the containers need a NAT gateway"
    next_step = "add them, or check that the route tables of the subnets lead to a NAT gateway"
    return finding("vpc-endpoints", WARNING, what, seen, next_step)


def of_key(settings: Target, aws: Aws) -> Finding:
    """Return whether the key exists and can encrypt the storage volumes."""
    found = aws.find("kms", "describe_key", KeyId=settings.kms_key)
    next_step = "set kms_key in do/config.toml to an enabled, symmetric key"
    if found is None:
        return finding("kms-key", ERROR, "the KMS key does not exist", settings.kms_key, next_step)
    key = found["KeyMetadata"]
    symmetric = key.get("KeySpec", "SYMMETRIC_DEFAULT") == "SYMMETRIC_DEFAULT"
    if key["KeyState"] != "Enabled" or not symmetric:
        seen = f"{settings.kms_key}: {key['KeyState']}, {key.get('KeySpec', '')}"
        return finding("kms-key", ERROR, "the KMS key cannot be used", seen, next_step)
    return finding("kms-key", OK, "KMS key", settings.kms_key)


def _found(aws: Aws, kind: str, ids: list[str]) -> list[dict[str, Any]]:
    """Return the existing ones of subnets or security groups."""
    key, name = ("Subnets", "subnet-id") if kind == "subnet" else ("SecurityGroups", "group-id")
    return list(aws.pages("ec2", f"describe_{kind}s", key, Filters=[{"Name": name, "Values": ids}]))
