"""Placeholder until the client lands."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class McpAnswer:
    values: dict[str, Any] = field(default_factory=dict)
    choices: dict[str, list[Any]] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def ask(servers: Any, parameters: Any, context: Any) -> McpAnswer:
    return McpAnswer()
