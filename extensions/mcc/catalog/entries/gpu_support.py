"""Entries about the GPUs that an engine's kernels and quantization methods support."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Kernels:
    """The compute capabilities that the images of an engine were built for, from a release on."""

    since: str
    capabilities: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class QuantizationSupport:
    """An engine's support of a quantization method; gpu_support.yml explains the fields."""

    title: str
    needs: Mapping[str, float] = dataclasses.field(default_factory=dict)
    until: str = ""
    instead: str = ""
    native: float = 0.0
    only: tuple[float, ...] = ()
    only_until: str = ""
    refused: bool = False


@dataclasses.dataclass(frozen=True)
class GpuSupport:
    """The kernels and the quantization methods of an engine. Kernels are oldest first."""

    kernels: tuple[Kernels, ...]
    methods: Mapping[str, QuantizationSupport]
