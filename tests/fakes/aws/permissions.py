"""IAM: the permissions that each call requires, and their evaluation against policy documents."""

import fnmatch
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.aws.wire import ACCOUNT, Refusal, Request

PREFIX_OF_SERVICE = {
    "sagemaker-runtime": "sagemaker",
    "service-quotas": "servicequotas",
    "resourcegroupstaggingapi": "tag",
}
READING = (
    "Describe", "Get", "List", "Head", "BatchGet", "BatchCheck", "Search", "Filter", "Lookup", "Simulate",
    "Select", "Check", "Chat", "StartQuery", "Invoke", "AssumeRole", "DecodeAuthorizationMessage",
)  # fmt: skip
# Actions of S3 are named after the resource, not after the call.
S3_ACTIONS = {
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListBuckets": "ListAllMyBuckets",
    "HeadObject": "GetObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
}
OTHER_ACTIONS = {"ChatCompletions": "InvokeEndpoint"}  # with a bearer token
S3_OBJECT_ACTIONS = {"GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload", "PutObjectTagging"}
BATCHED = {"BatchGetProjects": "codebuild:BatchGetProjects", "BatchGetBuilds": "codebuild:BatchGetBuilds"}
FREE = {"sts:GetCallerIdentity"}  # allowed to everyone, regardless of policies
TAG_ON_CREATION = {
    ("sagemaker", "Tags"): "sagemaker:AddTags",
    ("iam", "Tags"): "iam:TagRole",
    ("ecr", "tags"): "ecr:TagResource",
    ("logs", "tags"): "logs:TagResource",
    ("cloudwatch", "Tags"): "cloudwatch:TagResource",
    ("application-autoscaling", "Tags"): "application-autoscaling:TagResource",
    ("secretsmanager", "Tags"): "secretsmanager:TagResource",
}
PASSED_ROLES = {
    ("sagemaker", "ExecutionRoleArn"): "sagemaker.amazonaws.com",
    ("codebuild", "serviceRole"): "codebuild.amazonaws.com",
}
SCALING_CONDITIONS = {"service-namespace": "ServiceNamespace", "scalable-dimension": "ScalableDimension"}
# Parameters that name a resource, as the resource part of its ARN.
RESOURCES = {
    "sagemaker": {
        "EndpointName": "endpoint/{}",
        "EndpointConfigName": "endpoint-config/{}",
        "InferenceComponentName": "inference-component/{}",
        "ModelName": "model/{}",
        "TransformJobName": "transform-job/{}",
        "ClusterName": "cluster/{}",
    },
    "ecr": {"repositoryName": "repository/{}", "repositoryNames": "repository/{}"},
    "codebuild": {
        "name": "project/{}",
        "projectName": "project/{}",
        "names": "project/{}",
        "ids": "project/{}",
    },
    "eks": {"name": "cluster/{}"},
    "logs": {"logGroupName": "log-group:{}:*", "logGroupNamePrefix": "log-group:{}*:*"},
    "cloudwatch": {"AlarmName": "alarm:{}", "AlarmNames": "alarm:{}"},
    "kms": {"KeyId": "key/{}"},
    "secretsmanager": {"SecretId": "secret:{}"},
}
# The actions of the container engine with the token of ecr:GetAuthorizationToken; it calls no API here.
DOCKER_PUSH = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:CompleteLayerUpload",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)
DOCKER_PULL = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


@dataclass(frozen=True)
class Need:
    """An action on a resource, with the available condition keys of the call."""

    action: str
    resource: str
    context: dict[str, Any] = field(default_factory=dict, hash=False, compare=False)


def is_mutating(request: Request) -> bool:
    """Return whether a call changes anything."""
    return not request.operation.startswith(READING)


def needs(request: Request) -> Iterable[Need]:
    """Return all permissions that a call requires."""
    prefix = PREFIX_OF_SERVICE.get(request.service, request.service)
    name = request.operation
    if request.service == "s3":
        name = S3_ACTIONS.get(name, name)
    action = f"{prefix}:{OTHER_ACTIONS.get(name, name)}"
    if action in FREE:
        return
    context: dict[str, Any] = {"aws:RequestedRegion": request.region}
    tags = request.parameters.get("Tags", request.parameters.get("tags")) or []
    pairs = tags.items() if isinstance(tags, dict) else [_pair(tag) for tag in tags]
    context |= {f"aws:RequestTag/{key}": value for key, value in pairs}
    context["aws:TagKeys"] = [key for key, _ in pairs]
    if request.service == "application-autoscaling":
        context |= {
            f"{prefix}:{key}": request.parameters[parameter]
            for key, parameter in SCALING_CONDITIONS.items()
            if parameter in request.parameters
        }
    if name == "ChatCompletions":
        yield Need("sagemaker:CallWithBearerToken", "*", context)
    resources = list(_resources(request)) or ["*"]
    for resource in resources:
        yield Need(action, resource, context)
        if (
            name == "InvokeEndpointWithResponseStream"
        ):  # its reference names this action, policies of AWS both
            yield Need("sagemaker:InvokeEndpoint", resource, context)
    for (service, parameter), tagging in TAG_ON_CREATION.items():
        creates = name.startswith(("Create", "Put", "Register")) and request.parameters.get(parameter)
        if request.service == service and creates:
            yield Need(tagging, resources[0], context)
    for (service, parameter), principal in PASSED_ROLES.items():
        role = request.parameters.get(parameter)
        if request.service == service and role:
            yield Need("iam:PassRole", role, context | {"iam:PassedToService": principal})
    if request.operation == "CreateEndpointConfig" and "KmsKeyId" in request.parameters:
        # AWS checks this when the endpoint is created, whose request has only the name of the config.
        yield Need("kms:CreateGrant", request.parameters["KmsKeyId"], context)
    volume = request.parameters.get("TransformResources", {}).get("VolumeKmsKeyId")
    for key_action in ("CreateGrant", "Decrypt", "GenerateDataKey") if volume else ():
        yield Need(f"kms:{key_action}", volume, context)
    if request.service == "application-autoscaling" and is_mutating(request):
        yield from _needs_of_scaling(request, context)


def _needs_of_scaling(request: Request, context: dict[str, Any]) -> Iterable[Need]:
    """Application Auto Scaling reads the target and sets its alarms on behalf of the caller."""
    component = request.arn("sagemaker", request.parameters.get("ResourceId", "").lower())
    if request.operation == "RegisterScalableTarget":
        yield Need("sagemaker:DescribeInferenceComponent", component, context)
        yield Need("sagemaker:UpdateInferenceComponentRuntimeConfig", component, context)
    alarm = request.arn(
        "cloudwatch", f"alarm:TargetTracking-{request.parameters.get('ResourceId')}-AlarmHigh-1"
    )
    if request.operation == "PutScalingPolicy":
        yield Need("cloudwatch:PutMetricAlarm", alarm, context)
        yield Need("cloudwatch:DescribeAlarms", alarm, context)
    if request.operation in ("DeleteScalingPolicy", "DeregisterScalableTarget"):
        yield Need("cloudwatch:DeleteAlarms", alarm, context)


def _pair(tag: dict[str, str]) -> tuple[str, str]:
    return tag.get("Key", tag.get("key", "")), tag.get("Value", tag.get("value", ""))


def _resources(request: Request) -> Iterable[str]:
    parameters, service = request.parameters, request.service
    if service == "s3":
        yield from _s3_resources(request)
    if service == "iam" and "RoleName" in parameters:
        yield _role(parameters["RoleName"])
    if service == "application-autoscaling" and is_mutating(request) and "ResourceARN" not in parameters:
        yield request.arn(
            service, "scalable-target/1ax2by3c"
        )  # AWS chooses its name, which is not available before
    if service == "iam" and "PolicySourceArn" in parameters:
        yield parameters["PolicySourceArn"]
    if service == "logs" and "logStreamName" in parameters:
        stream = f"{parameters['logGroupName']}:log-stream:{parameters['logStreamName']}"
        yield request.arn("logs", f"log-group:{stream}")
        return
    for name in ("ResourceArn", "resourceArn", "ResourceARN"):
        if name in parameters:
            yield parameters[name]
    arn_service = "sagemaker" if service == "sagemaker-runtime" else service
    listing = request.operation.startswith("List") and arn_service == "sagemaker"
    for name, pattern in RESOURCES.get(arn_service, {}).items():
        of_job = "TransformJobName" in parameters and name != "TransformJobName"
        values = [] if listing or of_job else parameters.get(name, [])
        for value in [values] if isinstance(values, str) else values:
            value = value.split(":")[0] if name == "ids" else value
            value = value.lower() if arn_service == "sagemaker" else value
            yield value if value.startswith("arn:") else request.arn(arn_service, pattern.format(value))


def _role(name: str) -> str:
    """Return the ARN of a role with its path, which calls omit."""
    from moto.iam.models import iam_backends

    roles = iam_backends[ACCOUNT]["aws"].roles.values()
    found = [str(role.arn) for role in roles if role.name == name]
    return found[0] if found else f"arn:aws:iam::{ACCOUNT}:role/{name}"


def _s3_resources(request: Request) -> Iterable[str]:
    bucket = request.parameters.get("Bucket")
    if not bucket:
        return
    arn = f"arn:aws:s3:::{bucket}"
    keys = [entry["Key"] for entry in request.parameters.get("Delete", {}).get("Objects", [])]
    keys += [request.parameters["Key"]] if "Key" in request.parameters else []
    yield from [f"{arn}/{key}" for key in keys] or [arn]


def allows(documents: Iterable[dict[str, Any]], need: Need) -> bool:
    """Return whether policy documents allow a permission. Raise Refusal for unsupported elements."""
    effects = {
        statement["Effect"]
        for document in documents
        for statement in _list(document["Statement"])
        if _matches(statement, need)
    }
    return "Allow" in effects and "Deny" not in effects


def check(documents: list[dict[str, Any]], wanted: Iterable[Need], access_key: str) -> None:
    """Raise the error of IAM for the first permission that the policy documents do not allow."""
    for need in wanted:
        if not allows(documents, need):
            raise Refusal(
                "AccessDeniedException",
                f"User: arn:aws:sts::{ACCOUNT}:assumed-role/developer/{access_key} is not authorized to "
                f"perform: {need.action} on resource: {need.resource} because no identity-based policy "
                f"allows the {need.action} action",
            )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _matches(statement: dict[str, Any], need: Need) -> bool:
    unknown = set(statement) - {"Sid", "Effect", "Action", "Resource", "Condition"}
    if unknown:
        raise Refusal("MalformedPolicyDocument", f"the fake AWS does not evaluate {sorted(unknown)}")
    actions = (pattern.lower() for pattern in _list(statement["Action"]))
    if not any(fnmatch.fnmatchcase(need.action.lower(), pattern) for pattern in actions):
        return False
    if not any(_covers(pattern, need.resource) for pattern in _list(statement["Resource"])):
        return False
    conditions = statement.get("Condition", {})
    return all(_holds(test, given, need) for test, given in conditions.items())


def _covers(pattern: str, resource: str) -> bool:
    return fnmatch.fnmatchcase(resource, pattern) or resource == pattern


def _holds(test: str, given: dict[str, Any], need: Need) -> bool:
    known = {"StringEquals", "StringLike", "ForAllValues:StringEquals", "ForAllValues:StringLike"}
    if test not in known:
        raise Refusal("MalformedPolicyDocument", f"the fake AWS does not evaluate the condition {test}")
    for key, patterns in given.items():
        if (
            key not in need.context
            and key not in ("iam:PassedToService", "iam:AWSServiceName")
            and not key.startswith("aws:RequestTag/")
        ):
            raise Refusal("MalformedPolicyDocument", f"the fake AWS does not support the condition key {key}")
        values = _list(need.context.get(key, []))
        if not values and not test.startswith("ForAllValues"):
            return False
        like = test.endswith("Like")
        for value in values:
            if not any(fnmatch.fnmatchcase(value, p) if like else value == p for p in _list(patterns)):
                return False
    return True


def load(policy: str | dict[str, Any]) -> dict[str, Any]:
    """Return a policy document given as JSON or as a value."""
    document: dict[str, Any] = json.loads(policy) if isinstance(policy, str) else policy
    return document
