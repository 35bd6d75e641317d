"""Entries about parsers of tool calls and of reasoning: their families of models, and their releases."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

Kind = Literal["tool", "reasoning"]
KINDS: tuple[Kind, ...] = ("tool", "reasoning")


@dataclasses.dataclass(frozen=True)
class ParserNames:
    """Names of parsers of one server for a family, the preferred one first. parsers.yml explains the rest."""

    tool: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    template: str = ""
    missing: str = ""

    def of(self, kind: Kind) -> tuple[str, ...]:
        """Return the names of a kind."""
        return self.tool if kind == "tool" else self.reasoning


@dataclasses.dataclass(frozen=True)
class Family:
    """A family of models and its parsers; parsers.yml explains the fields."""

    model_types: tuple[str, ...] = ()
    names: str = ""
    other_names: str = ""
    vllm: ParserNames = ParserNames()
    sglang: ParserNames = ParserNames()
    tensorrt_llm: ParserNames = ParserNames()

    def of(self, engine: str) -> ParserNames:
        """Return the names of an engine, called as in `registry` of servers.yml."""
        known = {"vllm": self.vllm, "sglang": self.sglang, "tensorrt-llm": self.tensorrt_llm}
        return known.get(engine, ParserNames())


@dataclasses.dataclass(frozen=True)
class ParserReleases:
    """The releases of an engine that have each parser: the first one, and the last one if it was removed."""

    tool: Mapping[str, tuple[str, ...]]
    reasoning: Mapping[str, tuple[str, ...]]

    def of(self, kind: Kind) -> Mapping[str, tuple[str, ...]]:
        """Return the releases of a kind of parser."""
        return self.tool if kind == "tool" else self.reasoning


@dataclasses.dataclass(frozen=True)
class Parsers:
    """The parsers of tool calls and of reasoning; parsers.yml explains the fields."""

    none: str
    families: Mapping[str, Family]
    releases: Mapping[str, ParserReleases]

    def problem(self) -> str:
        """Return the field that an entry lacks, or the empty string."""
        for name, family in self.families.items():
            if not family.model_types and not family.names:
                return f"{name}: model_types or names: missing"
            for engine, known in self.releases.items():
                for kind in KINDS:
                    if unknown := set(family.of(engine).of(kind)) - set(known.of(kind)):
                        return f"{name}: {engine}: {kind}: releases has no {', '.join(sorted(unknown))}"
        return ""
