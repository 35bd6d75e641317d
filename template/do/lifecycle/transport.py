# Part of the library: `copier update` replaces this file.
"""Requests to a server over HTTP."""

import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from lifecycle.project import PRECONDITION, Failure

SECONDS = 60


class Answer(NamedTuple):
    """A response: the HTTP status and the body."""

    status: int
    body: bytes


class Access(NamedTuple):
    """How another program sends requests to a server.

    With a `token`, it sends it as bearer token; with a `region`, it signs the requests for AWS.
    """

    url: str
    path: str
    headers: Mapping[str, str]
    token: str = ""
    region: str = ""


class Sent(NamedTuple):
    """A request that was sent to /invocations."""

    body: bytes
    content_type: str
    attributes: str


class Server:
    """A server of a model. Every request raises Failure if the server does not respond."""

    route = "/invocations"  # of the requests, for messages
    chats_only = False  # whether the route accepts no completions
    seconds: float = SECONDS
    next_step = "start it in another terminal: do/run"

    def __init__(self, url: str, name: str = "") -> None:
        self.url, self.name = url, name or url

    def ping(self) -> Answer:
        """Send a request to /ping."""
        return self._send("/ping")

    def invoke(self, body: bytes, content_type: str, attributes: str = "") -> Answer:
        """Send one request to /invocations; `attributes` are SageMaker's CustomAttributes."""
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        headers |= {"X-Amzn-SageMaker-Custom-Attributes": attributes} if attributes else {}
        return self._send("/invocations", body, headers)

    def stream(self, body: bytes, content_type: str) -> Iterator[bytes]:
        """Send one request to /invocations; yield the response as it arrives."""
        with self._open("/invocations", body, {"Content-Type": content_type}) as response:
            while part := response.read1():
                yield part

    def access(self) -> Access:
        """Return how a load generator sends requests to /invocations."""
        return Access(self.url, "/invocations", {})

    def _send(self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        with self._open(path, body, headers or {}) as response:
            return Answer(response.status, response.read())

    def _open(self, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
        """Return the response, including error responses."""
        try:
            request = urllib.request.Request(f"{self.url}{path}", body, headers)
            return urllib.request.urlopen(request, timeout=self.seconds)
        except urllib.error.HTTPError as error:
            return error
        except (OSError, ValueError) as error:
            what = f"{self.name} does not respond"
            raise Failure(PRECONDITION, "no-server", what, str(error), self.next_step) from None


class Recorder(Server):
    """A server that keeps the requests that are sent to it."""

    def __init__(self, server: Server) -> None:
        super().__init__(server.url, server.name)
        self.route, self.chats_only = server.route, server.chats_only
        self._server, self.sent = server, list[Sent]()

    def ping(self) -> Answer:
        return self._server.ping()

    def invoke(self, body: bytes, content_type: str, attributes: str = "") -> Answer:
        self.sent.append(Sent(body, content_type, attributes))
        return self._server.invoke(body, content_type, attributes)
