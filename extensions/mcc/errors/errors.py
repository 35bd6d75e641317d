"""Errors for the user. Each message states the next step."""

from typing import Literal

HubErrorKind = Literal[
    "not found",
    "unauthorized",
    "gated",
    "rate limited",
    "server error",
    "malformed",
    "timeout",
    "unreachable",
]


class MccError(Exception):
    """Base of all errors here; its text is shown to the user unchanged."""


class CatalogError(MccError):
    """A file of catalog/ is not as the code expects it."""


class HubError(MccError):
    """The Hugging Face Hub gave no usable answer: what was asked, what came back, what to do next."""

    def __init__(self, kind: HubErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class S3Error(MccError):
    """S3 gave no usable answer about a model: the address, the cause, and the next step."""


class InvalidAnswer(MccError):
    """An answer that cannot be used: which one, the rule it breaks and a valid example."""


class McpConfigError(MccError):
    """An entry of mcpServers that cannot be used: which server and key, and what belongs there."""


class UnsizableModel(MccError):
    """A model whose memory cannot be estimated: which field is missing or wrong, and what to give instead."""
