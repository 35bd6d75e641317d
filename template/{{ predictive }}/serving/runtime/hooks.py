# Part of the library: `copier update` replaces this file.
"""The optional hooks of the model handler, found once when the model is loaded.

A handler has load, preprocess, predict and postprocess. It can have, too:
- CONTENT_TYPES: for each own content type, a function that reads rows from a body (bytes)
- ACCEPTS: for each own content type of responses, a function that writes predictions (bytes or text)
- decode(request), which returns the rows, in place of all content types
- encode(predictions, request), which returns a Reply, in place of all content types of responses
- warm_up(), in place of a prediction for an example
- a further parameter `request` of preprocess and postprocess
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from runtime import answers, codec
from runtime.request import Reply, Request

ANY = "*/*"
Decode = Callable[[bytes, str | None], Any]


@dataclass(frozen=True)
class Hooks:
    """The hooks of a handler that take the request."""

    handler: Any
    preprocess_takes_request: bool
    postprocess_takes_request: bool

    @property
    def encodes(self) -> bool:
        """True if the handler has encode()."""
        return hasattr(self.handler, "encode")

    def decode(self, request: Request, otherwise: Decode) -> Any:
        """Return the rows of a request; `otherwise` reads them for a handler without decode()."""
        if hasattr(self.handler, "decode"):
            return self.handler.decode(request)
        return otherwise(request.body, request.content_type)

    def preprocess(self, rows: Any, request: Request) -> Any:
        """Return the features in rows."""
        more = {"request": request} if self.preprocess_takes_request else {}
        return self.handler.preprocess(rows, **more)

    def postprocess(self, request: Request) -> Callable[[Any], Any]:
        """Return the function that converts predictions for this request."""
        own: Any = self.handler.postprocess
        return partial(own, request=request) if self.postprocess_takes_request else own

    def encode(self, predictions: Any, request: Request) -> Reply:
        """Return the reply of encode(). Raise TypeError if it returned something else."""
        reply = self.handler.encode(predictions, request)
        if not isinstance(reply, Reply):
            raise TypeError(f"encode() of the handler returned a {type(reply).__name__}, not a Reply")
        return reply


def of(handler: Any) -> Hooks | None:
    """Return the hooks of a handler, None if none of them takes the request."""
    before, after = (_takes_request(getattr(handler, name)) for name in ("preprocess", "postprocess"))
    if before or after or hasattr(handler, "decode") or hasattr(handler, "encode"):
        return Hooks(handler, before, after)
    return None


def own_types(handler: Any) -> dict[str, list[str]]:
    """Return the own content types of a handler for /ping, {} if it has none."""
    read, write = list(getattr(handler, "CONTENT_TYPES", {})), list(getattr(handler, "ACCEPTS", {}))
    read += [ANY] * hasattr(handler, "decode")
    write += [ANY] * hasattr(handler, "encode")
    return {name: found for name, found in (("content_types", read), ("accepts", write)) if found}


def add_types(handler: Any, decode: Decode, of_rows: Callable[[Any], Any] | None) -> Decode:
    """Add the content types of a handler to those of the server. Return the function that reads a body.

    `decode` reads the other content types. `of_rows` converts what an own function returns, for a table.
    """
    answers.ENCODERS.update({name: partial(_written, own) for name, own in _own(handler, "ACCEPTS").items()})
    if not (own := _own(handler, "CONTENT_TYPES")):
        return decode
    codec.DECODERS.update(own)

    def read(body: bytes, content_type: str | None) -> Any:
        media_type = codec.checked_type(body, content_type)
        if media_type not in own:
            return decode(body, content_type)
        rows = own[media_type](body)
        if hasattr(rows, "__len__"):
            codec.limit_rows(len(rows))
        return of_rows(rows) if of_rows else rows

    return read


def _own(handler: Any, table: str) -> dict[str, Callable[[Any], Any]]:
    """Return a table of a handler. Raise ValueError if a name is no content type or has no function."""
    found: dict[str, Callable[[Any], Any]] = getattr(handler, table, {})
    for name, function in found.items():
        if name != name.lower() or name.count("/") != 1 or set(name) & set(" ;,*"):
            raise ValueError(f"{table} has {name!r}, which is no content type in lower case")
        if not callable(function):
            raise ValueError(f"{table} has no function for {name}")
    return found


def _written(own: Callable[[Any], Any], predictions: Any) -> bytes:
    body = own(predictions)
    return body.encode() if isinstance(body, str) else bytes(body)


def _takes_request(hook: Callable[..., Any]) -> bool:
    return "request" in inspect.signature(hook).parameters
