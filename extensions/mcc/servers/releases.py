"""The release of an engine in an image: what loads the model, its kernels and its CUDA libraries."""

import dataclasses
from typing import Literal

from ..catalog import catalog, engine_facts
from ..catalog.entries.servers import LanguageModelServer, ServerImage
from ..catalog.entries.triton import TritonImage
from ..catalog.entries.versions import version_key

TITLES = {"vllm": "vLLM", "sglang": "SGLang", "tensorrt-llm": "TensorRT-LLM", "djl": "DJL Serving"}


@dataclasses.dataclass(frozen=True)
class Release:
    """A release of an engine, called as in `registry` of servers.yml, as an image has it.

    `kernels` are the compute capabilities that it was built for.
    """

    engine: str
    version: str
    kernels: tuple[float, ...]
    cuda: str = ""
    compat: Literal["", "cached", "forced", "opt_in", "checked"] = ""

    @property
    def title(self) -> str:
        """The name and version, such as vLLM 0.31.0."""
        return f"{TITLES[self.engine]} {self.version}"

    @property
    def is_newer_than_the_catalog(self) -> bool:
        """Whether the registry of this release was not read."""
        newest = engine_facts.newest_releases().get(self.engine)
        return newest is not None and version_key(self.version) > version_key(newest)


def of_image(deployment_config: str, image: str) -> Release:
    """Return the release in an image of a server or of Triton; of an image of the user, in the default."""
    server = catalog.language_model_server(deployment_config)
    found: ServerImage | TritonImage = server.image(image)
    if isinstance(found, TritonImage):
        return Release(server.engine, found.version, kernels(server.engine, found.version), found.cuda)
    return _of_entry(server, found)


def of_version(engine: str, version: str = "", image: str = "") -> Release:
    """Return a release by the names of memory.yml, '' for the default version.

    The image, if given, is more precise: several images of LMI have the same version.
    """
    server = catalog.servers()[f"transformers-{engine}"]
    version = version or server.default_image.version
    entry = server.find(image) or next((item for item in server.images if item.version == version), None)
    if entry is not None:
        return _of_entry(server, entry)
    nearest = next(
        (item for item in server.images if version_key(item.version) <= version_key(version)),
        server.images[-1],
    )
    inside = nearest.inside or version
    return Release(server.registry, inside, kernels(server.registry, inside))


def kernels(engine: str, version: str) -> tuple[float, ...]:
    """Return the compute capabilities that a release was built for."""
    known = engine_facts.gpu_support()[engine].kernels
    return [item for item in known if version_key(item.since) <= version_key(version)][-1].capabilities


def _of_entry(server: LanguageModelServer, entry: ServerImage) -> Release:
    version = entry.inside or entry.version
    built = entry.kernels or kernels(server.registry, version)
    return Release(server.registry, version, built, entry.cuda, entry.compat)
