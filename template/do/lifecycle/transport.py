# Part of the library: `copier update` replaces this file.
"""How a request reaches a server: over HTTP, for one on this machine."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple

from lifecycle.project import PRECONDITION, Failure

SECONDS = 60


class Answer(NamedTuple):
    """What came back: an HTTP status and a body."""

    status: int
    body: bytes


class Server:
    """Where a model is served. Every request raises Failure when nothing answers there."""

    def __init__(self, url: str, name: str = "") -> None:
        self.url, self.name = url, name or url

    def ping(self) -> Answer:
        """Ask whether it is up."""
        return self._send("/ping")

    def invoke(self, body: bytes, content_type: str, attributes: str = "") -> Answer:
        """Send one request to /invocations; `attributes` are SageMaker's CustomAttributes."""
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        headers |= {"X-Amzn-SageMaker-Custom-Attributes": attributes} if attributes else {}
        return self._send("/invocations", body, headers)

    def stream(self, body: bytes, content_type: str) -> Iterator[bytes]:
        """Send one request to /invocations; yield its answer as it arrives."""
        with self._open("/invocations", body, {"Content-Type": content_type}) as response:
            while part := response.read1():
                yield part

    def _send(self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        with self._open(path, body, headers or {}) as response:
            return Answer(response.status, response.read())

    def _open(self, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
        """Return the answer, an error's, too."""
        try:
            request = urllib.request.Request(f"{self.url}{path}", body, headers)
            return urllib.request.urlopen(request, timeout=SECONDS)
        except urllib.error.HTTPError as error:
            return error
        except (OSError, ValueError) as error:
            what, remedy = f"{self.name} does not answer", "start it with `do/run`, in another terminal"
            raise Failure(PRECONDITION, "no-server", what, str(error), remedy) from None
