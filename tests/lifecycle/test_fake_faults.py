"""The faults of the fake AWS, and its record of every call."""

from collections.abc import Callable
from typing import Any

import botocore.config
import botocore.exceptions
import pytest

from tests.fakes.aws.calls import Kind
from tests.fakes.aws.server import FakeAws
from tests.lifecycle.deployment import ROLE, Deployment, refused

ERRORS: dict[Kind, str] = {
    "throttle": "ThrottlingException",
    "deny": "AccessDeniedException",
    "expire": "ExpiredTokenException",
    "limit": "ResourceLimitExceeded",
    "unavailable": "ServiceUnavailable",
}


@pytest.mark.parametrize(("kind", "code"), ERRORS.items())
def test_a_fault_strikes_the_nth_call_alone(deployment: Deployment, kind: Kind, code: str) -> None:
    fault = deployment.aws.fault(kind, "sagemaker", "CreateEndpointConfig", nth=2)
    deployment.config("first")
    assert refused(lambda: deployment.config("second"))[0] == code
    deployment.config("second")
    assert fault.struck == 1
    failed = next(call for call in deployment.aws.calls if call.fault)
    assert (failed.number, failed.outcome, failed.executed, failed.mutating) == (2, code, False, True)


def test_without_capacity_a_component_and_an_endpoint_fail_later(deployment: Deployment) -> None:
    deployment.config()
    deployment.aws.fault("no capacity", operation="CreateEndpoint")
    deployment.sagemaker.create_endpoint(EndpointName="endpoint", EndpointConfigName="config")
    assert deployment.endpoint_settled() == "Failed"
    described = deployment.sagemaker.describe_endpoint(EndpointName="endpoint")
    assert "InsufficientInstanceCapacity" in described["FailureReason"]
    again = {"EndpointName": "endpoint", "EndpointConfigName": "config"}
    assert "Cannot update failed" in refused(lambda: deployment.sagemaker.update_endpoint(**again))[1]
    deployment.sagemaker.delete_endpoint(EndpointName="endpoint")
    assert deployment.endpoint_settled() == "Gone"
    deployment.endpoint()
    deployment.aws.fault("no capacity", operation="CreateInferenceComponent")
    deployment.component()
    assert deployment.component_settled() == "Failed"
    assert "InsufficientInstanceCapacity" in deployment.described()["FailureReason"]


@pytest.mark.parametrize("kind", ["reset", "hang"])
@pytest.mark.parametrize("after", [False, True])
def test_a_cut_connection_comes_before_or_after_the_call_took_effect(
    deployment: Deployment, kind: Kind, after: bool
) -> None:
    options = botocore.config.Config(retries={"max_attempts": 0}, read_timeout=0.3)
    sagemaker = deployment.aws.boto3_client("sagemaker", config=options)
    deployment.config()
    deployment.aws.fault(kind, operation="DeleteEndpointConfig", after=after)
    errors = (botocore.exceptions.ConnectionClosedError, botocore.exceptions.ReadTimeoutError)
    with pytest.raises(errors):
        sagemaker.delete_endpoint_config(EndpointConfigName="config")
    left = [arn for arn in deployment.aws.resources() if ":endpoint-config/" in arn]
    assert (left == []) is after
    assert [call.executed for call in deployment.aws.calls if call.fault] == [after]


@pytest.mark.parametrize(
    ("service", "call", "throttled", "denied"),
    [
        ("s3", lambda client: client.list_buckets(), "SlowDown", "AccessDenied"),
        ("iam", lambda client: client.list_roles(), "Throttling", "AccessDenied"),
        (
            "ecr",
            lambda client: client.describe_repositories(),
            "ThrottlingException",
            "AccessDeniedException",
        ),
        ("sts", lambda client: client.get_caller_identity(), "Throttling", "AccessDenied"),
    ],
)
def test_every_protocol_words_its_own_errors(
    aws: FakeAws, service: str, call: Callable[[Any], object], throttled: str, denied: str
) -> None:
    client = aws.boto3_client(service)
    aws.fault("throttle")
    assert refused(lambda: call(client))[0] == throttled
    aws.fault("deny")
    assert refused(lambda: call(client))[0] == denied
    call(client)


def test_a_policy_allows_what_it_names_and_no_more(deployment: Deployment) -> None:
    statements = [
        {"Effect": "Allow", "Action": "sagemaker:CreateEndpointConfig", "Resource": "*"},
        {"Effect": "Allow", "Action": "sagemaker:AddTags", "Resource": "arn:aws:sagemaker:*:*:*/*"},
        {
            "Effect": "Allow", "Action": "iam:PassRole", "Resource": ROLE,
            "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        },
        {"Effect": "Allow", "Action": "sagemaker:Delete*", "Resource": "arn:aws:sagemaker:*:*:*/mine-*"},
    ]  # fmt: skip
    deployment.aws.enforce({"Version": "2012-10-17", "Statement": statements})
    deployment.config("mine-1")
    deployment.config("yours-1")
    delete = deployment.sagemaker.delete_endpoint_config
    delete(EndpointConfigName="mine-1")
    code, message = refused(lambda: delete(EndpointConfigName="yours-1"))
    assert code == "AccessDeniedException" and "sagemaker:DeleteEndpointConfig on resource" in message
    deployment.aws.boto3_client("sts").get_caller_identity()
    deployment.aws.enforce({"Version": "2012-10-17", "Statement": statements[:2]})
    assert "iam:PassRole" in refused(lambda: deployment.config("other"))[1]


def test_a_call_says_whether_it_mutates_and_what_it_needs(deployment: Deployment) -> None:
    deployment.config()
    deployment.sagemaker.list_endpoints()
    s3 = deployment.aws.boto3_client("s3")
    s3.create_bucket(Bucket="bucket-1")
    s3.put_object(Bucket="bucket-1", Key="source.zip", Body=b"zip")
    s3.list_objects_v2(Bucket="bucket-1")
    calls = {call.operation: call for call in deployment.aws.calls}
    assert calls["CreateEndpointConfig"].actions == {
        "sagemaker:CreateEndpointConfig", "sagemaker:AddTags", "iam:PassRole",
    }  # fmt: skip
    assert [name for name, call in calls.items() if not call.mutating] == ["ListEndpoints", "ListObjectsV2"]
    assert {need.resource for need in calls["PutObject"].needs} == {"arn:aws:s3:::bucket-1/source.zip"}
    assert calls["ListObjectsV2"].actions == {"s3:ListBucket"}
