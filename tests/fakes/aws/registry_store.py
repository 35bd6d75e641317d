"""Images in a real registry (tests/fakes/registry), through its HTTP API."""

import base64
import http.client
import json
import os
import ssl
from datetime import UTC, datetime
from pathlib import Path

from tests.fakes.aws.ecr import PASSWORD
from tests.fakes.aws.images import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Manifest,
)

HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
STATE = Path(os.environ.get("MCC_FAKES_DIR", "/var/tmp/mcc-fakes"))
ACCEPT = ", ".join((DOCKER_MANIFEST, DOCKER_LIST, OCI_MANIFEST, OCI_INDEX))


class RegistryStore:
    """The registry on this machine. It has no push times: the time of the first read counts."""

    def __init__(self, certificate: Path = STATE / "registry" / "tls.crt") -> None:
        self._context = ssl.create_default_context(cafile=str(certificate))
        self._first_seen: dict[str, datetime] = {}

    def tags(self, repository: str) -> dict[str, str]:
        """Return the digest of every tag."""
        status, _, body = self._ask("GET", f"/v2/{repository}/tags/list")
        names: list[str] = (json.loads(body).get("tags") or []) if status == 200 else []
        found = {name: self.manifest(repository, name) for name in names}
        return {name: manifest.digest for name, manifest in found.items() if manifest}

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        """Return the manifest of a tag or digest."""
        status, media_type, body = self._ask("GET", f"/v2/{repository}/manifests/{reference}")
        if status != 200:
            return None
        found = Manifest(media_type, body)
        seen = self._first_seen.setdefault(f"{repository}@{found.digest}", datetime.now(UTC))
        return Manifest(media_type, body, seen)

    def blob(self, repository: str, digest: str) -> bytes | None:
        """Return a blob."""
        status, _, body = self._ask("GET", f"/v2/{repository}/blobs/{digest}")
        return body if status == 200 else None

    def delete(self, repository: str, digest: str, tag: str | None = None) -> None:
        """Delete a manifest with all its tags: this registry cannot remove a single tag."""
        self._ask("DELETE", f"/v2/{repository}/manifests/{digest}")

    def _ask(self, method: str, path: str) -> tuple[int, str, bytes]:
        connection = http.client.HTTPSConnection(HOST, context=self._context, timeout=10)
        token = base64.b64encode(f"AWS:{PASSWORD}".encode()).decode()
        try:
            connection.request(method, path, headers={"Authorization": f"Basic {token}", "Accept": ACCEPT})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type", ""), answer.read()
        finally:
            connection.close()
