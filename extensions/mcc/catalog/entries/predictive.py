"""Entries about predictive projects: frameworks, their versions and formats, and web servers."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from datetime import date

from .versions import version_key

IMAGE_PYTHON = "3.12"  # the memory and speed of predictive servers are measured with it
EXACT = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){1,3}(\.?(rc|post)[0-9]{1,3})?")


def python_of_image(pythons: Sequence[str]) -> str:
    """Return the Python of an image: the one that is measured, or else the newest that has wheels."""
    return IMAGE_PYTHON if IMAGE_PYTHON in pythons else pythons[-1]


@dataclasses.dataclass(frozen=True)
class Format:
    """A file format a framework saves models in, and what such a file is called in a project.

    `unused` are packages of the framework that loading this format does not need.
    """

    title: str
    file: str
    unused: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class ModelKind:
    """A kind of model file: the formats in which each framework or Triton backend serves it, the best first.

    Those that the catalog does not have are left out. `fix` is the next step where no framework serves it.
    """

    title: str
    served: Mapping[str, tuple[str, ...]]
    fix: str = ""


@dataclasses.dataclass(frozen=True)
class Memory:
    """Memory of a server without the model, in MiB; `model_per_worker` when workers cannot share it."""

    base_mib: int
    worker_mib: int
    model_per_worker: bool
    evidence: str


@dataclasses.dataclass(frozen=True)
class Pinned:
    """Packages that are installed on top of others, and every package that they need, pinned."""

    direct: tuple[str, ...]
    requirements: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Version:
    """A version of a framework: the formats it reads and every package it needs, pinned.

    `pythons` are the versions of Python that have wheels for all pins, oldest first. `released` is given
    where numpy and SciPy have to be of the time of the library. `opset` and `ir` are the newest versions of
    ONNX that ONNX Runtime reads, 0 for other frameworks. `pandas` is for models that take a DataFrame.
    """

    number: str
    formats: tuple[str, ...]
    direct: tuple[str, ...]
    pythons: tuple[str, ...]
    requirements: tuple[str, ...]
    default: bool = False
    released: date | None = None
    opset: int = 0
    ir: int = 0
    pandas: Pinned | None = None

    @property
    def image_python(self) -> str:
        """The Python of an image."""
        return python_of_image(self.pythons)


@dataclasses.dataclass(frozen=True)
class Others:
    """Requirements of the versions without a lock, since one that a later entry does not cover.

    `{version}` in `direct` is the number of the version. `pandas` is for models that take a DataFrame, `caps`
    apply where the index does not state when a version was released. `overrides` replace what packages state
    about others.
    """

    since: str
    direct: tuple[str, ...]
    pandas: tuple[str, ...] = ()
    caps: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()

    def requirements(self, number: str) -> list[str]:
        """Return the requirements of a version."""
        return [line.replace("{version}", number) for line in self.direct]

    @property
    def package(self) -> str:
        """The package whose release decides the time of the other packages."""
        return self.direct[0].partition("==")[0]


@dataclasses.dataclass(frozen=True)
class Framework:
    """A library that models are trained with. `versions` are newest first, `formats` in order of offer.

    `system_packages` are Debian packages, with patterns of versions; the packages in `unused` are not locked.
    `others` are for the versions without a lock, newest first.
    """

    title: str
    formats: Mapping[str, Format]
    memory: Memory
    versions: tuple[Version, ...]
    system_packages: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    others: tuple[Others, ...] = ()

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

    def resolvable(self, number: str) -> Others | None:
        """Return the requirements of a version without a lock, None if it has one or cannot be served."""
        if not EXACT.fullmatch(number) or self.version(number):
            return None
        key = version_key(number)
        return next((other for other in self.others if key >= version_key(other.since)), None)


@dataclasses.dataclass(frozen=True)
class WebServer:
    """A Python web server and every package it needs, pinned; numpy comes with the framework."""

    title: str
    direct: tuple[str, ...]
    requirements: tuple[str, ...]
