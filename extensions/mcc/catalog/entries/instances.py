"""Entries about the machines of AWS: instance types, their GPUs and prices, and regions."""

import dataclasses
import math
import re
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Region:
    """An AWS region where SageMaker hosts models; `containers` is the account of AWS's own images there.

    `component_schema` is whether AWS publishes a schema of inference components there, and `scale_to_zero`
    whether an endpoint without instances is accepted.
    """

    title: str
    partition: str
    containers: str | None = None
    component_schema: bool = True
    scale_to_zero: bool = True


@dataclasses.dataclass(frozen=True)
class Price:
    """US dollars an hour, on demand in us-east-1; `source` is the source of the figure."""

    usd_h: float
    estimated: bool
    source: str


@dataclasses.dataclass(frozen=True)
class Accelerator:
    """The accelerators of an instance: how many there are, and what one of them has."""

    kind: Literal["gpu", "neuron", "gaudi"]
    name: str
    count: int
    memory_gib: float
    driver_visible_gib: float | None = None
    compute_capability: float | None = None
    bf16: bool | None = None
    fp8_native: bool | None = None
    mem_bw_gbs: float | None = None
    interconnect: str | None = None


@dataclasses.dataclass(frozen=True)
class Instance:
    """A SageMaker instance type; `disk_gb` is its local storage, 0 if it has none."""

    name: str
    vcpu: int
    memory_gib: float
    arch: Literal["x86_64", "arm64"]
    source: str
    disk_gb: int = 0
    burstable: bool = False
    price: Price | None = None
    accelerator: Accelerator | None = None

    @property
    def kind(self) -> Literal["cpu", "gpu", "neuron", "gaudi"]:
        """The kind of processor: `cpu` for types without an accelerator."""
        return self.accelerator.kind if self.accelerator else "cpu"

    @property
    def usd_h(self) -> float:
        """US dollars an hour; infinite when no price is known, so that such a type comes last."""
        return self.price.usd_h if self.price else math.inf

    @property
    def generation(self) -> int:
        """The number in the family's name: 6 for ml.c6i.large."""
        digits = re.search(r"[0-9]+", self.name.split(".")[1])
        return int(digits.group()) if digits else 0


@dataclasses.dataclass(frozen=True)
class DriverAmi:
    """A machine image of SageMaker: its NVIDIA driver, and the newest CUDA and GPU that it supports."""

    driver: str
    cuda: str
    compute_capability: float
