"""The networks and keys of an account, and their checks by SageMaker.

Tests put subnets, security groups, VPC endpoints and keys into a Region. The words of the messages of
SageMaker are invented; AWS does not publish them.
"""

from collections.abc import Iterable
from typing import Any

from tests.fakes.aws.wire import Refusal, Request, invalid, operation
from tests.fakes.aws.world import Region, World


@operation("ec2", "DescribeSubnets")
def describe_subnets(world: World, request: Request) -> dict[str, Any]:
    wanted = _filter(request, "subnet-id")
    return {
        "Subnets": [
            {"SubnetId": name, "VpcId": item.vpc, "AvailabilityZone": item.zone}
            for name, item in world.region(request.region).subnets.items()
            if name in wanted
        ]
    }


@operation("ec2", "DescribeSecurityGroups")
def describe_security_groups(world: World, request: Request) -> dict[str, Any]:
    wanted = _filter(request, "group-id")
    groups = world.region(request.region).security_groups
    return {
        "SecurityGroups": [{"GroupId": name, "VpcId": vpc} for name, vpc in groups.items() if name in wanted]
    }


@operation("ec2", "DescribeVpcEndpoints")
def describe_vpc_endpoints(world: World, request: Request) -> dict[str, Any]:
    wanted = _filter(request, "vpc-id")
    endpoints = world.region(request.region).vpc_endpoints
    return {
        "VpcEndpoints": [
            {"VpcId": vpc, "ServiceName": f"com.amazonaws.{request.region}.{name}", "State": "available"}
            for vpc, name in endpoints
            if vpc in wanted
        ]
    }


def _filter(request: Request, name: str) -> list[str]:
    """Return the values of the only filter of a request."""
    (given,) = request.parameters["Filters"]
    if given["Name"] != name:
        raise Refusal("InvalidParameterValue", f"The filter '{given['Name']}' is invalid")
    return list(given["Values"])


@operation("kms", "DescribeKey")
def describe_key(world: World, request: Request) -> dict[str, Any]:
    key = request.parameters["KeyId"]
    state = world.region(request.region).keys.get(key)
    if state is None:
        raise Refusal("NotFoundException", f"Key '{key}' does not exist")
    about = {"KeyState": state, "Enabled": state == "Enabled", "KeySpec": "SYMMETRIC_DEFAULT"}
    return {"KeyMetadata": {"KeyId": key.rpartition("/")[2], "Arn": key, **about}}


def check(region: Region, request: Request) -> None:
    """Raise the error of SageMaker for a network or key that does not exist or cannot be used."""
    network, key = request.parameters.get("VpcConfig"), request.parameters.get("KmsKeyId")
    if network:
        vpcs = {name: item.vpc for name, item in region.subnets.items()} | region.security_groups
        used = [*network["Subnets"], *network["SecurityGroupIds"]]
        _require_all(used, vpcs)
        if len({vpcs[name] for name in used}) > 1:
            raise invalid("The subnets and security groups must be in the same VPC.")
    if key and region.keys.get(key) != "Enabled":
        raise invalid(f"The KMS key {key} does not exist in {region.name}, or it is not enabled.")


def _require_all(ids: Iterable[str], known: dict[str, str]) -> None:
    for name in ids:
        if name not in known:
            raise invalid(f"The ID '{name}' does not exist.")
