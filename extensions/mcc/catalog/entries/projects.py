"""Entries about what a project can choose: targets, builders, profiles, and the keys of the predecessor."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Target:
    """Where a project runs, and every package its do/ commands need for that, pinned."""

    title: str
    direct: tuple[str, ...]
    requirements: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class LoadGenerator:
    """A load generator of do/benchmark: its size when installed, and every package it needs, pinned."""

    title: str
    mib: int
    direct: tuple[str, ...]
    requirements: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Pipeline:
    """A CI service, and the actions of its workflow files: their commits, with the tags in a comment."""

    title: str
    actions: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Builder:
    """Where images are built: in which image for each processor, and on which kinds of machines."""

    title: str
    images: Mapping[str, str]
    compute_types: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class OldKey:
    """A key of the predecessor's configuration: our question, or None when there is none, and its flag.

    `mcp` marks the keys that its MCP servers are asked for; their values are as ours.
    """

    question: str | None = None
    flag: str | None = None
    mcp: bool = False


@dataclasses.dataclass(frozen=True)
class Profile:
    """A way to serve a language model: tokens a request may have, and requests at once.

    `max_num_batched_tokens` are those computed in a step; 0 leaves them to the engine.
    """

    title: str
    max_model_len: int
    max_concurrency: int
    max_num_batched_tokens: int = 0
