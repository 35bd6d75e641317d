"""The API of a cluster for the components of the cluster."""

import contextlib
import hashlib
import json
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

Object = dict[str, Any]
MERGE = "application/merge-patch+json"


class Client:
    """Reads and writes objects with a token."""

    def __init__(self, url: str, certificate: Path, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        trusted = ssl.create_default_context(cafile=certificate)
        self._http = httpx.Client(base_url=url, verify=trusted, headers=headers, timeout=10)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def create(self, path: str, entry: Object) -> Object:
        """Create an object."""
        return self.call("POST", path, entry)

    def patch_status(self, path: str, status: Object) -> None:
        """Change an object's status."""
        self.call("PATCH", f"{path}/status", {"status": status}, MERGE)

    def patch(self, path: str, change: Object) -> Object:
        """Change an object like a user with kubectl."""
        return self.call("PATCH", path, change, MERGE, "kubectl-edit")

    def items(self, path: str) -> list[Object]:
        """Return the objects of a list, [] if the cluster has no such kind."""
        response = self._http.get(path)
        return [] if response.status_code == 404 else list(response.raise_for_status().json()["items"])

    def call(
        self, method: str, path: str, body: Object, content: str = "", manager: str = "kubelet"
    ) -> Object:
        """Make a call. Raise httpx.HTTPStatusError if it fails."""
        headers = {"Content-Type": content or "application/json"}
        response = self._http.request(
            method, path, params={"fieldManager": manager}, content=json.dumps(body), headers=headers
        )
        if response.is_error:
            raise httpx.HTTPStatusError(response.text, request=response.request, response=response)
        found: Object = response.json()
        return found

    def delete(self, path: str) -> None:
        """Delete an object if it exists."""
        body = json.dumps({"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0})
        with contextlib.suppress(httpx.HTTPStatusError):
            headers = {"Content-Type": "application/json"}
            self._http.request("DELETE", path, content=body, headers=headers).raise_for_status()

    def say(self, about: Object, reason: str, message: str) -> None:
        """Create an event once."""
        metadata = about["metadata"]
        key = hashlib.sha256(f"{metadata['uid']}{reason}{message}".encode()).hexdigest()[:16]
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{metadata['name'][:200]}.{key}", "namespace": metadata["namespace"]},
            "involvedObject": {"kind": "Pod", "name": metadata["name"], "namespace": metadata["namespace"]},
            "reason": reason,
            "message": message,
            "type": "Normal",
            "lastTimestamp": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        }
        with contextlib.suppress(httpx.HTTPStatusError):  # it exists already
            self.create(f"/api/v1/namespaces/{metadata['namespace']}/events", event)


def path_of(group: str, plural: str, entry: Object) -> str:
    """Return the address of an object."""
    metadata = entry["metadata"]
    within = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{group}{within}/{plural}/{metadata['name']}"


def owner_of(entry: Object) -> str:
    """Return the uid of the owner of an object, or ''."""
    references = entry["metadata"].get("ownerReferences", [])
    return str(references[0]["uid"]) if references else ""


def is_alive(pod: Object) -> bool:
    """Return whether a pod has neither failed nor been deleted."""
    return "deletionTimestamp" not in pod["metadata"] and pod.get("status", {}).get("phase") != "Failed"


def is_ready(pod: Object) -> bool:
    """Return whether a pod is ready."""
    conditions = pod.get("status", {}).get("conditions", [])
    return is_alive(pod) and any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
