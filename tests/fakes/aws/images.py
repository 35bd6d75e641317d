"""The images of ECR: their storage, and the checks of SageMaker."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
IMAGE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/(?P<repository>[^:@]+)"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64})|:(?P<tag>[\w.-]+))?"
)


@dataclass(frozen=True)
class Manifest:
    """A pushed manifest."""

    media_type: str
    body: bytes
    pushed: datetime = field(default_factory=lambda: datetime.now(UTC), compare=False)

    @property
    def digest(self) -> str:
        """Return the digest of the manifest."""
        return f"sha256:{hashlib.sha256(self.body).hexdigest()}"

    @property
    def content(self) -> dict[str, Any]:
        """Return the manifest as a value."""
        content: dict[str, Any] = json.loads(self.body)
        return content

    @property
    def size(self) -> int:
        """Return the bytes of the layers."""
        return sum(layer["size"] for layer in self.content.get("layers", []))


class ImageStore(Protocol):
    """A registry: tags name manifests, manifests name blobs."""

    def tags(self, repository: str) -> dict[str, str]:
        """Return the digest of every tag."""

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """Return the manifest of a tag or digest."""

    def blob(self, repository: str, digest: str) -> bytes | None:
        """Return a blob."""

    def delete(self, repository: str, digest: str, tag: str | None = None) -> None:
        """Remove a tag from an image, and delete the image with its last tag; without a tag, delete it."""


class MemoryStore:
    """Images that tests add without a container engine."""

    def __init__(self) -> None:
        self._manifests: dict[tuple[str, str], Manifest] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._blobs: dict[str, bytes] = {}

    def push(
        self,
        repository: str,
        tag: str,
        architecture: str = "amd64",
        media_type: str = DOCKER_MANIFEST,
        environment: Sequence[str] = (),
        **labels: str,
    ) -> str:
        """Add an image like a push, and return its digest."""
        config = json.dumps(
            {
                "architecture": architecture,
                "os": "linux",
                "config": {"Labels": labels, "Env": [*environment]},
                "repository": repository,
            }
        ).encode()
        config_digest = self._keep(config)
        layer = self._keep(f"layer of {repository}:{tag}".encode())
        manifest: dict[str, Any] = {"schemaVersion": 2, "mediaType": media_type}
        if media_type in (OCI_INDEX, DOCKER_LIST):
            inner = self.push(repository, f"{tag}-{architecture}", architecture, OCI_MANIFEST, **labels)
            platform = {"architecture": architecture, "os": "linux"}
            manifest["manifests"] = [
                {"mediaType": OCI_MANIFEST, "digest": inner, "size": 500, "platform": platform}
            ]
        else:
            manifest["config"] = {"mediaType": DOCKER_CONFIG, "digest": config_digest, "size": len(config)}
            manifest["layers"] = [{"mediaType": "tar.gzip", "digest": layer, "size": 1_000_000}]
        pushed = Manifest(media_type, json.dumps(manifest).encode())
        self._manifests[repository, pushed.digest] = pushed
        self._tags.setdefault(repository, {})[tag] = pushed.digest
        return pushed.digest

    def tags(self, repository: str) -> dict[str, str]:
        return dict(self._tags.get(repository, {}))

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        digest = self._tags.get(repository, {}).get(reference, reference)
        return self._manifests.get((repository, digest))

    def blob(self, repository: str, digest: str) -> bytes | None:
        return self._blobs.get(digest)

    def delete(self, repository: str, digest: str, tag: str | None = None) -> None:
        tags = self._tags.get(repository, {})
        for name in [name for name, other in tags.items() if other == digest and tag in (None, name)]:
            del tags[name]
        if digest not in tags.values():
            self._manifests.pop((repository, digest), None)

    def _keep(self, blob: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
        self._blobs[digest] = blob
        return digest


def resolve(store: ImageStore, image: str) -> Manifest | None:
    """Return the manifest of an image name of ECR, None if it does not exist."""
    parts = IMAGE.fullmatch(image)
    if parts is None:
        return None
    return store.manifest(parts["repository"], parts["digest"] or parts["tag"] or "latest")


def fault_of(store: ImageStore, image: str, account: str) -> str | None:
    """Return why SageMaker rejects an image. Images of other accounts are not checked."""
    parts = IMAGE.fullmatch(image)
    if parts and parts["account"] != account:
        return None
    manifest = resolve(store, image)
    if manifest is None:
        return f"Requested image {image} not found."
    if manifest.media_type != DOCKER_MANIFEST:
        return (
            f"Unsupported manifest media type {manifest.media_type} for image {image}. "
            "Ensure that valid manifest media type is used for specified image."
        )
    return None


def architecture_of(store: ImageStore, image: str) -> str | None:
    """Return the architecture of an image, None if the store does not have it."""
    manifest, parts = resolve(store, image), IMAGE.fullmatch(image)
    if manifest is None or parts is None:
        return None
    config = store.blob(parts["repository"], manifest.content["config"]["digest"])
    architecture: str | None = json.loads(config or b"{}").get("architecture")
    return architecture
