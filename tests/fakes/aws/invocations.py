"""SageMaker Runtime: invocations, which are forwarded to the container of an inference component."""

import http.client
import struct
import urllib.parse
import zlib
from collections.abc import Iterator
from typing import Any

from werkzeug.wrappers import Response

from tests.fakes.aws import serverless
from tests.fakes.aws.components import wake
from tests.fakes.aws.wire import ACCOUNT, Refusal, Request, operation
from tests.fakes.aws.world import World

BODY_LIMIT = 6_291_456  # of the service model, in bytes
HEADERS = {
    "ContentType": "Content-Type",
    "Accept": "Accept",
    "CustomAttributes": "X-Amzn-SageMaker-Custom-Attributes",
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
    "SessionId": "X-Amzn-SageMaker-Session-Id",
}


@operation("sagemaker-runtime", "InvokeEndpoint")
def invoke(world: World, request: Request) -> Response:
    connection, answer, variant = _sent(world, request)
    with connection:
        body = answer.read()
        if len(body) > BODY_LIMIT:
            raise _model_error(request, 500, f"the response is longer than {BODY_LIMIT} bytes")
        return Response(body, 200, _response_headers(answer, variant, answer.getheader("Content-Type", "")))


@operation("sagemaker-runtime", "InvokeEndpointWithResponseStream")
def invoke_with_stream(world: World, request: Request) -> Response:
    connection, answer, variant = _sent(world, request)
    headers = _response_headers(answer, variant, "application/vnd.amazon.eventstream")
    headers["X-Amzn-SageMaker-Content-Type"] = answer.getheader("Content-Type", "")

    def events() -> Iterator[bytes]:
        with connection:
            try:
                while part := answer.read1(65536):
                    yield _event({":message-type": "event", ":event-type": "PayloadPart"}, part)
            except (OSError, http.client.HTTPException) as error:
                kinds = {":message-type": "exception", ":exception-type": "ModelStreamError"}
                yield _event(
                    kinds, f'{{"Message": "{error}", "ErrorCode": "ModelInvocationTimeExceeded"}}'.encode()
                )

    return Response(events(), 200, headers, direct_passthrough=True)


class Connection(http.client.HTTPConnection):
    """A connection that a `with` closes."""

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _sent(world: World, request: Request) -> tuple[Connection, http.client.HTTPResponse, str]:
    """Send an invocation to its container. Raise Refusal without a container, or for an error response."""
    url, variant = target_of(world, request)
    body = request.parameters["Body"] or b""
    if len(body) > BODY_LIMIT:
        raise Refusal(
            "ValidationError",
            "1 validation error detected: Value at 'body' failed to satisfy constraint: "
            f"Member must have length less than or equal to {BODY_LIMIT}",
        )
    headers = {HEADERS[name]: value for name, value in request.parameters.items() if name in HEADERS}
    address = urllib.parse.urlsplit(url)
    connection = Connection(str(address.hostname), address.port, timeout=world.settings.invocation_seconds)
    try:
        connection.request("POST", "/invocations", body, headers)
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        timed_out = isinstance(error, TimeoutError)
        why = (
            "Your invocation timed out while waiting for a response from container primary"
            if timed_out
            else error
        )
        raise _model_error(request, 0, str(why)) from None
    if answer.status >= 400:
        message = answer.read().decode(errors="replace")
        connection.close()
        raise _model_error(request, answer.status, message)
    return connection, answer, variant


def target_of(world: World, request: Request) -> tuple[str, str]:
    """Return the address of the container of an invocation, and its variant. Raise Refusal without one."""
    parameters, name = request.parameters, request.parameters["EndpointName"]
    with world.lock:
        region = world.region(request.region)
        endpoint = region.endpoints.get(name)
        if endpoint is None:
            raise Refusal("ValidationError", f"Endpoint {name} of account {ACCOUNT} not found.")
        if endpoint.config.is_serverless:
            if "InferenceComponentName" in parameters:
                raise Refusal("ValidationError", f"Endpoint {name} has no inference components.")
            url = serverless.target(endpoint, parameters["Body"] or b"")
            return url, endpoint.config.variants[0]["VariantName"]
        if "InferenceComponentName" not in parameters:
            raise Refusal(
                "ValidationError",
                "Inference Component Name header is required for endpoints to which you plan to deploy "
                "inference components. Please include Inference Component Name header or consider using "
                "SageMaker models.",
            )
        component = region.components.get(parameters["InferenceComponentName"])
        if component is None or component.endpoint is not endpoint:
            raise Refusal(
                "ValidationError",
                f"Inference Component {parameters['InferenceComponentName']} of endpoint {name} not found.",
            )
        if component.container is None or component.status not in ("InService", "Updating"):
            wake(world, region, component)
            raise Refusal(
                "ValidationError",
                "Inference Component has no capacity to process this request. ApplicationAutoScaling may be "
                "in-progress (if configured) or try to increase the capacity by invoking "
                "UpdateInferenceComponentRuntimeConfig API.",
            )
        return component.container.url, component.variant


def _response_headers(answer: http.client.HTTPResponse, variant: str, content_type: str) -> dict[str, str]:
    headers = {"Content-Type": content_type, "x-Amzn-Invoked-Production-Variant": variant}
    attributes = answer.getheader("X-Amzn-SageMaker-Custom-Attributes")
    return headers | ({"X-Amzn-SageMaker-Custom-Attributes": attributes} if attributes else {})


def _model_error(request: Request, status: int, message: str) -> Refusal:
    component = request.parameters.get("InferenceComponentName")
    group = f"/aws/sagemaker/Endpoints/{request.parameters['EndpointName']}"
    group = f"/aws/sagemaker/InferenceComponents/{component}" if component else group
    side = "client" if 400 <= status < 500 else "server"
    members: dict[str, Any] = {"OriginalStatusCode": status, "OriginalMessage": message}
    return Refusal(
        "ModelError",
        f'Received {side} error ({status}) from primary with message "{message}". See '
        f"https://{request.region}.console.aws.amazon.com/cloudwatch/home?region={request.region}"
        f"#logEventViewer:group={group} in account {ACCOUNT} for more information.",
        424,
        LogStreamArn=request.arn("logs", f"log-group:{group}"),
        **members,
    )


def _event(kinds: dict[str, str], payload: bytes) -> bytes:
    """Return a message in the event stream encoding."""
    kinds = kinds | {":content-type": "application/octet-stream"}
    headers = b"".join(
        struct.pack("!B", len(name))
        + name.encode()
        + b"\x07"
        + struct.pack("!H", len(value))
        + value.encode()
        for name, value in kinds.items()
    )
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack("!I", zlib.crc32(message))
