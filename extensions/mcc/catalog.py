"""Typed access to the facts in catalog/.

Every function here reads one file, checks all of it and keeps the result. A file that is not as the
classes below say raises CatalogError, which names the file, the entry and the field.
"""

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import yaml

from .errors import CatalogError

CATALOG = Path(__file__).resolve().parents[2] / "catalog"
PYTHON_IMAGE = "python:3.12-slim"  # of predictive projects
T = TypeVar("T")


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
    """A version of a framework: the formats it reads and every package it needs, pinned."""

    number: str
    formats: tuple[str, ...]
    direct: tuple[str, ...]
    requirements: tuple[str, ...]
    default: bool = False


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
    verified: bool
    package: str
    default: bool = False
    warning: str = ""


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
class LanguageModelServer:
    """A server of language models; servers.yml says what the fields mean. `images` are newest first.

    `regional` images are AWS's own and lie in an account of each region. `user` is who the server runs as.
    """

    title: str
    engine: str
    images: tuple[ServerImage, ...]
    command: tuple[str, ...]
    native: bool
    routes: Mapping[str, str]
    requests: tuple[str, ...]
    settings: Mapping[str, ServerSetting]
    example: str
    values: Mapping[str, str] | None = None
    environment: tuple[ServerEnvironment, ...] = ()
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
    verified: bool
    default: bool = False


@dataclasses.dataclass(frozen=True)
class TritonFormat:
    """A file format that a Triton backend loads, and what its config.pbtxt says of it."""

    title: str
    file: str
    environment: str
    parameters: Mapping[str, str] = dataclasses.field(default_factory=dict)
    since: str = ""


@dataclasses.dataclass(frozen=True)
class Environment:
    """Packages, and everything they need, pinned."""

    direct: tuple[str, ...]
    requirements: tuple[str, ...]


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
    server_gib: float
    gpu_gib: float
    requests_per_worker: int


@dataclasses.dataclass(frozen=True)
class MemoryConstants:
    """The constants of the memory estimate, by name."""

    engines: Mapping[str, Engine]
    quantizations: Mapping[str, Quantization]
    formats: Mapping[str, NumberFormat]
    encoders: Mapping[str, Encoder]
    kinds: Mapping[str, ModelKind]


@lru_cache
def memory(directory: Path = CATALOG) -> MemoryConstants:
    """Return the constants of the memory estimate."""
    fields = _document(directory / "memory.yml")
    return _build(MemoryConstants, fields["memory"], "memory.yml")


@lru_cache
def hyperpod(directory: Path = CATALOG) -> HyperPod:
    """Return what is known of HyperPod clusters."""
    return _build(HyperPod, _document(directory / "hyperpod.yml")["hyperpod"], "hyperpod.yml")


@lru_cache
def hyperpod_nodes(directory: Path = CATALOG) -> tuple[Instance, ...]:
    """Return the instance types that a HyperPod cluster can have nodes of and that can be sized."""
    facts = hyperpod(directory)
    return tuple(item for item in instances(directory).values() if facts.has(item.name))


@lru_cache
def hosting(directory: Path = CATALOG) -> Hosting:
    """Return what limits of an endpoint are worked out from."""
    return _build(Hosting, _document(directory / "hosting.yml")["hosting"], "hosting.yml")


@lru_cache
def servers(directory: Path = CATALOG) -> Mapping[str, LanguageModelServer]:
    """Return the servers of language models by deployment config."""
    return _read(directory / "servers.yml", LanguageModelServer)[0]


@lru_cache
def triton(directory: Path = CATALOG) -> Mapping[str, TritonBackend]:
    """Return the backends of Triton by deployment config, in order of offer."""
    return _read(directory / "triton.yml", TritonBackend)[0]


def language_model_server(deployment_config: str, directory: Path = CATALOG) -> Any:
    """Return what serves a language model: a server of its own, or a backend of Triton."""
    known = servers(directory)
    return known[deployment_config] if deployment_config in known else triton(directory)[deployment_config]


def formats(served: str, directory: Path = CATALOG) -> Mapping[str, Format | TritonFormat]:
    """Return the formats of a framework, or of a Triton backend (its deployment config), in order."""
    backends = triton(directory)
    return backends[served].formats if served in backends else frameworks(directory)[served].formats


def server_memory(served: str, directory: Path = CATALOG) -> Memory:
    """Return what a server needs besides the model, of a framework or of a Triton backend."""
    if served in frameworks(directory):
        return frameworks(directory)[served].memory
    found = triton(directory)[served].memory
    assert found is not None  # every backend with formats has it
    return found


def default_image(deployment_config: str, model_format: str = "", directory: Path = CATALOG) -> str:
    """Return the image a project's own is built from."""
    if deployment_config in triton(directory):
        return triton(directory)[deployment_config].image_for(model_format).image
    known = servers(directory)
    return known[deployment_config].default_image.image if deployment_config in known else PYTHON_IMAGE


@lru_cache
def driver_amis(directory: Path = CATALOG) -> Mapping[str, DriverAmi]:
    """Return the machine images of GPU instances by name, oldest first."""
    return _read(directory / "driver_amis.yml", DriverAmi)[0]


@lru_cache
def predecessor(directory: Path = CATALOG) -> Mapping[str, OldKey]:
    """Return the keys of the predecessor's configuration."""
    return _read(directory / "predecessor.yml", OldKey)[0]


@lru_cache
def profiles(directory: Path = CATALOG) -> Mapping[str, Profile]:
    """Return the serving profiles of language models by name, in order of offer."""
    return _read(directory / "profiles.yml", Profile)[0]


@lru_cache
def models_date(directory: Path = CATALOG) -> date:
    """Return the date of models.yml."""
    found: date = _document(directory / "models.yml")["date"]
    return found


@lru_cache
def models(directory: Path = CATALOG) -> Mapping[str, Mapping[str, Any]]:
    """Return what is known of language models by their Hub id, each as its config.json has it."""
    return MappingProxyType(_document(directory / "models.yml")["models"])


@lru_cache
def version_key(version: str) -> tuple[int, ...]:
    """Return a version as numbers to compare: (0, 10, 1) for v0.10.1 or 0.10.1.post1."""
    return tuple(int(number) for number in re.findall(r"[0-9]+", version.partition("post")[0])[:3])


@lru_cache
def frameworks(directory: Path = CATALOG) -> Mapping[str, Framework]:
    """Return the frameworks of predictive projects by name, in order of offer."""
    entries, _ = _read(directory / "frameworks.yml", Framework)
    for name, framework in entries.items():
        _check_versions(framework, f"frameworks.yml: {name}")
    return entries


@lru_cache
def web_servers(directory: Path = CATALOG) -> Mapping[str, WebServer]:
    """Return the web servers of predictive projects by deployment config."""
    return _read(directory / "web_servers.yml", WebServer)[0]


@lru_cache
def targets(directory: Path = CATALOG) -> Mapping[str, Target]:
    """Return the deployment targets by name, in order of offer."""
    return _read(directory / "targets.yml", Target)[0]


@lru_cache
def builders(directory: Path = CATALOG) -> Mapping[str, Builder]:
    """Return the places to build images in by name, in order of offer."""
    return _read(directory / "builders.yml", Builder)[0]


@lru_cache
def instances(directory: Path = CATALOG) -> Mapping[str, Instance]:
    """Return every SageMaker hosting instance type by name, such as ml.m5.large."""
    entries, sources = _read(directory / "instances.yml", Instance)
    for name, instance in entries.items():
        for source in (instance.source, instance.price.source if instance.price else instance.source):
            if source not in sources:
                raise CatalogError(f"instances.yml: {name}: source: {source!r} is not listed in sources")
    return entries


@lru_cache
def regions(directory: Path = CATALOG) -> Mapping[str, Region]:
    """Return the regions with SageMaker hosting by code, such as eu-west-1."""
    return _read(directory / "regions.yml", Region)[0]


def requirements(framework: str, version: str, server: str, directory: Path = CATALOG) -> list[str]:
    """Return everything a project installs, as pins sorted by name.

    Raises CatalogError when the catalog lacks one of the three, or two pins disagree.
    """
    facts = _find(frameworks(directory), framework, "frameworks")
    versions = {entry.number: entry for entry in facts.versions}
    pins = {
        *_find(versions, version, f"versions of {framework}").requirements,
        *_find(web_servers(directory), server, "web servers").requirements,
    }
    by_name: dict[str, str] = {}
    for pin in sorted(pins):
        name = pin.partition("==")[0]
        if name in by_name:
            raise CatalogError(
                f"{framework} {version} and {server} pin both {by_name[name]} and {pin}. "
                "Run catalog/refresh_locks.py."
            )
        by_name[name] = pin
    return [by_name[name] for name in sorted(by_name)]


def _find(entries: Mapping[str, T], name: str, what: str) -> T:
    if name not in entries:
        raise CatalogError(f"{name!r} is not among the {what}: {', '.join(entries)}")
    return entries[name]


def _check_versions(framework: Framework, where: str) -> None:
    if sum(version.default for version in framework.versions) != 1:
        raise CatalogError(f"{where}: versions: mark exactly one with default: true")
    for version in framework.versions:
        if not set(version.formats) <= set(framework.formats):
            known = ", ".join(framework.formats)
            raise CatalogError(f"{where}: {version.number}: formats: unknown format; known are {known}")
    for model_format in framework.formats:
        if not framework.versions_for(model_format):
            raise CatalogError(f"{where}: formats: no version reads {model_format}")


def _read(path: Path, kind: type[T]) -> tuple[Mapping[str, T], Mapping[str, str]]:
    """Return the entries of `path`, found under the key named like the file, and its table of sources."""
    fields = _document(path)
    as_named = "name" in _hints(kind)  # type: ignore[arg-type]  # a class is hashable
    entries = {}
    for name, entry in fields[path.stem].items():
        where = f"{path.name}: {name}"
        given = {"name": name, **entry} if as_named and isinstance(entry, dict) else entry
        entries[name] = _build(kind, given, where)
    return MappingProxyType(entries), fields.get("sources", {})


@lru_cache
def _document(path: Path) -> dict[str, Any]:
    """Return the top of a catalog file: its source, date, entries and table of sources."""
    try:
        document = yaml.load(path.read_text("utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, yaml.YAMLError) as error:
        raise CatalogError(f"{path.name} cannot be read: {error}") from error
    header = {"source": str, "date": date, path.stem: dict[str, Any]}
    return _checked(document, {**header, "sources": dict[str, str]}, header, path.name)


def _build(kind: type[T], given: Any, where: str) -> T:
    """Make a `kind`, one of the dataclasses above, of a YAML mapping."""
    hints, required = _hints(kind), _required(kind)  # type: ignore[arg-type]  # a class is hashable
    return kind(**_checked(given, hints, required, where))


def _checked(given: Any, hints: Mapping[str, Any], required: Iterable[str], where: str) -> dict[str, Any]:
    """Return the fields of a YAML mapping converted to `hints`; refuse unknown and missing ones."""
    if not isinstance(given, Mapping):
        raise CatalogError(f"{where}: expected fields, found {given!r}")
    for field in given:
        if field not in hints:
            raise CatalogError(f"{where}: {field}: unknown field; known are {', '.join(hints)}")
    for field in required:
        if field not in given:
            raise CatalogError(f"{where}: {field}: missing")
    return {field: _converted(value, hints[field], f"{where}: {field}") for field, value in given.items()}


def _converted(value: Any, hint: Any, where: str) -> Any:
    """Return a YAML value as the type `hint`: a tuple of a list, a dataclass or Mapping of a mapping."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is UnionType:
        return _converted(value, arguments[0], where)
    if origin is Literal:
        if value not in arguments:
            raise CatalogError(f"{where}: {value!r} is not one of {', '.join(arguments)}")
        return value
    if origin is tuple and isinstance(value, list):
        return tuple(_converted(item, arguments[0], where) for item in value)
    if origin in (dict, Mapping) and isinstance(value, dict):
        values = {str(key): _converted(item, arguments[1], f"{where}: {key}") for key, item in value.items()}
        return MappingProxyType(values)
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, where)  # type: ignore[arg-type]
    if hint is float and type(value) is int:
        return float(value)
    if hint is Any or type(value) is hint:
        return value
    raise CatalogError(f"{where}: {value!r} is not of type {getattr(hint, '__name__', hint)}")


@lru_cache
def _hints(kind: type[Any]) -> Mapping[str, Any]:
    return get_type_hints(kind)


@lru_cache
def _required(kind: type[Any]) -> tuple[str, ...]:
    fields = dataclasses.fields(kind)
    return tuple(f.name for f in fields if dataclasses.MISSING is f.default is f.default_factory)
