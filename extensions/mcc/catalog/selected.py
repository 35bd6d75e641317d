"""Facts of the catalog for what was chosen, as questions and templates read them."""

import re

from . import catalog, catalog_reader
from .entries.projects import LoadGenerator
from .entries.servers import LanguageModelServer
from .entries.triton import TritonBackend


def server(deployment_config: str) -> LanguageModelServer:
    """Return a server of language models."""
    return catalog.servers()[deployment_config]


def triton_backend(deployment_config: str) -> TritonBackend:
    """Return a backend of Triton."""
    return catalog.triton()[deployment_config]


def default_batch_size(deployment_config: str) -> int:
    """Return the requests that a Triton backend computes together, unless another number is given."""
    return triton_backend(deployment_config).max_batch_size


def price_source(source: str) -> str:
    """Return the source of a price or specification in instances.yml by its short name."""
    sources = catalog_reader.document(catalog.CATALOG / "instances.yml")["sources"]
    return str(sources[source])


def build_image(architecture: str) -> str:
    """Return the image that CodeBuild builds in, for a processor."""
    return catalog.builders()["codebuild"].images[architecture]


def regions_without(fact: str) -> list[str]:
    """Return the Regions for which a fact of regions.yml, such as scale_to_zero, is false."""
    return [name for name, region in catalog.regions().items() if not getattr(region, fact)]


def command_requirements(target: str) -> tuple[str, ...]:
    """Return the pins of what the do/ commands need for a target."""
    return catalog.targets()[target].requirements


def load_generator(kind: str) -> LoadGenerator:
    """Return the load generator for the first kind of requests of a project, "" for a predictive one."""
    generators, _ = catalog_reader.read(catalog.CATALOG / "benchmark.yml", LoadGenerator)
    return generators["aiperf" if kind in ("chat", "completion") else "locust"]


def system_packages(framework: str) -> list[str]:
    """Return the Debian packages that a framework needs in the image, each with a pattern of versions."""
    return list(catalog.frameworks()[framework].system_packages)


def model_file(served: str, model_format: str) -> str:
    """Return the name of a project's model, of a framework or of a Triton backend."""
    return catalog.formats(served)[model_format].file


def default_max_concurrency(profile: str) -> int:
    """Return the requests at once that a serving profile asks for."""
    return catalog.profiles()[profile].max_concurrency


def architecture(instance_type: str) -> str:
    """Return amd64 or arm64, the processor that container platforms name.

    A type the catalog has dropped since is judged by its name: a g after the generation is Graviton.
    """
    known = catalog.instances().get(instance_type)
    if known is None:
        return "arm64" if re.match(r"ml\.[a-z]+[0-9]+g", instance_type) else "amd64"
    return {"x86_64": "amd64", "arm64": "arm64"}[known.arch]
