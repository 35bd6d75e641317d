"""Entries about endpoints and the nodes of HyperPod clusters."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class NodeRoom:
    """The share of a node's CPUs and memory for pods, less that of the cluster's daemons."""

    node_share: float
    daemons_cpu: float
    daemons_gib: float
    evidence: str


@dataclasses.dataclass(frozen=True)
class SharedMemory:
    """GiB of /dev/shm for each GPU of a pod, and at least for one of Triton."""

    gib_per_gpu: float
    triton_gib: float
    evidence: str


@dataclasses.dataclass(frozen=True)
class Temporary:
    """Limit of /tmp in GiB: of a pod, of a language model's caches, and how often its download counts."""

    gib: float
    caches_gib: float
    downloads: float
    evidence: str


@dataclasses.dataclass(frozen=True)
class StartTime:
    """Start-up time of a pod in addition to that of an endpoint; see hosting.yml."""

    fsx_mb_s: float
    image_pull_s: int
    evidence: str


@dataclasses.dataclass(frozen=True)
class HyperPod:
    """HyperPod clusters: node sizes by family, and the resources for pods."""

    nodes: Mapping[str, tuple[str, ...]]
    room: NodeRoom
    shared_memory: SharedMemory
    temporary: Temporary
    start: StartTime

    def has(self, instance_type: str) -> bool:
        """Return whether a cluster can have nodes of a type."""
        return _is_among(self.nodes, instance_type)


@dataclasses.dataclass(frozen=True)
class Serverless:
    """Memory of a serverless endpoint in GiB, and its default of concurrent requests."""

    least_gib: int
    most_gib: int
    max_concurrency: int


@dataclasses.dataclass(frozen=True)
class Batch:
    """Batch transform jobs: MB of a request and of all concurrent ones, and instance sizes by family."""

    payload_mb: int
    most_mb_at_once: int
    instances: Mapping[str, tuple[str, ...]]

    def has(self, instance_type: str) -> bool:
        """Return whether a job can have instances of a type."""
        return _is_among(self.instances, instance_type)


@dataclasses.dataclass(frozen=True)
class Hosting:
    """How long a model may take to arrive and to start on an endpoint, and the memory kept for a copy."""

    hub_mb_s: float
    s3_mb_s: float
    load_mb_s: float
    slack: float
    startup_s: float
    download_s: float
    placeable_mib: int
    placeable_share: float
    requests_per_worker: int
    serverless: Serverless
    batch: Batch


def _is_among(sizes: Mapping[str, tuple[str, ...]], instance_type: str) -> bool:
    """Return whether a type, such as ml.c6i.large, is one of the sizes of a family."""
    family, _, size = instance_type.removeprefix("ml.").partition(".")
    return size in sizes.get(family, ())
