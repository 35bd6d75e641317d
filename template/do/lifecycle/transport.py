"""How a request reaches a server: over HTTP, for one on this machine."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from lifecycle.project import PRECONDITION, Failure

SECONDS = 60


class Answer(NamedTuple):
    """What came back: an HTTP status and a body."""

    status: int
    body: bytes


class Server(Protocol):
    """Where a model is served. Each raises Failure when nothing answers there."""

    name: str

    def ping(self) -> Answer:
        """Ask whether it is up."""

    def invoke(
        self, body: bytes, content_type: str, accept: str = "application/json", attributes: str = ""
    ) -> Answer:
        """Send one request to /invocations; `attributes` are SageMaker's CustomAttributes."""

    def stream(self, body: bytes, content_type: str) -> Iterator[bytes]:
        """Send one request to /invocations; yield its answer as it arrives."""


class Http:
    """A server at an address of this machine."""

    def __init__(self, url: str) -> None:
        self.name = url

    def ping(self) -> Answer:
        return self._send("/ping")

    def invoke(
        self, body: bytes, content_type: str, accept: str = "application/json", attributes: str = ""
    ) -> Answer:
        headers = {"Content-Type": content_type, "Accept": accept}
        headers |= {"X-Amzn-SageMaker-Custom-Attributes": attributes} if attributes else {}
        return self._send("/invocations", body, headers)

    def stream(self, body: bytes, content_type: str) -> Iterator[bytes]:
        with self._open("/invocations", body, {"Content-Type": content_type}) as response:
            while part := response.read1():
                yield part

    def _send(self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        try:
            with self._open(path, body, headers or {}) as response:
                return Answer(response.status, response.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read())

    def _open(self, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
        try:
            request = urllib.request.Request(f"{self.name}{path}", body, headers)
            return urllib.request.urlopen(request, timeout=SECONDS)
        except urllib.error.HTTPError:
            raise
        except (OSError, ValueError) as error:
            what, remedy = f"{self.name} does not answer", "start it with `do/run`, in another terminal"
            raise Failure(PRECONDITION, "no-server", what, str(error), remedy) from None
