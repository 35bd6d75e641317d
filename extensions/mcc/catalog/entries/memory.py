"""The constants of the memory estimate of language models."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

from .versions import version_key


@dataclasses.dataclass(frozen=True)
class EngineRelease:
    """An engine's memory constants from a version on; memory.yml explains each."""

    since: str
    budget: Literal["total", "static", "free"]
    utilization: float
    sampler_bytes: float
    runtime_gib: float
    nvlink_gib: float
    pcie_gib: float
    graphs_in_budget: bool
    windowed: bool
    chunked: bool
    compute_capability: tuple[float, ...]
    evidence: str


@dataclasses.dataclass(frozen=True)
class Engine:
    """An engine that serves language models. Releases are oldest first."""

    title: str
    default_version: str
    releases: tuple[EngineRelease, ...]
    fp8_kv_cache: bool = True

    def release(self, version: str) -> EngineRelease:
        """Return the constants that hold for a version."""
        key = version_key(version or self.default_version)
        return [release for release in self.releases if version_key(release.since) <= key][-1]


@dataclasses.dataclass(frozen=True)
class Quantization:
    """How weights are stored: bytes a parameter, and the compute capability that can use or compute it."""

    title: str
    linear_bytes: float
    compute_capability: float
    evidence: str
    experts_only: bool = False
    padding: float = 1.0


@dataclasses.dataclass(frozen=True)
class NumberFormat:
    """The compute capability from which GPUs compute in a format, or an engine keeps its cache in it."""

    title: str
    compute_capability: float
    evidence: str


@dataclasses.dataclass(frozen=True)
class Encoder:
    """The peak of a vision or audio encoder when it is profiled, in GiB."""

    peak_gib: float
    evidence: str


@dataclasses.dataclass(frozen=True)
class ModelKind:
    """How well estimates of a kind of model have held, and the share of a GPU kept free because of it."""

    title: str
    margin: float
    confidence: Literal["high", "medium", "low"]
    evidence: str


@dataclasses.dataclass(frozen=True)
class MemoryConstants:
    """The constants of the memory estimate, by name."""

    engines: Mapping[str, Engine]
    quantizations: Mapping[str, Quantization]
    formats: Mapping[str, NumberFormat]
    encoders: Mapping[str, Encoder]
    kinds: Mapping[str, ModelKind]
