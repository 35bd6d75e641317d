"""Typed access to the facts in catalog/: every function here reads one file and keeps the result."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from ..errors.errors import CatalogError
from .catalog_reader import build, document, read
from .entries.hosting import Hosting, HyperPod
from .entries.instances import DriverAmi, Instance, Region
from .entries.memory import MemoryConstants
from .entries.models import Architecture, ModelType, TransformersRelease
from .entries.parsers import Parsers
from .entries.predictive import IMAGE_PYTHON, Format, Framework, Memory, ModelKind, WebServer
from .entries.projects import Builder, OldKey, Profile, Target
from .entries.servers import LanguageModelServer, Vulnerability
from .entries.triton import TritonBackend, TritonFormat

CATALOG = Path(__file__).resolve().parents[3] / "catalog"
T = TypeVar("T")


@lru_cache
def memory(directory: Path = CATALOG) -> MemoryConstants:
    """Return the constants of the memory estimate."""
    fields = document(directory / "memory.yml")
    return build(MemoryConstants, fields["memory"], "memory.yml")


@lru_cache
def hyperpod(directory: Path = CATALOG) -> HyperPod:
    """Return the facts of HyperPod clusters."""
    return build(HyperPod, document(directory / "hyperpod.yml")["hyperpod"], "hyperpod.yml")


@lru_cache
def hyperpod_nodes(directory: Path = CATALOG) -> tuple[Instance, ...]:
    """Return the instance types that a HyperPod cluster can have nodes of and that can be sized."""
    facts = hyperpod(directory)
    return tuple(item for item in instances(directory).values() if facts.has(item.name))


@lru_cache
def hosting(directory: Path = CATALOG) -> Hosting:
    """Return the constants for the limits of an endpoint."""
    return build(Hosting, document(directory / "hosting.yml")["hosting"], "hosting.yml")


@lru_cache
def servers(directory: Path = CATALOG) -> Mapping[str, LanguageModelServer]:
    """Return the servers of language models by deployment config."""
    return read(directory / "servers.yml", LanguageModelServer)[0]


@lru_cache
def triton(directory: Path = CATALOG) -> Mapping[str, TritonBackend]:
    """Return the backends of Triton by deployment config, in order of offer."""
    return read(directory / "triton.yml", TritonBackend)[0]


def language_model_server(deployment_config: str, directory: Path = CATALOG) -> Any:
    """Return the server of a language model: an inference server or a Triton backend."""
    known = servers(directory)
    return known[deployment_config] if deployment_config in known else triton(directory)[deployment_config]


def formats(served: str, directory: Path = CATALOG) -> Mapping[str, Format | TritonFormat]:
    """Return the formats of a framework, or of a Triton backend (its deployment config), in order."""
    backends = triton(directory)
    return backends[served].formats if served in backends else frameworks(directory)[served].formats


def server_memory(served: str, directory: Path = CATALOG) -> Memory:
    """Return the memory that a server needs in addition to the model."""
    if served in frameworks(directory):
        return frameworks(directory)[served].memory
    found = triton(directory)[served].memory
    assert found is not None  # every backend with formats has it
    return found


def pythons(framework: str, version: str, directory: Path = CATALOG) -> tuple[str, ...]:
    """Return the versions of Python that a framework's version can be installed on, oldest first."""
    found = frameworks(directory)[framework].version(version)
    return found.pythons if found else (IMAGE_PYTHON,)


def python_image(framework: str, version: str, directory: Path = CATALOG) -> str:
    """Return the image a predictive project's own is built from."""
    found = frameworks(directory)[framework].version(version)
    return f"python:{found.image_python if found else IMAGE_PYTHON}-slim"


def python_images(directory: Path = CATALOG) -> list[str]:
    """Return the images that predictive projects are built from, that of the default versions first."""
    versions = [version for facts in frameworks(directory).values() for version in facts.versions]
    default = f"python:{IMAGE_PYTHON}-slim"
    return [default, *sorted({f"python:{each.image_python}-slim" for each in versions} - {default})]


def default_image(deployment_config: str, model_format: str = "", directory: Path = CATALOG) -> str:
    """Return the image a project's own is built from; of predictive ones, that of their default version."""
    if deployment_config in triton(directory):
        return triton(directory)[deployment_config].image_for(model_format).image
    known = servers(directory)
    return (
        known[deployment_config].default_image.image
        if deployment_config in known
        else f"python:{IMAGE_PYTHON}-slim"
    )


@lru_cache
def architectures(directory: Path = CATALOG) -> Mapping[str, Architecture]:
    """Return the releases of inference servers that have each architecture."""
    return read(directory / "architectures.yml", Architecture)[0]


@lru_cache
def architectures_date(directory: Path = CATALOG) -> date:
    """Return the date of architectures.yml."""
    return _date(directory / "architectures.yml")


@lru_cache
def model_types(directory: Path = CATALOG) -> Mapping[str, ModelType]:
    """Return the releases that support each model_type."""
    return read(directory / "model_types.yml", ModelType)[0]


@lru_cache
def parsers(directory: Path = CATALOG) -> Parsers:
    """Return the parsers of tool calls and of reasoning, by family of model and by release."""
    found = build(Parsers, document(directory / "parsers.yml")["parsers"], "parsers.yml")
    if problem := found.problem():
        raise CatalogError(f"parsers.yml: {problem}")
    return found


@lru_cache
def transformers(directory: Path = CATALOG) -> Mapping[str, tuple[TransformersRelease, ...]]:
    """Return the Transformers in the images of each server, by its releases, oldest first."""
    return _lists(directory / "transformers.yml", TransformersRelease)


@lru_cache
def vulnerabilities(directory: Path = CATALOG) -> Mapping[str, tuple[Vulnerability, ...]]:
    """Return the published vulnerabilities of each engine."""
    return _lists(directory / "vulnerabilities.yml", Vulnerability)


@lru_cache
def driver_amis(directory: Path = CATALOG) -> Mapping[str, DriverAmi]:
    """Return the machine images of GPU instances by name, oldest first."""
    return read(directory / "driver_amis.yml", DriverAmi)[0]


@lru_cache
def predecessor(directory: Path = CATALOG) -> Mapping[str, OldKey]:
    """Return the keys of the predecessor's configuration."""
    return read(directory / "predecessor.yml", OldKey)[0]


@lru_cache
def profiles(directory: Path = CATALOG) -> Mapping[str, Profile]:
    """Return the serving profiles of language models by name, in order of offer."""
    return read(directory / "profiles.yml", Profile)[0]


@lru_cache
def models_date(directory: Path = CATALOG) -> date:
    """Return the date of models.yml."""
    return _date(directory / "models.yml")


@lru_cache
def models(directory: Path = CATALOG) -> Mapping[str, Mapping[str, Any]]:
    """Return the config.json of language models by Hub id."""
    return MappingProxyType(document(directory / "models.yml")["models"])


@lru_cache
def frameworks(directory: Path = CATALOG) -> Mapping[str, Framework]:
    """Return the frameworks of predictive projects by name, in order of offer."""
    entries, _ = read(directory / "frameworks.yml", Framework)
    for name, framework in entries.items():
        _check_versions(framework, f"frameworks.yml: {name}")
    return entries


@lru_cache
def model_kinds(directory: Path = CATALOG) -> Mapping[str, ModelKind]:
    """Return the kinds of model files by the names that the inspection gives them."""
    return read(directory / "model_kinds.yml", ModelKind)[0]


@lru_cache
def web_servers(directory: Path = CATALOG) -> Mapping[str, WebServer]:
    """Return the web servers of predictive projects by deployment config."""
    return read(directory / "web_servers.yml", WebServer)[0]


@lru_cache
def targets(directory: Path = CATALOG) -> Mapping[str, Target]:
    """Return the deployment targets by name, in order of offer."""
    return read(directory / "targets.yml", Target)[0]


@lru_cache
def builders(directory: Path = CATALOG) -> Mapping[str, Builder]:
    """Return the places to build images in by name, in order of offer."""
    return read(directory / "builders.yml", Builder)[0]


@lru_cache
def instances(directory: Path = CATALOG) -> Mapping[str, Instance]:
    """Return every SageMaker hosting instance type by name, such as ml.m5.large."""
    entries, sources = read(directory / "instances.yml", Instance)
    for name, instance in entries.items():
        for source in (instance.source, instance.price.source if instance.price else instance.source):
            if source not in sources:
                raise CatalogError(f"instances.yml: {name}: source: {source!r} is not listed in sources")
    return entries


@lru_cache
def regions(directory: Path = CATALOG) -> Mapping[str, Region]:
    """Return the regions with SageMaker hosting by code, such as eu-west-1."""
    return read(directory / "regions.yml", Region)[0]


def requirements(
    framework: str,
    version: str,
    server: str,
    model_format: str = "",
    with_pandas: bool = False,
    directory: Path = CATALOG,
) -> list[str]:
    """Return everything a project installs, as pins sorted by name.

    Raises CatalogError when the catalog lacks one of the three, or two pins disagree.
    """
    facts = _find(frameworks(directory), framework, "frameworks")
    versions = {entry.number: entry for entry in facts.versions}
    chosen = _find(versions, version, f"versions of {framework}")
    pins = {
        *chosen.requirements,
        *(chosen.pandas.requirements if with_pandas and chosen.pandas else ()),
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
    unused = facts.formats[model_format].unused if model_format else ()
    return [by_name[name] for name in sorted(by_name) if name not in unused]


def _date(path: Path) -> date:
    found: date = document(path)["date"]
    return found


def _lists(path: Path, kind: type[T]) -> Mapping[str, tuple[T, ...]]:
    """Return the entries of a file that has a list of them under each name."""
    return {
        name: tuple(build(kind, item, f"{path.name}: {name}") for item in items)
        for name, items in document(path)[path.stem].items()
    }


def _find(entries: Mapping[str, T], name: str, what: str) -> T:
    if name not in entries:
        raise CatalogError(f"{name!r} is not among the {what}: {', '.join(entries)}")
    return entries[name]


def _check_versions(framework: Framework, where: str) -> None:
    if sum(version.default for version in framework.versions) != 1:
        raise CatalogError(f"{where}: versions: mark exactly one with default: true")
    for version in framework.versions:
        if not version.pythons or not version.requirements:
            raise CatalogError(f"{where}: {version.number}: no requirements; run catalog/refresh_locks.py")
        if not set(version.formats) <= set(framework.formats):
            known = ", ".join(framework.formats)
            raise CatalogError(f"{where}: {version.number}: formats: unknown format; known are {known}")
    for model_format in framework.formats:
        if not framework.versions_for(model_format):
            raise CatalogError(f"{where}: formats: no version reads {model_format}")
