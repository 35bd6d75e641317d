"""The OpenAI-compatible path of an endpoint: its bearer tokens, verified offline, and its only route."""

import base64
import binascii
import hashlib
import hmac
import io
import re
import urllib.parse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from moto.core.utils import get_service_model
from werkzeug.wrappers import Response

from tests.fakes.aws.invocations import Connection, target_of
from tests.fakes.aws.wire import Refusal, Request, operation
from tests.fakes.aws.world import World

PATH = re.compile(
    r"/endpoints/(?P<endpoint>[^/]+)(/inference-components/(?P<component>[^/]+))?/openai/v1/(?P<route>.*)"
)
PREFIX = "sagemaker-api-key-"
HOST = "sagemaker.amazonaws.com"
LONGEST_SECONDS = 12 * 3600
SIGNED = (
    "Action",
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
)


class Token(NamedTuple):
    """The verified content of a token."""

    access_key: str
    region: str


def read_request(environ: dict[str, Any], secrets: dict[str, str]) -> Request:
    """Return the call of a request to this path. Raise Refusal for an invalid token or another route."""
    scheme, _, text = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme != "Bearer":
        raise Refusal("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
    token = verified(text, secrets, datetime.now(UTC))
    named = PATH.fullmatch(environ["PATH_INFO"])
    assert named, "the gateway matches the path"
    if environ["REQUEST_METHOD"] != "POST" or named["route"] != "chat/completions":
        raise Refusal("UnknownOperationException", f"no route {named['route']}", 404)
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    parameters = {
        "EndpointName": named["endpoint"],
        "Body": body,
        "ContentType": environ.get("CONTENT_TYPE", ""),
    }
    if named["component"]:
        parameters["InferenceComponentName"] = named["component"]
    model = get_service_model("sagemaker-runtime").operation_model("InvokeEndpoint")
    names = ("sagemaker-runtime", "ChatCompletions", parameters, token.region, token.access_key)
    return Request(*names, "rest-json", model, environ)


def verified(text: str, secrets: dict[str, str], now: datetime) -> Token:
    """Return the content of a token, whose signature a secret access key of `secrets` must have made.

    Raise Refusal (403) for another form, host, action, key or signature, and after the expiry.
    """
    try:
        signed = base64.b64decode(text.removeprefix(PREFIX), validate=True).decode("ascii")
        host, _, query = signed.partition("/?")
        given = dict(urllib.parse.parse_qsl(query, strict_parsing=True))
        access_key, date, region, service, _ = given["X-Amz-Credential"].split("/")
        start = datetime.strptime(given["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        seconds = int(given["X-Amz-Expires"])
    except (binascii.Error, UnicodeError, ValueError, KeyError):
        raise _forbidden("The bearer token is malformed") from None
    if not text.startswith(PREFIX) or host != HOST or given.pop("Version", "") != "1":
        raise _forbidden("The bearer token is malformed")
    if service != "sagemaker" or given.get("Action") != "CallWithBearerToken":
        raise _forbidden("The bearer token is for another action")
    if not 1 <= seconds <= LONGEST_SECONDS:
        raise _forbidden(f"X-Amz-Expires must be between 1 and {LONGEST_SECONDS} seconds")
    if access_key not in secrets:
        raise _forbidden("The security token included in the request is invalid")
    signature = given.pop("X-Amz-Signature", "")
    if not set(SIGNED) <= set(given) or signature != _signature(given, secrets[access_key], date, region):
        raise _forbidden("The request signature we calculated does not match the signature you provided")
    if not start - timedelta(minutes=5) <= now <= start + timedelta(seconds=seconds):
        raise _forbidden("The bearer token has expired")
    return Token(access_key, region)


def _signature(given: dict[str, str], secret: str, date: str, region: str) -> str:
    """Return the signature (version 4) of an empty POST request with only its host signed."""
    pairs = sorted((_quoted(name), _quoted(value)) for name, value in given.items())
    query = "&".join(f"{name}={value}" for name, value in pairs)
    lines = ["POST", "/", query, f"host:{HOST}", "", "host", hashlib.sha256(b"").hexdigest()]
    scope = f"{date}/{region}/sagemaker/aws4_request"
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", given["X-Amz-Date"], scope, digest])
    key = f"AWS4{secret}".encode()
    for part in (date, region, "sagemaker", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def _quoted(text: str) -> str:
    return urllib.parse.quote(text, safe="-_.~")


def _forbidden(message: str) -> Refusal:
    return Refusal("AccessDeniedException", message, 403)


@operation("sagemaker-runtime", "ChatCompletions")
def chat_completions(world: World, request: Request) -> Response:
    """Pass a chat to the container, and its response back as it arrives, errors included."""
    name = request.parameters["EndpointName"]
    homes = [region for region, content in world.regions.items() if name in content.endpoints]
    if homes and request.region not in homes:
        raise _forbidden(f"Credential should be scoped to a valid region: {homes[0]}")
    container, _ = target_of(world, request)
    address = urllib.parse.urlsplit(container)
    connection = Connection(str(address.hostname), address.port, timeout=world.settings.invocation_seconds)
    headers = {"Content-Type": request.parameters["ContentType"]}
    connection.request("POST", world.settings.openai_route, request.parameters["Body"], headers)
    answer = connection.getresponse()

    def parts() -> Iterator[bytes]:
        with connection:
            while part := answer.read1(65536):
                yield part

    kind = {"Content-Type": answer.getheader("Content-Type", "")}
    return Response(parts(), answer.status, kind, direct_passthrough=True)
