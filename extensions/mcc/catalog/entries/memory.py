"""The constants of the memory estimate of language models."""

import dataclasses
import math
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
    evidence: str
    confidence: Literal["high", "medium", "low"] = "high"
    whole_request: bool = True
    capacity: Literal["layers", "request"] = "layers"
    steps_in_flight: int = 1
    state_copies: int = 1
    vision_factor: float = 1.0
    vision_capped: bool = False
    cache_by_stage: bool = False
    largest_class_gib: float = math.inf
    compiled_embedding: bool = False
    second_runner: tuple[str, ...] = ()
    second_quantized: bool = True
    second_graphs: bool = False


@dataclasses.dataclass(frozen=True)
class Engine:
    """An engine that serves language models. Releases are oldest first."""

    title: str
    default_version: str
    releases: tuple[EngineRelease, ...]
    fp8_kv_cache: bool = True
    float16: bool = False

    def release(self, version: str) -> EngineRelease:
        """Return the constants that hold for a version."""
        key = version_key(version or self.default_version)
        return [release for release in self.releases if version_key(release.since) <= key][-1]


@dataclasses.dataclass(frozen=True)
class Quantization:
    """How weights are stored.

    `bits` of a weight, and `scale_bytes` for each `group` of them, 0 for one scale a matrix; `zeros` if a
    group has a zero point, too. `ends` if the embeddings are stored so, too.
    """

    title: str
    bits: float
    evidence: str
    group: int = 0
    scale_bytes: float = 0.0
    zeros: bool = False
    ends: bool = False
    experts_only: bool = False
    padding: float = 1.0

    def linear_bytes(self, group: int = 0) -> float:
        """Return the bytes of a parameter, in groups of the checkpoint's size, or of the usual one."""
        size = group or self.group
        shared = self.scale_bytes + (self.bits / 8 if self.zeros else 0.0)
        return self.bits / 8 + (shared / size if size else 0.0)


@dataclasses.dataclass(frozen=True)
class NumberFormat:
    """The compute capability from which GPUs compute in a format, or an engine keeps its cache in it."""

    title: str
    compute_capability: float
    evidence: str
    not_in_float16: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Encoder:
    """The peak of an encoder that no configuration describes, when it is profiled, in GiB."""

    peak_gib: float
    evidence: str


@dataclasses.dataclass(frozen=True)
class ModelKind:
    """How well estimates of a kind of model have held.

    The margin is a share of each uncertain part: of `weights` that were counted and not read, of the `rest`
    next to weights and KV cache, and of the `cache` that the load needs.
    """

    title: str
    weights: float
    rest: float
    confidence: Literal["high", "medium", "low"]
    evidence: str
    cache: float = 0.0


@dataclasses.dataclass(frozen=True)
class MemoryConstants:
    """The constants of the memory estimate, by name."""

    engines: Mapping[str, Engine]
    quantizations: Mapping[str, Quantization]
    formats: Mapping[str, NumberFormat]
    encoders: Mapping[str, Encoder]
    kinds: Mapping[str, ModelKind]
