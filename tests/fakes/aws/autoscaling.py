"""Application Auto Scaling of inference components: targets and policies, which do not scale anything."""

import uuid
from typing import Any

from tests.fakes.aws.listing import page
from tests.fakes.aws.resources import now
from tests.fakes.aws.wire import ACCOUNT, Refusal, Request, invalid, operation
from tests.fakes.aws.world import World

SERVICE = "application-autoscaling"
DIMENSION = "sagemaker:inference-component:DesiredCopyCount"
LINKED_ROLE = (
    f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)
CONFIGURATIONS = {
    "TargetTrackingScaling": "TargetTrackingScalingPolicyConfiguration",
    "StepScaling": "StepScalingPolicyConfiguration",
}
PAGE = 50


@operation(SERVICE, "RegisterScalableTarget")
def register(world: World, request: Request) -> dict[str, Any]:
    region, parameters = world.region(request.region), request.parameters
    resource = _resource(parameters)
    if resource.removeprefix("inference-component/") not in region.components:
        raise invalid(f"Inference component doesn't exist: {resource}")
    target = region.targets.get(resource)
    if target is None:
        if "MinCapacity" not in parameters or "MaxCapacity" not in parameters:
            raise invalid("Both MinCapacity and MaxCapacity are required to register a scalable target.")
        target = {
            "ScalableTargetARN": request.arn(SERVICE, f"scalable-target/{uuid.uuid4().hex}"),
            "CreationTime": now(),
            "RoleARN": LINKED_ROLE,
            "Tags": dict(parameters.get("Tags", {})),
        }
    target = target | {name: value for name, value in parameters.items() if name not in ("RoleARN", "Tags")}
    if target["MinCapacity"] > target["MaxCapacity"]:
        raise invalid("Maximum capacity cannot be less than minimum capacity")
    region.targets[resource] = target
    return {"ScalableTargetARN": target["ScalableTargetARN"]}


@operation(SERVICE, "DescribeScalableTargets")
def describe_targets(world: World, request: Request) -> dict[str, Any]:
    wanted = request.parameters.get("ResourceIds")
    targets = world.region(request.region).targets.items()
    found = [target for resource, target in targets if wanted is None or resource in wanted]
    return _paged(found, request, "ScalableTargets")


@operation(SERVICE, "DeregisterScalableTarget")
def deregister(world: World, request: Request) -> None:
    region, resource = world.region(request.region), _resource(request.parameters)
    if region.targets.pop(resource, None) is None:
        raise _missing("No scalable target registered", request)
    region.policies = {key: policy for key, policy in region.policies.items() if key[0] != resource}


@operation(SERVICE, "PutScalingPolicy")
def put_policy(world: World, request: Request) -> dict[str, Any]:
    region, parameters = world.region(request.region), request.parameters
    resource, name = _resource(parameters), parameters["PolicyName"]
    if resource not in region.targets:
        raise _missing("No scalable target registered", request)
    kind = parameters.get("PolicyType", "StepScaling")
    if CONFIGURATIONS.get(kind) not in parameters:
        raise invalid(f"{CONFIGURATIONS.get(kind, 'A supported configuration')} is required for {kind}.")
    policy = region.policies.get((resource, name)) or {
        "PolicyARN": f"arn:aws:autoscaling:{request.region}:{ACCOUNT}:scalingPolicy:{uuid.uuid4()}:"
        f"resource/sagemaker/{resource}:policyName/{name}",
        "CreationTime": now(),
    }
    ends = ("AlarmHigh", "AlarmLow") if kind == "TargetTrackingScaling" else ()
    alarms = [f"TargetTracking-{resource}-{end}-{uuid.uuid4()}" for end in ends]
    described = [
        {"AlarmName": alarm, "AlarmARN": request.arn("cloudwatch", f"alarm:{alarm}")} for alarm in alarms
    ]
    region.policies[resource, name] = policy | parameters | {"PolicyType": kind, "Alarms": described}
    return {"PolicyARN": policy["PolicyARN"], "Alarms": described}


@operation(SERVICE, "DescribeScalingPolicies")
def describe_policies(world: World, request: Request) -> dict[str, Any]:
    resource, names = request.parameters.get("ResourceId"), request.parameters.get("PolicyNames")
    found = [
        policy
        for (of, name), policy in world.region(request.region).policies.items()
        if resource in (None, of) and (names is None or name in names)
    ]
    return _paged(found, request, "ScalingPolicies")


@operation(SERVICE, "DeleteScalingPolicy")
def delete_policy(world: World, request: Request) -> None:
    key = (_resource(request.parameters), request.parameters["PolicyName"])
    if world.region(request.region).policies.pop(key, None) is None:
        raise _missing("No scaling policy found", request)


@operation(SERVICE, "ListTagsForResource")
def list_tags(world: World, request: Request) -> dict[str, Any]:
    for target in world.region(request.region).targets.values():
        if target["ScalableTargetARN"] == request.parameters["ResourceARN"]:
            return {"Tags": target["Tags"]}
    raise Refusal("ResourceNotFoundException", f"{request.parameters['ResourceARN']} does not exist")


def _resource(parameters: dict[str, Any]) -> str:
    if parameters["ServiceNamespace"] != "sagemaker" or parameters["ScalableDimension"] != DIMENSION:
        raise invalid(f"The fake scales {DIMENSION} alone.")
    resource: str = parameters["ResourceId"]
    if not resource.startswith("inference-component/"):
        raise invalid("Unsupported service namespace, resource type or scalable dimension")
    return resource


def _missing(what: str, request: Request) -> Refusal:
    parameters = request.parameters
    return Refusal(
        "ObjectNotFoundException",
        f"{what} for service namespace: sagemaker, resource ID: {parameters['ResourceId']}, "
        f"scalable dimension: {parameters['ScalableDimension']}",
    )


def _paged(found: list[dict[str, Any]], request: Request, key: str) -> dict[str, Any]:
    size = request.parameters.get("MaxResults", PAGE)
    items, token = page(found, request.parameters.get("NextToken"), size, "InvalidNextTokenException")
    return {key: items, **({"NextToken": token} if token else {})}
