# Part of the library: `copier update` replaces this file.
"""The request that a hook of the model handler receives, and the reply that it can return."""

import re
from collections.abc import Mapping
from functools import cached_property
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

from runtime.row_errors import RequestError

ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
SET_BY_SERVER = ("content-type", "content-length", "transfer-encoding", "connection")
HEADER_NAME, HEADER_VALUE = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"), re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
# Status, body, content type and additional headers.
Response = tuple[int, bytes, str, Mapping[str, str]]


class Request:
    """A request. `parameters` are those next to the rows in a JSON body, available after they are decoded."""

    def __init__(
        self, body: bytes, content_type: str | None, accept: str | None, source: Mapping[str, Any] | None
    ) -> None:
        """`source` is a WSGI environment or a mapping of headers. It is read only if a hook needs it."""
        self.body, self.content_type, self.accept = body, content_type, accept
        self.parameters: dict[str, Any] = {}
        self._source = source or {}

    @cached_property
    def headers(self) -> dict[str, str]:
        """The headers, with names in lower case."""
        if "wsgi.input" not in self._source:
            return {name.lower(): value for name, value in self._source.items()}
        found = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): value
            for name, value in self._source.items()
            if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")
        }
        return {name: value for name, value in found.items() if value}

    @property
    def attributes(self) -> str:
        """The CustomAttributes of InvokeEndpoint, "" without them."""
        return self.headers.get(ATTRIBUTES, "")


class Reply(NamedTuple):
    """A response that is sent as it is. Text is sent as UTF-8."""

    body: bytes | str
    content_type: str
    status: int = 200
    headers: Mapping[str, str] = NO_HEADERS

    def sent(self) -> Response:
        """Return the response. Raise ValueError for a status or a header that HTTP does not have."""
        body = self.body.encode() if isinstance(self.body, str) else bytes(self.body)
        for name, value in (("content_type", self.content_type), *self.headers.items()):
            if name.lower() in SET_BY_SERVER or not HEADER_NAME.fullmatch(name):
                raise ValueError(f"a Reply cannot have the header {name!r}")
            if not HEADER_VALUE.fullmatch(value):
                raise ValueError(f"the header {name} of a Reply has {value!r}")
        if HTTPStatus(self.status) < HTTPStatus.OK:
            raise ValueError(f"a Reply cannot have the status {self.status}")
        return self.status, body, self.content_type, self.headers


def refuse(reason: str, status: int = 400) -> NoReturn:
    """Reject the request with a message that states what to change. Can be called in every hook."""
    if not 400 <= status <= 599:
        raise ValueError(f"refuse() needs a status from 400 to 599, not {status}")
    HTTPStatus(status)  # ValueError for a number that is no status
    raise RequestError(status, reason)
