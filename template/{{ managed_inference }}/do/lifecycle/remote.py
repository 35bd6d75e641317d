"""The deployed endpoint as a server to ask: do/test sends it what it sends to one on this machine."""

from collections.abc import Iterator
from dataclasses import replace

from lifecycle import inventory
from lifecycle.aws import Aws, AwsFailure
from lifecycle.target import Target
from lifecycle.transport import Answer, Server


def server(settings: Target, verb: str = "test") -> Server:
    """Return the project's endpoint."""
    patient = replace(settings, call_seconds=settings.invoke_seconds, call_attempts=2)
    return Endpoint(settings, Aws(patient, verb, read_only=True))


class Endpoint(Server):
    """An inference component on its endpoint, called with the credentials of this shell."""

    def __init__(self, settings: Target, aws: Aws) -> None:
        name = settings.project_name
        super().__init__("", f"endpoint {name}")
        self._settings, self._aws = settings, aws
        self._target = {"EndpointName": name, "InferenceComponentName": name}

    def ping(self) -> Answer:
        """Ask SageMaker, which pings the containers itself."""
        name = self._settings.project_name
        component = inventory.describe(self._settings, self._aws, "inference component", name)
        ready = component is not None and component.status in ("InService", "Updating")
        return Answer(200 if ready else 503, b"{}")

    def invoke(self, body: bytes, content_type: str, attributes: str = "") -> Answer:
        request = {**self._target, "Body": body, "ContentType": content_type, "Accept": "application/json"}
        request |= {"CustomAttributes": attributes} if attributes else {}
        try:
            with self._aws.explained("sagemaker-runtime.invoke_endpoint"):
                answer = self._aws.call("sagemaker-runtime", "invoke_endpoint", **request)
                return Answer(answer["ResponseMetadata"]["HTTPStatusCode"], answer["Body"].read())
        except AwsFailure as error:
            return _of_container(error)

    def stream(self, body: bytes, content_type: str) -> Iterator[bytes]:
        call, request = "invoke_endpoint_with_response_stream", {"Body": body, "ContentType": content_type}
        try:
            with self._aws.explained(f"sagemaker-runtime.{call}"):
                for event in self._aws.call("sagemaker-runtime", call, **self._target, **request)["Body"]:
                    yield event["PayloadPart"]["Bytes"]
        except AwsFailure as error:
            yield _of_container(error).body


def _of_container(error: AwsFailure) -> Answer:
    """Return what the container refused with. Raises the failure itself when it was not the container's."""
    if error.error != "ModelError" or not error.response.get("OriginalStatusCode"):
        raise error
    return Answer(error.response["OriginalStatusCode"], str(error.response["OriginalMessage"]).encode())
