# Part of the library: `copier update` replaces this file.
"""The deployed endpoint as a server: do/test sends it the same requests as a server on this machine."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from lifecycle.aws import Aws, AwsFailure
from lifecycle.console import Progress
from lifecycle.project import REFUSED, TIMED_OUT, Failure
from lifecycle.sagemaker import inventory, waiting
from lifecycle.sagemaker.specification import COMPONENT
from lifecycle.sagemaker.target import Target
from lifecycle.transport import Access, Answer, Server

T = TypeVar("T")
NOT_READY = "ModelNotReadyException"  # of a serverless endpoint
NO_CAPACITY = "has no capacity to process this request"


def server(settings: Target, verb: str = "test") -> Server:
    """Return the project's endpoint."""
    return Endpoint(settings, Aws(patient(settings), verb, read_only=True))


def usd_per_hour(settings: Target) -> float:
    """Return the US dollars per hour of the endpoint's minimum of instances, 0 if the price is unknown."""
    return settings.usd_per_hour * settings.instance_count


def patient(settings: Target) -> Target:
    """Return the settings with the time limit of an invocation for each call."""
    return replace(settings, call_seconds=settings.invoke_seconds, call_attempts=2)


class Endpoint(Server):
    """The project's endpoint, called with the credentials of this shell."""

    def __init__(self, settings: Target, aws: Aws) -> None:
        name = settings.project_name
        super().__init__("", f"endpoint {name}")
        self._settings, self._aws = settings, aws
        self._has_component = settings.target_kind == "component"
        self._target = {"EndpointName": name}
        if self._has_component:
            self._target["InferenceComponentName"] = name

    def ping(self) -> Answer:
        """Return the state in SageMaker, which pings the containers."""
        kind = COMPONENT if self._has_component else "endpoint"
        ready = inventory.is_serving(self._aws, kind, self._settings.project_name)
        return Answer(200 if ready else 503, b"{}")

    def access(self) -> Access:
        name = self._settings.project_name
        headers = {"X-Amzn-SageMaker-Inference-Component": name} if self._has_component else {}
        runtime = self._aws.endpoint_url("sagemaker-runtime")
        return Access(runtime, f"/endpoints/{name}/invocations", headers, region=self._aws.region)

    def invoke(self, body: bytes, content_type: str, attributes: str = "") -> Answer:
        request = {**self._target, "Body": body, "ContentType": content_type, "Accept": "application/json"}
        request |= {"CustomAttributes": attributes} if attributes else {}
        try:
            with self._aws.explained("sagemaker-runtime.invoke_endpoint"):
                answer = self._called("invoke_endpoint", request)
                return Answer(answer["ResponseMetadata"]["HTTPStatusCode"], answer["Body"].read())
        except AwsFailure as error:
            return _of_container(error)

    def stream(self, body: bytes, content_type: str) -> Iterator[bytes]:
        call = "invoke_endpoint_with_response_stream"
        request = {**self._target, "Body": body, "ContentType": content_type}
        try:
            with self._aws.explained(f"sagemaker-runtime.{call}"):
                for event in self._called(call, request)["Body"]:
                    yield event["PayloadPart"]["Bytes"]
        except AwsFailure as error:
            yield _of_container(error).body

    def _called(self, call: str, request: dict[str, Any]) -> dict[str, Any]:
        """Make a call. Raise AwsFailure, or Failure if no copy starts in time."""
        return self.when_awake(lambda: self._aws.call("sagemaker-runtime", call, **request))

    def when_awake(self, send: Callable[[], T]) -> T:
        """Send a request and repeat it while the endpoint starts a container, which the first one causes.

        Raise AwsFailure as `send` does, or Failure if no copy starts in time.
        """
        progress: Progress | None = None
        while True:
            try:
                answer = send()
            except AwsFailure as error:
                if error.finding.seen.startswith(NOT_READY):
                    progress = progress or Progress(self.name, waiting.patience(self._settings))
                    self._wait_for_start(progress)
                    continue
                if NO_CAPACITY not in error.finding.seen:
                    raise
            else:
                if progress:
                    progress.end("a copy is in service")
                return answer
            what, seen = f"{self.name} has no copies", "SageMaker: no capacity for the request"
            if not self._settings.scale_to_zero:
                next_step = "do/deploy sets the number of copies in do/config.toml"
                raise Failure(REFUSED, "no-copies", what, seen, next_step)
            progress = progress or Progress(self.name, waiting.patience(self._settings))
            progress.show("scaled to zero, waiting for the first copy")
            if progress.elapsed > progress.limit:
                cause = (
                    "the alarm or the policy that starts the first copy is missing, or AWS has no capacity"
                )
                next_step = "do/status shows it; do/deploy creates a missing alarm or policy"
                raise Failure(TIMED_OUT, "still-at-zero", what, seen, next_step, cause)
            progress.sleep(self._settings.poll_seconds)

    def _wait_for_start(self, progress: Progress) -> None:
        """Wait for the cold start of a serverless endpoint. Raise Failure after the limit."""
        progress.show("starting the container")
        if progress.elapsed > progress.limit:
            what, seen = f"{self.name} does not start", f"SageMaker: {NOT_READY}"
            raise Failure(TIMED_OUT, "still-cold", what, seen, "do/logs shows the log of the container")
        progress.sleep(self._settings.poll_seconds)


def _of_container(error: AwsFailure) -> Answer:
    """Return the error response of the container. Raise the failure if it is not from the container."""
    if error.error != "ModelError" or not error.response.get("OriginalStatusCode"):
        raise error
    return Answer(error.response["OriginalStatusCode"], str(error.response["OriginalMessage"]).encode())
