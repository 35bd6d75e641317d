# Part of the library: `copier update` replaces this file.
"""The OpenAI-compatible path of the endpoint: its base URL, its bearer tokens, and requests to it.

SageMaker passes POST .../openai/v1/chat/completions to the container, and has no other route there.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any

from lifecycle.aws import Aws, AwsFailure, refusal
from lifecycle.project import REFUSED, VERIFICATION, Failure
from lifecycle.sagemaker.remote import NO_CAPACITY, Endpoint, patient
from lifecycle.sagemaker.target import Target
from lifecycle.transport import Access, Answer, Server

MOST_MINUTES = 12 * 60
PREFIX = "sagemaker-api-key-"
SIGNED_HOST = "sagemaker.amazonaws.com"  # in every Region; the Region is in the signature
OF_A_REQUEST, OF_A_LOAD = 5, 90  # minutes


def bearer_token(aws: Aws, minutes: int) -> str:
    """Return a token that carries the permissions of the caller for some minutes (1 to 720).

    It is a signed request, encoded: AWS verifies it on use. Raise Failure (precondition) without credentials.
    """
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest

    action = {"Action": "CallWithBearerToken"}
    request = AWSRequest("POST", f"https://{SIGNED_HOST}/", {"host": SIGNED_HOST}, params=action)
    SigV4QueryAuth(aws.credentials(), "sagemaker", aws.region, expires=minutes * 60).add_auth(request)
    signed = f"{str(request.url).removeprefix('https://')}&Version=1"
    return PREFIX + base64.b64encode(signed.encode()).decode()


def base_url(settings: Target, aws: Aws) -> str:
    """Return the base URL of an OpenAI client."""
    name = settings.project_name
    runtime = aws.endpoint_url("sagemaker-runtime")
    return f"{runtime}/endpoints/{name}/inference-components/{name}/openai/v1"


def server(settings: Target) -> Server:
    """Return the project's endpoint behind this path."""
    return OpenaiPath(settings, Aws(patient(settings), "test", read_only=True))


class OpenaiPath(Endpoint):
    """The endpoint, called as an OpenAI client does, with a new token for each request."""

    route = "/openai/v1/chat/completions"
    chats_only = True
    next_step = "check the network and the region; a VPC needs the interface endpoint sagemaker.runtime"

    def __init__(self, settings: Target, aws: Aws) -> None:
        super().__init__(settings, aws)
        self.url, self.seconds = base_url(settings, aws), settings.invoke_seconds

    def access(self) -> Access:
        return Access(self.url, "/chat/completions", {}, bearer_token(self._aws, OF_A_LOAD))

    def invoke(self, body: bytes, content_type: str, attributes: str = "") -> Answer:
        with self._chat(body, content_type) as response:
            return Answer(response.status, response.read())

    def stream(self, body: bytes, content_type: str) -> Iterator[bytes]:
        with self._chat(body, content_type) as response:
            while part := response.read1():
                yield part

    def _chat(self, body: bytes, content_type: str) -> Any:
        """Return the response to a chat. The URL selects the model, so its name in the chat is empty."""
        chat = json.dumps({"model": "", **json.loads(body)}).encode()
        return self.when_awake(lambda: self._sent(chat, content_type))

    def _sent(self, chat: bytes, content_type: str) -> Any:
        token = bearer_token(self._aws, OF_A_REQUEST)
        headers = {"Content-Type": content_type, "Authorization": f"Bearer {token}"}
        response = self._open("/chat/completions", chat, headers)
        if response.status < 400:
            return response
        with response:
            seen = response.read().decode(errors="replace").replace(token, "(token)")
        what = f"{self.route} returned {response.status}"
        if NO_CAPACITY in seen:
            raise AwsFailure(REFUSED, "no-capacity", what, seen, "do/status")
        code, name, next_step = refusal("sagemaker-runtime", response.headers.get("x-amzn-ErrorType", ""))
        if name not in ("access-denied", "aws-refused"):  # an error of AWS, not of the container
            raise Failure(code, name, what, seen[:600], f"{next_step}; then run the command again")
        if response.status in (401, 403) or "AccessDenied" in seen:
            next_step = "allow the actions of do/doctor --policy token; check the clock of this machine"
            raise Failure(REFUSED, "token-refused", what, seen, next_step)
        next_step = "read the log (do/logs); do/test --remote sends the chat without this path"
        raise Failure(VERIFICATION, "not-answered", what, seen[:600], next_step)
