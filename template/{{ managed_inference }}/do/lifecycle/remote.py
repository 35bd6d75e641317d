"""The deployed endpoint as a server to ask: do/test sends it what it sends to one on this machine."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from lifecycle import inventory
from lifecycle.aws import Aws, AwsFailure, failure
from lifecycle.target import Target
from lifecycle.transport import Answer


def server(settings: Target, aws: Aws | None = None) -> "Endpoint":
    """Return the project's endpoint."""
    patient = replace(settings, call_seconds=settings.invoke_seconds, call_attempts=2)
    return Endpoint(settings, Aws(patient, aws.verb if aws else "test", read_only=True))


class Endpoint:
    """An inference component on its endpoint, called with the credentials of this shell."""

    def __init__(self, settings: Target, aws: Aws) -> None:
        self.name = f"endpoint {settings.project_name}"
        self._settings, self._aws = settings, aws
        self._target = {
            "EndpointName": settings.project_name,
            "InferenceComponentName": settings.project_name,
        }

    def ping(self) -> Answer:
        """Ask SageMaker, which pings the containers itself."""
        component = inventory.describe(
            self._settings, self._aws, "inference component", self._settings.project_name
        )
        status = component.status if component else "missing"
        return Answer(200 if status in ("InService", "Updating") else 503, json.dumps({}).encode())

    def invoke(self, body: bytes, content_type: str, accept: str = "application/json") -> Answer:
        """Send one request; what the container refuses is an answer, too."""
        request = {**self._target, "Body": body, "ContentType": content_type, "Accept": accept}
        try:
            answer = self._aws.call("sagemaker-runtime", "invoke_endpoint", **request)
            return Answer(answer["ResponseMetadata"]["HTTPStatusCode"], answer["Body"].read())
        except AwsFailure as error:
            return _model_error(error)
        except Exception as error:
            raise failure(error, self._aws, "sagemaker-runtime.invoke_endpoint") from None

    def stream(self, body: bytes, content_type: str) -> Iterator[bytes]:
        """Send one request and yield its answer as it arrives."""
        call = "invoke_endpoint_with_response_stream"
        request = {**self._target, "Body": body, "ContentType": content_type}
        try:
            for event in self._aws.call("sagemaker-runtime", call, **request)["Body"]:
                yield event["PayloadPart"]["Bytes"]
        except AwsFailure as error:
            yield _model_error(error).body
        except Exception as error:
            raise failure(error, self._aws, f"sagemaker-runtime.{call}") from None


def _model_error(error: AwsFailure) -> Answer:
    """Return what the container answered. Raises the failure itself when it was not the container's."""
    told: Any = error.response
    if error.error != "ModelError" or not told.get("OriginalStatusCode"):
        raise error
    return Answer(told["OriginalStatusCode"], str(told.get("OriginalMessage", "")).encode())
