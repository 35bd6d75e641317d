"""What the entries of the files in catalog/ hold; the names of the fields are those of the files."""

import dataclasses
import math
import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Literal

IMAGE_PYTHON = "3.12"  # the memory and speed of predictive servers are measured with it


@lru_cache
def version_key(version: str) -> tuple[int, ...]:
    """Return a version as numbers to compare: (0, 10, 1) for v0.10.1 or 0.10.1.post1."""
    return tuple(int(number) for number in re.findall(r"[0-9]+", version.partition("post")[0])[:3])


@dataclasses.dataclass(frozen=True)
class Format:
    """A file format a framework saves models in, and what such a file is called in a project."""

    title: str
    file: str


@dataclasses.dataclass(frozen=True)
class Memory:
    """What a server needs besides the model, in MiB; `model_per_worker` when workers cannot share it."""

    base_mib: int
    worker_mib: int
    model_per_worker: bool
    evidence: str


@dataclasses.dataclass(frozen=True)
class Version:
    """A version of a framework: the formats it reads and every package it needs, pinned.

    `pythons` are the versions of Python that have wheels for all pins, oldest first. `released` is given
    where numpy and SciPy have to be of the time of the library.
    """

    number: str
    formats: tuple[str, ...]
    direct: tuple[str, ...]
    pythons: tuple[str, ...]
    requirements: tuple[str, ...]
    default: bool = False
    released: date | None = None

    @property
    def image_python(self) -> str:
        """The Python of an image: the one that is measured, or else the newest that has wheels."""
        return IMAGE_PYTHON if IMAGE_PYTHON in self.pythons else self.pythons[-1]


@dataclasses.dataclass(frozen=True)
class Framework:
    """A library that models are trained with. `versions` are newest first, `formats` in order of offer."""

    title: str
    formats: Mapping[str, Format]
    memory: Memory
    versions: tuple[Version, ...]

    def versions_for(self, model_format: str = "") -> list[Version]:
        """Return the versions that read `model_format` (all when it is empty), newest first."""
        return [version for version in self.versions if not model_format or model_format in version.formats]

    def default_version(self, model_format: str = "") -> Version:
        """Return the version marked as default, or the newest that reads `model_format` when it does not."""
        versions = self.versions_for(model_format)
        return next((version for version in versions if version.default), versions[0])

    def version(self, number: str) -> Version | None:
        """Return the version of this number, None when the catalog does not have it."""
        return next((version for version in self.versions if version.number == number), None)


@dataclasses.dataclass(frozen=True)
class WebServer:
    """A Python web server and every package it needs, pinned; numpy comes with the framework."""

    title: str
    direct: tuple[str, ...]
    requirements: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Target:
    """Where a project runs, and every package its do/ commands need for that, pinned."""

    title: str
    direct: tuple[str, ...]
    requirements: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Builder:
    """Where images are built: in which image for each processor, and on which kinds of machines."""

    title: str
    images: Mapping[str, str]
    compute_types: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Region:
    """An AWS region where SageMaker hosts models; `containers` is the account of AWS's own images there."""

    title: str
    partition: str
    containers: str | None = None


@dataclasses.dataclass(frozen=True)
class Price:
    """US dollars an hour, on demand in us-east-1; `source` says where the figure is from."""

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
    """A SageMaker instance type."""

    name: str
    vcpu: int
    memory_gib: float
    arch: Literal["x86_64", "arm64"]
    source: str
    burstable: bool = False
    price: Price | None = None
    accelerator: Accelerator | None = None

    @property
    def kind(self) -> Literal["cpu", "gpu", "neuron", "gaudi"]:
        """What computes: `cpu` for types without an accelerator."""
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
class EngineRelease:
    """An engine's memory constants from a version on; memory.yml says what each means."""

    since: str
    budget: Literal["total", "static", "free"]
    utilisation: float
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
class ServerImage:
    """An image of a server of language models; servers.yml says what the fields mean."""

    image: str
    version: str
    cuda: str
    package: str
    evidence: str = ""
    inside: str = ""
    default: bool = False
    warning: str = ""

    @property
    def verified(self) -> bool:
        """Whether public evidence names the tag."""
        return bool(self.evidence)


@dataclasses.dataclass(frozen=True)
class ServerSetting:
    """What carries one of our settings to a server, its type, and since which version: one of three."""

    type: Literal["int", "float", "str", "text"]
    since: str
    flag: str | None = None
    variable: str | None = None
    key: str | None = None
    aliases: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class ServerEnvironment:
    """Environment variables that are always set for a server, from a version on."""

    since: str
    set: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class ServerHealth:
    """How the releases since one answer health checks; servers.yml says what the fields mean."""

    since: str
    ping: Literal["alive", "health"]
    seconds: float
    immediate: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class LanguageModelServer:
    """A server of language models; servers.yml says what the fields mean. `images` are newest first.

    `regional` images are AWS's own and lie in an account of each region. `user` is who the server runs as.
    """

    title: str
    engine: str
    registry: Literal["vllm", "sglang", "tensorrt-llm", "djl"]
    images: tuple[ServerImage, ...]
    command: tuple[str, ...]
    routes: Mapping[str, str]
    administration: tuple[str, ...]
    requests: tuple[str, ...]
    settings: Mapping[str, ServerSetting]
    example: str
    values: Mapping[str, str] | None = None
    environment: tuple[ServerEnvironment, ...] = ()
    health: tuple[ServerHealth, ...] = ()
    risky: Mapping[str, str] = dataclasses.field(default_factory=dict)
    media_limit: ServerSetting | None = None
    regional: bool = False
    user: str = "serving"
    note: str = ""

    @property
    def default_image(self) -> ServerImage:
        """The image a project gets when nothing else is said."""
        return next(image for image in self.images if image.default)

    def image(self, image: str) -> ServerImage:
        """Return what is known of an image; for one of the person's own, what the default is like."""
        return next((entry for entry in self.images if entry.image == image), self.default_image)

    def settings_of(self, image: str) -> dict[str, ServerSetting]:
        """Return the settings that the version in an image knows."""
        version = version_key(self.image(image).version)
        return {name: item for name, item in self.settings.items() if version_key(item.since) <= version}

    def environment_of(self, image: str) -> dict[str, str]:
        """Return the variables that are always set for the version in an image."""
        version, found = version_key(self.image(image).version), dict[str, str]()
        for item in self.environment:
            found |= item.set if version_key(item.since) <= version else {}
        return found


@dataclasses.dataclass(frozen=True)
class Architecture:
    """The releases of inference servers that have an architecture; architectures.yml says what each means."""

    vllm: tuple[str, ...] = ()
    vllm_gap: tuple[str, ...] = ()
    vllm_transformers: str = ""
    sglang: tuple[str, ...] = ()
    tensorrt_llm: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ("generate",)


@dataclasses.dataclass(frozen=True)
class ModelType:
    """What knows a model_type, by release; model_types.yml says what the fields mean."""

    transformers: str = ""
    vllm: tuple[str, ...] = ()
    sglang: tuple[str, ...] = ()
    instead: str = ""


@dataclasses.dataclass(frozen=True)
class TransformersRelease:
    """The Transformers that the images of a server hold, from a release on; `newest` is '' if unknown."""

    since: str
    oldest: str
    newest: str


@dataclasses.dataclass(frozen=True)
class Vulnerability:
    """A published vulnerability of an engine; vulnerabilities.yml says what the fields mean."""

    ids: tuple[str, ...]
    before: str
    what: str
    since: str = "0"
    score: float = 0.0
    reach: Literal["any", "multimodal", "closed"] = "any"

    def affects(self, version: str) -> bool:
        """Return whether a version has it."""
        return version_key(self.since) <= version_key(version) < version_key(self.before)


@dataclasses.dataclass(frozen=True)
class DriverAmi:
    """A machine image of SageMaker: its NVIDIA driver, and the newest CUDA that runs on it as it is."""

    driver: str
    cuda: str


@dataclasses.dataclass(frozen=True)
class TritonImage:
    """An image of Triton, its release, and the version of the engine in it."""

    image: str
    release: str
    version: str
    cuda: str
    evidence: str = ""
    default: bool = False

    @property
    def verified(self) -> bool:
        """Whether public evidence names the tag."""
        return bool(self.evidence)


@dataclasses.dataclass(frozen=True)
class TritonFormat:
    """A file format that a Triton backend loads, and what its config.pbtxt says of it."""

    title: str
    file: str
    environment: str
    parameters: Mapping[str, str] = dataclasses.field(default_factory=dict)
    since: str = ""
    program: bool = False


@dataclasses.dataclass(frozen=True)
class Environment:
    """Packages, and everything they need, pinned."""

    direct: tuple[str, ...]
    requirements: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class TritonReads:
    """The library by which a backend of a release reads models, and the newest versions that it reads."""

    name: str
    opset: int = 0
    ir: int = 0
    xgboost: str = ""
    dart: str = ""


@dataclasses.dataclass(frozen=True)
class TritonBackend:
    """A backend of Triton; triton.yml says what the fields mean. `images` are newest first.

    Those that serve language models have an `engine`; the others have formats, environments and `memory`.
    """

    title: str
    directive: Mapping[str, str]
    images: tuple[TritonImage, ...]
    variant: str
    gpu: bool = False
    until: str = ""
    engine: str = ""
    formats: Mapping[str, TritonFormat] = dataclasses.field(default_factory=dict)
    environments: Mapping[str, Environment] = dataclasses.field(default_factory=dict)
    memory: Memory | None = None
    max_batch_size: int = 0
    thread_parameter: str = ""
    class_parameter: Mapping[str, str] = dataclasses.field(default_factory=dict)
    reads: Mapping[str, TritonReads] = dataclasses.field(default_factory=dict)
    entry: str = ""
    sample: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def default_image(self) -> TritonImage:
        """The image a project gets when nothing else is said."""
        return next(image for image in self.images if image.default)

    def image_for(self, model_format: str) -> TritonImage:
        """Return the default image, or the oldest known that reads `model_format` when it does not."""
        since = self.formats[model_format].since if model_format else ""
        if self.default_image.release >= since:
            return self.default_image
        return [image for image in self.images if image.release >= since][-1]

    def image(self, image: str) -> TritonImage:
        """Return what is known of an image; for one of the person's own, what the default is like."""
        return next((entry for entry in self.images if entry.image == image), self.default_image)


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


@dataclasses.dataclass(frozen=True)
class NodeRoom:
    """What pods may have of a node: a share of its CPUs and memory, less what the cluster's daemons take."""

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
class StartTime:
    """What a start in a pod takes that it does not take on an endpoint; hosting.yml has the rest."""

    fsx_mb_s: float
    image_pull_s: int
    evidence: str


@dataclasses.dataclass(frozen=True)
class HyperPod:
    """What is known of HyperPod clusters: the sizes of their nodes by family, and what pods get there."""

    nodes: Mapping[str, tuple[str, ...]]
    room: NodeRoom
    shared_memory: SharedMemory
    start: StartTime
    metrics: Mapping[str, str]

    def has(self, instance_type: str) -> bool:
        """Return whether a cluster can have nodes of a type."""
        family, _, size = instance_type.removeprefix("ml.").partition(".")
        return size in self.nodes.get(family, ())


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


@dataclasses.dataclass(frozen=True)
class MemoryConstants:
    """The constants of the memory estimate, by name."""

    engines: Mapping[str, Engine]
    quantizations: Mapping[str, Quantization]
    formats: Mapping[str, NumberFormat]
    encoders: Mapping[str, Encoder]
    kinds: Mapping[str, ModelKind]
