"""Entries about the backends of Triton."""

import dataclasses
from collections.abc import Mapping

from .predictive import Memory


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
    """A file format that a Triton backend loads, and its part of config.pbtxt."""

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
    """A backend of Triton; triton.yml explains the fields. `images` are newest first.

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
        """The default image of a project."""
        return next(image for image in self.images if image.default)

    def image_for(self, model_format: str) -> TritonImage:
        """Return the default image, or the oldest known that reads `model_format` when it does not."""
        since = self.formats[model_format].since if model_format else ""
        if self.default_image.release >= since:
            return self.default_image
        return [image for image in self.images if image.release >= since][-1]

    def image(self, image: str) -> TritonImage:
        """Return the entry of an image; for an image of the user, the entry of the default."""
        return next((entry for entry in self.images if entry.image == image), self.default_image)
