"""SageMaker in the fake AWS, called by boto3: its resources, its errors, and its containers."""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fakes.aws.images import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST
from tests.fakes.aws.server import FakeAws
from tests.lifecycle.deployment import IMAGE, TAGS, Deployment, invoke, refused, specification


def test_a_deployment_from_config_to_nothing(deployment: Deployment) -> None:
    aws, sagemaker = deployment.aws, deployment.sagemaker
    deployment.config()
    sagemaker.create_endpoint(EndpointName="endpoint", EndpointConfigName="config")
    assert sagemaker.describe_endpoint(EndpointName="endpoint")["EndpointStatus"] == "Creating"
    waiter = sagemaker.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName="endpoint", WaiterConfig={"Delay": 0})
    deployment.component()
    assert deployment.described()["InferenceComponentStatus"] == "Creating"
    assert deployment.component_settled() == "InService"
    described = deployment.described()
    deployed = described["Specification"]["Container"]["DeployedImage"]
    assert deployed["SpecifiedImage"] == IMAGE
    assert deployed["ResolvedImage"].startswith(IMAGE.removesuffix(":v1") + "@sha256:")
    assert described["RuntimeConfig"] == {"DesiredCopyCount": 1, "CurrentCopyCount": 1}
    assert json.loads(invoke(aws, b'{"instances": [[1], [2]]}')["Body"].read()) == {"predictions": [1.5, 1.5]}

    digest = deployment.push("v2", label="second")
    sagemaker.update_inference_component(
        InferenceComponentName="component",
        Specification=specification("v2"),
    )
    assert deployment.described()["InferenceComponentStatus"] == "Updating"
    assert invoke(aws, b"[[1]]")["ResponseMetadata"]["HTTPStatusCode"] == 200, "the old container answers"
    assert deployment.component_settled() == "InService"
    described = deployment.described()
    assert described["Specification"]["Container"]["DeployedImage"]["ResolvedImage"].endswith(digest)

    sagemaker.delete_inference_component(InferenceComponentName="component")
    assert deployment.component_settled() == "Gone"
    sagemaker.delete_endpoint(EndpointName="endpoint")
    assert deployment.endpoint_settled() == "Gone"
    sagemaker.delete_endpoint_config(EndpointConfigName="config")
    assert [arn for arn in aws.resources() if ":sagemaker:" in arn] == []
    assert [call.operation for call in aws.mutations] == [
        "CreateEndpointConfig",
        "CreateEndpoint",
        "CreateInferenceComponent",
        "UpdateInferenceComponent",
        "DeleteInferenceComponent",
        "DeleteEndpoint",
        "DeleteEndpointConfig",
    ]


def test_copies_to_zero_and_back(deployment: Deployment) -> None:
    deployment.all()
    change = deployment.sagemaker.update_inference_component_runtime_config
    change(InferenceComponentName="component", DesiredRuntimeConfig={"CopyCount": 0})
    assert deployment.component_settled() == "InService"
    code, message = refused(lambda: invoke(deployment.aws, b"[[1]]"))
    assert code == "ValidationError" and "no capacity" in message
    change(InferenceComponentName="component", DesiredRuntimeConfig={"CopyCount": 1})
    assert deployment.component_settled() == "InService"
    assert invoke(deployment.aws, b"[[1]]")["Body"].read()


def test_what_exists_twice_or_not_at_all_is_refused(deployment: Deployment) -> None:
    deployment.all()
    sagemaker = deployment.sagemaker
    attempts: dict[str, Callable[[], object]] = {
        "Cannot create already existing endpoint configuration": deployment.config,
        "Cannot create already existing endpoint ": deployment.endpoint,
        "Cannot create already existing inference component": deployment.component,
        "Could not find endpoint configuration": lambda: deployment.endpoint("other", "no-config"),
        "Could not find endpoint ": lambda: sagemaker.delete_endpoint(EndpointName="no-endpoint"),
        "Could not find inference component": lambda: deployment.described("no-component"),
        "regular expression pattern": lambda: deployment.config("under_score"),
        "no-tag not found": lambda: deployment.component("other", "no-tag"),
    }  # fmt: skip
    deployment.aws.settings.image_refused = "at the call"
    for expected, attempt in attempts.items():
        code, message = refused(attempt)
        assert (code, expected in message) == ("ValidationException", True), message


def test_an_endpoint_is_deleted_with_or_without_its_components(deployment: Deployment) -> None:
    deployment.aws.settings.component_seconds = 30
    deployment.config()
    deployment.endpoint()
    deployment.component()
    delete: Callable[[], object] = lambda: deployment.sagemaker.delete_endpoint(EndpointName="endpoint")  # noqa: E731
    deployment.aws.settings.endpoint_with_components = "refused"
    assert "while it hosts inference components: component" in refused(delete)[1]
    deployment.aws.settings.endpoint_with_components = "deleted"
    delete()
    assert deployment.endpoint_settled() == "Gone"
    assert deployment.described()["InferenceComponentStatus"] == "Creating", "it remains"
    deployment.sagemaker.delete_inference_component(InferenceComponentName="component")
    assert deployment.component_settled() == "Gone"


@pytest.mark.parametrize(("copies", "accepted"), [(1, []), (2, [1]), (4, [1, 2]), (50, [3, 25])])
def test_a_batch_is_a_part_of_the_copies_that_run(
    deployment: Deployment, copies: int, accepted: list[int]
) -> None:
    deployment.all()
    component = deployment.aws.world.region("us-east-1").components["component"]
    for size in (1, 2, 3, 25, 26):
        component.copies = component.current_copies = copies
        policy = {"MaximumBatchSize": {"Type": "COPY_COUNT", "Value": size}, "WaitIntervalInSeconds": 0}
        update = partial(
            deployment.sagemaker.update_inference_component,
            InferenceComponentName="component",
            Specification=specification(),
            DeploymentConfig={"RollingUpdatePolicy": policy},
        )
        if size in accepted:
            update()
            assert deployment.component_settled() == "InService"
            assert deployment.described()["LastDeploymentConfig"] == {"RollingUpdatePolicy": policy}
        else:
            assert "between 5 and 50 percent" in refused(update)[1]


def test_the_system_of_an_instance_keeps_a_part_of_its_memory(deployment: Deployment) -> None:
    deployment.config(
        instance_type="ml.g5.xlarge", InferenceAmiVersion="al2023-ami-sagemaker-inference-gpu-4-1"
    )
    deployment.endpoint()
    for name, memory, status in (("small", 1024, "InService"), ("large", 4096, "Failed")):
        needs = {"MinMemoryRequiredInMb": memory, "NumberOfAcceleratorDevicesRequired": 1}
        deployment.component(name, ComputeResourceRequirements=needs)
        assert deployment.component_settled(name) == status


def test_a_component_with_gpus_hangs_without_a_driver_for_them(deployment: Deployment) -> None:
    deployment.aws.settings.startup_limit_seconds = 0.3
    deployment.config(instance_type="ml.g5.xlarge")
    deployment.endpoint()
    needs = {"MinMemoryRequiredInMb": 1024, "NumberOfAcceleratorDevicesRequired": 1}
    deployment.component(ComputeResourceRequirements=needs)
    assert deployment.component_settled() == "Failed"


def test_what_is_changing_is_not_changed_again(deployment: Deployment) -> None:
    deployment.aws.settings.endpoint_seconds = deployment.aws.settings.component_seconds = 0.4
    sagemaker = deployment.sagemaker
    deployment.config()
    sagemaker.create_endpoint(EndpointName="endpoint", EndpointConfigName="config")
    assert "in-progress" in refused(lambda: sagemaker.delete_endpoint(EndpointName="endpoint"))[1]
    assert "not InService" in refused(deployment.component)[1]
    assert deployment.endpoint_settled() == "InService"
    deployment.component()
    delete: Callable[[], object] = lambda: sagemaker.delete_inference_component(  # noqa: E731
        InferenceComponentName="component"
    )
    assert "CREATE_IN_PROGRESS" in refused(delete)[1]
    deployment.aws.settings.deletable_while_creating = True
    delete()
    assert "DELETE_IN_PROGRESS" in refused(delete)[1]
    assert deployment.component_settled() == "Gone"


@pytest.mark.parametrize("media_type", [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST])
def test_a_manifest_of_another_type_fails_the_component(deployment: Deployment, media_type: str) -> None:
    deployment.push("odd", media_type=media_type)
    deployment.config()
    deployment.endpoint()
    deployment.component(tag="odd")
    assert deployment.component_settled() == "Failed"
    assert f"Unsupported manifest media type {media_type}" in deployment.described()["FailureReason"]


def test_a_container_that_does_not_come_up_fails_the_component(deployment: Deployment) -> None:
    aws = deployment.aws
    deployment.push("arm", architecture="arm64")
    deployment.config()
    deployment.endpoint()
    deployment.component("arm", tag="arm")
    aws.light.exits_saying = "RuntimeError: no model in /opt/ml/model"
    deployment.component("exits")
    deployment.component("big", memory=9000)
    logs = aws.boto3_client("logs")
    for name, reason, line in (
        ("arm", "ping health check", "exec format error"),
        ("exits", "ping health check", "no model in /opt/ml/model"),
        ("big", "There is not enough hardware resources on the instances for this endpoint", None),
    ):
        assert deployment.component_settled(name) == "Failed"
        assert reason in deployment.described(name)["FailureReason"]
        if line:
            events = logs.filter_log_events(logGroupName=f"/aws/sagemaker/InferenceComponents/{name}")[
                "events"
            ]
            assert any(line in event["message"] for event in events), events
    aws.settings.startup_limit_seconds = 0.2
    aws.light.exits_saying, aws.light.healthy = None, False
    deployment.component("ill")
    assert deployment.component_settled("ill") == "Failed"


def test_a_failed_update_keeps_what_served(deployment: Deployment) -> None:
    deployment.all()
    update = deployment.sagemaker.update_inference_component
    deployment.aws.light.exits_saying = "cannot start"
    update(InferenceComponentName="component", Specification=specification())
    assert deployment.component_settled() == "InService"
    assert invoke(deployment.aws, b"[[1]]")["Body"].read()
    deployment.aws.settings.failed_update = "fails"
    update(InferenceComponentName="component", Specification=specification())
    assert deployment.component_settled() == "Failed"


def test_invocations_are_answered_by_the_container_and_its_errors_are_model_errors(
    deployment: Deployment,
) -> None:
    deployment.all()
    aws = deployment.aws
    runtime = aws.boto3_client("sagemaker-runtime")
    with pytest.raises(ClientError) as error:
        invoke(aws, b"not JSON")
    assert error.value.response["Error"]["Code"] == "ModelError"
    members: dict[str, Any] = {**error.value.response}
    assert members["OriginalStatusCode"] == 400
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424
    stream = runtime.invoke_endpoint_with_response_stream(
        EndpointName="endpoint", InferenceComponentName="component", Body=b'{"messages": [], "stream": true}',
        ContentType="application/json",
    )  # fmt: skip
    text = b"".join(event["PayloadPart"]["Bytes"] for event in stream["Body"])
    assert text.startswith(b"data: {") and text.endswith(b"data: [DONE]\n\n")
    without = lambda: runtime.invoke_endpoint(EndpointName="endpoint", Body=b"")  # noqa: E731
    assert "Inference Component Name header is required" in refused(without)[1]
    assert "length less than or equal to 6291456" in refused(lambda: invoke(aws, b"x" * 6_291_457))[1]
    aws.settings.invocation_seconds = 0.1

    def slow(*_: object) -> tuple[int, str, bytes]:
        time.sleep(0.3)
        return 200, "text/plain", b""

    aws.light.model = slow
    deployment.component("slow")
    assert deployment.component_settled("slow") == "InService"
    assert "timed out" in refused(lambda: invoke(aws, b"x", InferenceComponentName="slow"))[1]


def test_lists_come_in_pages_by_name_and_state(deployment: Deployment) -> None:
    sagemaker = deployment.sagemaker
    for number in range(23):
        deployment.config(f"config-{number}")
    assert len(sagemaker.list_endpoint_configs()["EndpointConfigs"]) == 10
    pages = list(sagemaker.get_paginator("list_endpoint_configs").paginate())
    assert [len(page["EndpointConfigs"]) for page in pages] == [10, 10, 3]
    named = sagemaker.list_endpoint_configs(NameContains="config-2", SortBy="Name", SortOrder="Ascending")
    names = [config["EndpointConfigName"] for config in named["EndpointConfigs"]]
    assert names == ["config-2", "config-20", "config-21", "config-22"]
    deployment.endpoint(config="config-1")
    assert sagemaker.list_endpoints(StatusEquals="Failed")["Endpoints"] == []
    assert len(sagemaker.list_endpoints(StatusEquals="InService")["Endpoints"]) == 1


def test_tags_are_kept_on_everything(deployment: Deployment) -> None:
    deployment.all()
    sagemaker = deployment.sagemaker
    arns = [arn for arn in deployment.aws.resources() if ":sagemaker:" in arn]
    assert len(arns) == 3
    for arn in arns:
        assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == TAGS
        sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "expires_at", "Value": "2026-01-01T00:00:00Z"}])
        sagemaker.delete_tags(ResourceArn=arn, TagKeys=["project"])
        assert [tag["Key"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]] == ["expires_at"]


def test_a_quota_is_not_exceeded(deployment: Deployment) -> None:
    deployment.aws.settings.quotas["ml.g5.xlarge"] = 0
    deployment.config(instance_type="ml.g5.xlarge")
    code, message = refused(deployment.endpoint)
    assert code == "ResourceLimitExceeded" and "'ml.g5.xlarge for endpoint usage' is 0 Instances" in message


def test_what_the_fake_lacks_it_says_so(aws: FakeAws) -> None:
    call = lambda: aws.boto3_client("sagemaker").list_training_jobs()  # noqa: E731
    assert refused(call)[0] == "UnknownOperationException"
    assert aws.calls[0].outcome == "UnknownOperationException"


def test_a_reset_leaves_nothing_and_is_quick(deployment: Deployment) -> None:
    deployment.all()
    started = time.monotonic()
    deployment.aws.reset()
    assert time.monotonic() - started < 0.05
    assert deployment.aws.resources() == [] and deployment.aws.calls == []
