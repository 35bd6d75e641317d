"""Requests of all AWS protocols as values, and responses and errors as HTTP."""

import html
import io
import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.loaders import Loader
from moto.core.model import OperationModel, ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import get_serializer_class
from moto.core.utils import get_service_model
from moto.moto_server.werkzeug_app import BackendRequest
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from tests.fakes.aws.world import World

ACCOUNT = "123456789012"
SERVICE_OF_SIGNING_NAME = {
    "monitoring": "cloudwatch",
    "servicequotas": "service-quotas",
    "tagging": "resourcegroupstaggingapi",
}
IGNORED_PARAMETERS = {"ContentLength", "ContentMD5", "ChecksumAlgorithm", "EncodingType"}


@dataclass(frozen=True)
class Request:
    """A call: `service` is the name in botocore, `parameters` are those of boto3."""

    service: str
    operation: str
    parameters: dict[str, Any]
    region: str
    access_key: str
    protocol: str
    model: OperationModel
    environ: dict[str, Any] = field(repr=False)

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource of the caller's account in the Region of the call."""
        return f"arn:aws:{service}:{self.region}:{ACCOUNT}:{resource}"


class Refusal(Exception):
    """An error response of a service: `code`, `message`, HTTP status and further members of its model."""

    def __init__(self, code: str, message: str, status: int = 400, **members: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status, self.members = code, message, status, members


def invalid(message: str) -> Refusal:
    """Return the error of most services for an invalid request."""
    return Refusal("ValidationException", message)


Operation = Callable[["World", Request], "dict[str, Any] | Response | None"]
OPERATIONS: dict[tuple[str, str], Operation] = {}


def operation(service: str, *names: str) -> Callable[[Operation], Operation]:
    """Register a function for operations of a service."""

    def register(function: Operation) -> Operation:
        for name in names:
            OPERATIONS[service, name] = function
        return function

    return register


def read_request(environ: dict[str, Any]) -> Request:
    """Return the call of an HTTP request, which can be read again. Raise Refusal for another request."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    try:
        scope = environ["HTTP_AUTHORIZATION"].split("Credential=")[1].split(",")[0].split("/")
        access_key, _, region, signing_name, _ = scope
    except (KeyError, IndexError, ValueError):
        raise Refusal("MissingAuthenticationToken", "Missing Authentication Token", 403) from None
    service = SERVICE_OF_SIGNING_NAME.get(signing_name, signing_name)
    if service == "sagemaker" and environ["PATH_INFO"].startswith("/endpoints/"):
        service = "sagemaker-runtime"
    if service not in _known_services():
        raise Refusal("UnknownService", f"no service signs as {signing_name}")
    environ["wsgi.input"] = io.BytesIO(body)
    http = BackendRequest(environ)
    try:
        model, path = get_service_router(service).match(http)
    except (NotFound, NotImplementedError):
        raise Refusal("UnknownOperationException", f"{service}: {http.method} {http.path}") from None
    protocol = determine_request_protocol(model.service_model, http.content_type)
    parsed: dict[str, Any] = PROTOCOL_PARSERS[protocol](model).parse(
        {
            "method": http.method,
            "values": http.values,
            "headers": http.headers,
            "body": http.data,
            "url_path": http.path,
            "url_params": path,
        }
    )
    environ["wsgi.input"] = io.BytesIO(body)
    parameters = {name: value for name, value in parsed.items() if name not in IGNORED_PARAMETERS}
    return Request(service, str(model.name), parameters, region, access_key, protocol, model, environ)


def answer(request: Request, result: "dict[str, Any] | None") -> Response:
    """Return the result of an operation in the protocol of its request."""
    serializer = get_serializer_class(request.service, request.protocol)
    serialized = serializer(request.model).serialize(result or {})
    headers = {**serialized["headers"], "x-amzn-RequestId": str(uuid.uuid4())}
    body: Any = serialized["body"]
    return Response(body, status=serialized["status_code"], headers=headers)


def refuse(refusal: Refusal, protocol: str, service: str = "") -> Response:
    """Return an error in the format of a protocol."""
    request_id = str(uuid.uuid4())
    headers = {"x-amzn-RequestId": request_id}
    code, message = html.escape(refusal.code), html.escape(refusal.message)
    error = f"<Code>{code}</Code><Message>{message}</Message>"
    if protocol in ("json", "rest-json"):
        headers |= {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": refusal.code}
        members = {"__type": refusal.code, "message": refusal.message, "Message": refusal.message}
        return Response(json.dumps(members | refusal.members), refusal.status, headers)
    if protocol == "ec2":
        body = (
            f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
        )
    elif service == "s3":
        body = f"<Error>{error}<RequestId>{request_id}</RequestId></Error>"
    else:
        error = f"<Error><Type>Sender</Type>{error}</Error><RequestId>{request_id}</RequestId>"
        body = f"<ErrorResponse>{error}</ErrorResponse>"
    return Response(f'<?xml version="1.0"?>{body}', refusal.status, headers | {"Content-Type": "text/xml"})


def passed_on(application: Callable[..., Iterable[bytes]], environ: dict[str, Any]) -> Response:
    """Return the complete response of another WSGI application."""
    return Response.from_app(application, environ, buffered=True)


@cache
def _known_services() -> frozenset[str]:
    return frozenset(Loader().list_available_services("service-2"))


def service_model(service: str) -> ServiceModel:
    """Return the botocore model of a service."""
    return get_service_model(service)
