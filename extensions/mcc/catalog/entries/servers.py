"""Entries about inference servers of language models: images, settings and vulnerabilities."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Literal

from .versions import version_key

# Docker Hub's host, and the hosts of AWS's registries with the folder of the public gallery.
HOST = re.compile(
    r"docker\.io/|public\.ecr\.aws/deep-learning-containers/"
    r"|[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/"
)
REFERENCE = re.compile(
    r"(?P<repository>[^:@]+):v?(?P<version>[0-9]+\.[0-9]+\.[0-9]+(?:\.post[0-9]+|rc[0-9]+)?)"
    r"(?P<variant>-[A-Za-z0-9._-]+)?"
)
CUDA = re.compile(r"-cu(?P<major>[0-9]{2})(?P<minor>[0-9])(?![0-9])")


@dataclasses.dataclass(frozen=True)
class ServerImage:
    """An image of a server of language models; servers.yml explains the fields."""

    image: str
    version: str
    cuda: str
    package: str
    evidence: str = ""
    inside: str = ""
    default: bool = False
    warning: str = ""
    compat: Literal["", "cached", "forced", "opt_in", "checked"] = ""
    kernels: tuple[float, ...] = ()
    of_aws: bool = False

    @property
    def verified(self) -> bool:
        """Whether public evidence names the tag."""
        return bool(self.evidence)


@dataclasses.dataclass(frozen=True)
class ServerSetting:
    """The flag, variable or key of a server for one of our settings, its type and first version."""

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
    """How the releases since one answer health checks; servers.yml explains the fields."""

    since: str
    ping: Literal["alive", "health"]
    seconds: float
    immediate: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class ServerMetrics:
    """The route of the metrics, and the flag or the key of the options file that switches it on, if any."""

    path: str
    flag: str = ""
    key: str = ""


@dataclasses.dataclass(frozen=True)
class LanguageModelServer:
    """A server of language models; servers.yml explains the fields. `images` are newest first.

    `user` is who the server runs as.
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
    half: tuple[str, ...] = ()
    values: Mapping[str, str] | None = None
    environment: tuple[ServerEnvironment, ...] = ()
    health: tuple[ServerHealth, ...] = ()
    risky: Mapping[str, str] = dataclasses.field(default_factory=dict)
    media_limit: ServerSetting | None = None
    auto_tools: ServerSetting | None = None
    templates: str = ""
    pooling: ServerSetting | None = None
    metrics: ServerMetrics | None = None
    user: str = "serving"
    note: str = ""

    @property
    def default_image(self) -> ServerImage:
        """The default image of a project."""
        return next(image for image in self.images if image.default)

    def image(self, image: str) -> ServerImage:
        """Return the entry of an image; for an image of the user, the entry of the default."""
        return self.find(image) or self.default_image

    def find(self, image: str) -> ServerImage | None:
        """Return the entry of an image, None for one that is not the server's.

        An image of AWS is the same in every region and in the public gallery. A release that the catalog does
        not list is described by its tag and by the release before it.
        """
        named = HOST.sub("", image.partition("@")[0])
        for entry in self.images:
            if HOST.sub("", entry.image) == named:
                return entry if entry.image == image else dataclasses.replace(entry, image=image)
        found = REFERENCE.fullmatch(named)
        same = [entry for entry in self.images if found and _is_of(entry, found["repository"], image)]
        if found is None or not same:
            return None
        version, cuda = found["version"], CUDA.search(found["variant"] or "")
        before = [entry for entry in same if version_key(entry.version) <= version_key(version)]
        nearest = before[0] if before else same[-1]
        return dataclasses.replace(
            nearest,
            image=image,
            version=version,
            cuda=f"{cuda['major']}.{cuda['minor']}" if cuda else nearest.cuda,
            package="",
            evidence="",
            warning="",
            default=False,
        )

    def settings_of(self, image: str) -> dict[str, ServerSetting]:
        """Return the settings that the version in an image supports."""
        version = version_key(self.image(image).version)
        return {name: item for name, item in self.settings.items() if version_key(item.since) <= version}

    def environment_of(self, image: str) -> dict[str, str]:
        """Return the variables that are always set for the version in an image."""
        version, found = version_key(self.image(image).version), dict[str, str]()
        for item in self.environment:
            found |= item.set if version_key(item.since) <= version else {}
        return found


def _is_of(entry: ServerImage, repository: str, image: str) -> bool:
    """Return whether an entry is a release of a repository whose tags are the versions of the server.

    A repository of AWS is named like the server, so its host must be AWS's, too.
    """
    known = HOST.sub("", entry.image).partition(":")[0]
    if entry.of_aws:
        return not entry.inside and repository == known and HOST.match(image) is not None
    return not entry.inside and f"/{repository}".endswith(f"/{known}")


@dataclasses.dataclass(frozen=True)
class Vulnerability:
    """A published vulnerability of an engine; vulnerabilities.yml explains the fields."""

    ids: tuple[str, ...]
    before: str
    what: str
    since: str = "0"
    score: float = 0.0
    reach: Literal["any", "multimodal", "closed"] = "any"

    def affects(self, version: str) -> bool:
        """Return whether a version has it."""
        return version_key(self.since) <= version_key(version) < version_key(self.before)
