"""A SageMaker transform job: it splits the lines of a file into requests, and joins the answers.

Facts from the API reference of CreateTransformJob. With AssembleWith=Line, a new line follows each answer.
The stand-in sends one request at a time, and has no manifest, compression, filter or join of its input.
"""

import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

MEGABYTE = 1024**2


@dataclass(frozen=True)
class TransformJob:
    """The fields of a job: its content types, MultiRecord or SingleRecord, and the limit of a payload."""

    content_type: str = "text/csv"
    accept: str = "text/csv"
    strategy: str = "MultiRecord"
    payload_mb: int = 6

    def payloads(self, data: bytes) -> Iterator[bytes]:
        """Yield the bodies of requests. Raise ValueError for a record over the limit."""
        limit, body = self.payload_mb * MEGABYTE, b""
        for line in data.splitlines(keepends=True):
            if len(line) > limit:
                raise ValueError(f"a record has {len(line)} bytes, the maximum payload {limit}")
            if body and (self.strategy == "SingleRecord" or len(body) + len(line) > limit):
                yield body
                body = b""
            body += line
        if body:
            yield body

    def run(self, port: int, data: bytes) -> bytes:
        """Return the output file. Raise HTTPError as soon as the container rejects a request."""
        headers = {"Content-Type": self.content_type, "Accept": self.accept}
        output = b""
        for body in self.payloads(data):
            request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", body, headers)
            with urllib.request.urlopen(request, timeout=60) as response:
                output += response.read() + b"\n"
        return output
