"""A deployment to the fake AWS, call by call."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fakes.aws.images import MemoryStore
from tests.fakes.aws.server import FakeAws

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/model:v1"
ROLE = "arn:aws:iam::123456789012:role/exec"
TAGS = [{"Key": "project", "Value": "demo"}]


@dataclass
class Deployment:
    """The calls of a deployment, with their requests."""

    aws: FakeAws
    sagemaker: Any = field(init=False)

    def __post_init__(self) -> None:
        self.sagemaker = self.aws.boto3_client("sagemaker")
        if isinstance(self.aws.world.images, MemoryStore):
            self.push("v1")

    def push(self, tag: str, **details: str) -> str:
        return self.aws.push("model", tag, **details)

    def config(self, name: str = "config", instance_type: str = "ml.m5.large", **more: Any) -> None:
        variant = {"VariantName": "AllTraffic", "InstanceType": instance_type, "InitialInstanceCount": 1}
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ExecutionRoleArn=ROLE, ProductionVariants=[variant | more], Tags=TAGS
        )

    def endpoint(self, name: str = "endpoint", config: str = "config") -> None:
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config, Tags=TAGS)
        assert self.endpoint_settled(name) == "InService"

    def endpoint_settled(self, name: str = "endpoint") -> str:
        describe: Callable[..., Any] = self.sagemaker.describe_endpoint
        return settled(lambda: describe(EndpointName=name)["EndpointStatus"])

    def component(self, name: str = "component", tag: str = "v1", memory: int = 1024, **more: Any) -> None:
        self.sagemaker.create_inference_component(
            InferenceComponentName=name,
            EndpointName="endpoint",
            VariantName="AllTraffic",
            Specification=specification(tag, memory) | more,
            RuntimeConfig={"CopyCount": 1},
            Tags=TAGS,
        )

    def described(self, name: str = "component") -> dict[str, Any]:
        described: dict[str, Any] = self.sagemaker.describe_inference_component(InferenceComponentName=name)
        return described

    def component_settled(self, name: str = "component") -> str:
        return settled(lambda: self.described(name)["InferenceComponentStatus"])

    def all(self) -> None:
        self.config()
        self.endpoint()
        self.component()
        assert self.component_settled() == "InService"


def specification(tag: str = "v1", memory: int = 1024) -> dict[str, Any]:
    image = IMAGE.replace(":v1", f":{tag}")
    return {
        "Container": {"Image": image, "Environment": {"LEVEL": "info"}},
        "ComputeResourceRequirements": {"MinMemoryRequiredInMb": memory},
    }


def settled(status: Callable[[], str]) -> str:
    """Poll until a status is stable; "Gone" if the resource does not exist."""
    for _ in range(250):
        try:
            seen = status()
        except ClientError as error:
            if "Could not find" not in str(error):
                raise
            return "Gone"
        if not seen.endswith("ing"):
            return seen
        time.sleep(0.02)
    raise AssertionError(f"still {seen}")


def refused(call: Callable[[], object]) -> tuple[str, str]:
    """Return the code and message of the error of a call."""
    with pytest.raises(ClientError) as refusal:
        call()
    error = refusal.value.response["Error"]
    return error["Code"], error["Message"]


def invoke(aws: FakeAws, body: bytes, **more: str) -> Any:
    details = {
        "EndpointName": "endpoint",
        "InferenceComponentName": "component",
        "ContentType": "application/json",
    }
    return aws.boto3_client("sagemaker-runtime").invoke_endpoint(Body=body, **(details | more))
