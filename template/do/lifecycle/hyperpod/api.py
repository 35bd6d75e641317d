# Part of the library: `copier update` replaces this file.
"""Calls to the Kubernetes API of a cluster, with time limits, retries and explained failures.

All calls are idempotent. They are retried if the cluster is busy or cannot be reached.
"""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from lifecycle.hyperpod.manifests import Object
from lifecycle.project import PRECONDITION, REFUSED, USAGE, Failure, plain

MANAGER = "ml-container-creator"
PAGE = 500
LONGEST_PAUSE = 10.0
AGAIN = (429, 500, 502, 503, 504)
UNTYPED = "failed to create typed patch object"  # reported as a server error, but the request is invalid


class ApiFailure(Failure):
    """A call failed; `status` is the HTTP status, 0 without a response."""

    status = 0


class Api:
    """The API of a cluster for one identity. `client` is an ApiClient of the kubernetes package."""

    def __init__(self, client: Any, name: str, seconds: float, attempts: int) -> None:
        self.client, self.name = client, name
        self._seconds, self._attempts = seconds, max(1, attempts)
        self._resources: dict[str, dict[str, Object]] = {}

    def get(self, path: str, **query: str) -> Object | None:
        """Return the object at a path, None if there is none. Raise ApiFailure."""
        try:
            return self.call("GET", path, query)
        except ApiFailure as failure:
            if failure.status == 404:
                return None
            raise

    def items(self, path: str, selector: str = "", fields: str = "") -> list[Object]:
        """Return all objects of a list; start again if the continue token of a page has expired."""
        parameters = {"labelSelector": selector, "fieldSelector": fields, "limit": str(PAGE)}
        query = {name: value for name, value in parameters.items() if value}
        while True:
            found: list[Object] = []
            place = ""
            try:
                while True:
                    page = self.call("GET", path, {**query, **({"continue": place} if place else {})})
                    found += page["items"]
                    place = page["metadata"].get("continue", "")
                    if not place:
                        return found
            except ApiFailure as failure:
                if failure.status != 410:
                    raise

    def path_of(self, entry: Object) -> str:
        """Return the path of an object. Raise Failure if the cluster does not have its kind."""
        place = self.path(entry["apiVersion"], entry["kind"], entry["metadata"].get("namespace", ""))
        return f"{place}/{quote(entry['metadata']['name'])}"

    def path(self, version: str, kind: str, namespace: str) -> str:
        """Return the path of the objects of a kind. Raise ApiFailure if the cluster does not have it."""
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        if version not in self._resources:
            found = self.get(root) or {"resources": []}
            self._resources[version] = {
                resource["kind"]: resource for resource in found["resources"] if "/" not in resource["name"]
            }
        resource = self._resources[version].get(kind)
        if resource is None:
            what = f"the cluster has no objects of kind {kind}"
            next_step = "install the operator that defines the kind, or remove the objects from kubernetes/"
            failure = ApiFailure(PRECONDITION, "unknown-kind", what, f"{version} at {self.name}", next_step)
            failure.status = 404
            raise failure
        within = f"/namespaces/{quote(namespace)}" if resource["namespaced"] else ""
        return f"{root}{within}/{resource['name']}"

    def apply(self, entry: Object, dry_run: bool = False, force: bool = False) -> Object:
        """Apply an object and return the result; with `dry_run`, change nothing.

        Raise Failure if another manager has set a field to another value, unless `force`.
        """
        query = {"fieldManager": MANAGER, **({"dryRun": "All"} if dry_run else {})}
        query["force"] = "true" if force else "false"
        return self.call("PATCH", self.path_of(entry), query, entry, "application/apply-patch+yaml")

    def delete(self, path: str) -> None:
        """Delete an object after its dependents; do nothing if it does not exist."""
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground"}
        try:
            self.call("DELETE", path, {}, options)
        except ApiFailure as failure:
            if failure.status != 404:
                raise

    def may(self, verb: str, group: str, resource: str, namespace: str) -> bool:
        """Return whether this identity has a permission."""
        attributes = {"verb": verb, "group": group, "resource": resource, "namespace": namespace}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = self.call("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {}, review)
        return bool(answer["status"]["allowed"])

    def lines(self, path: str, **query: str) -> Iterator[str]:
        """Yield the lines of a stream as they arrive. Raise ApiFailure if it cannot be opened."""

        def opened() -> Any:
            return self._request("GET", path, query, None, "", (self._seconds, None))

        response = self._send(opened, f"GET {path}")
        rest = b""
        for part in response.stream(65536):
            *whole, rest = (rest + part).split(b"\n")
            yield from (plain(line.decode(errors="replace")) for line in whole)
        if rest:
            yield plain(rest.decode(errors="replace"))

    def call(
        self, method: str, path: str, query: dict[str, str], body: Object | None = None, content: str = ""
    ) -> Object:
        """Make a call and return the response. Raise ApiFailure."""

        def read() -> bytes:
            response = self._request(method, path, query, body, content, (self._seconds, self._seconds))
            return bytes(response.data)

        found: Object = json.loads(self._send(read, f"{method} {path}"))
        return found

    def _request(
        self, method: str, path: str, query: dict[str, str], body: Object | None, content: str, timeout: Any
    ) -> Any:
        headers = {"Accept": "application/json", **({"Content-Type": content} if content else {})}
        return self.client.call_api(
            path,
            method,
            query_params=list(query.items()),
            header_params=headers,
            body=body,
            auth_settings=["BearerToken"],
            _return_http_data_only=True,
            _preload_content=False,
            _request_timeout=timeout,
        )

    def _send(self, send: Callable[[], Any], call: str) -> Any:
        """Send a request, and retry after a pause if that can help. Raise ApiFailure."""
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        for attempt in range(1, self._attempts + 1):
            try:
                return send()
            except ApiException as error:
                pause = _pause(error, attempt)
                wrong = UNTYPED in str(error.body)
                if error.status not in AGAIN or attempt == self._attempts or wrong:
                    raise refusal(error, call, self.name) from None
            except (HTTPError, OSError) as error:
                pause = _pause(None, attempt)
                if attempt == self._attempts:
                    raise _unreachable(error, call, self.name) from None
            time.sleep(pause)
        raise AssertionError


def _pause(error: Any, attempt: int) -> float:
    """Return the seconds until the next attempt: Retry-After, or else an increasing time."""
    requested = str((getattr(error, "headers", None) or {}).get("Retry-After", ""))
    seconds = float(requested) if requested.isdigit() else 0.25 * 2**attempt
    return min(seconds, LONGEST_PAUSE)


def _unreachable(error: Exception, call: str, name: str) -> ApiFailure:
    what, seen = f"the cluster {name} does not respond to {call}", " ".join(str(error).split())[:300]
    cause = "its endpoint might be private, and reachable only from inside its VPC"
    return ApiFailure(
        REFUSED,
        "cluster-unreachable",
        what,
        seen,
        "check the network and the VPN, then run the command again",
        cause,
    )


def refusal(error: Any, call: str, name: str) -> ApiFailure:
    """Return an error response of the cluster as a failure with the next step."""
    try:
        body = json.loads(error.body)
    except (TypeError, ValueError):
        body = {}
    message = " ".join(str(body.get("message") or error.reason).split())
    seen = f"{error.status} {message}"[:600]
    failure = _explained(int(error.status or 0), body, call, name, seen)
    failure.status = int(error.status or 0)
    return failure


def _explained(status: int, body: Object, call: str, name: str, seen: str) -> ApiFailure:
    if status == 401:
        what, next_step = (
            f"this identity has no access to the cluster {name}",
            f"create an access entry: aws eks create-access-entry --cluster-name {name} --principal-arn …",
        )
        return ApiFailure(PRECONDITION, "no-cluster-access", what, seen, next_step)
    if status == 403:
        next_step = f"allow it with a role or an access policy of the cluster {name}"
        return ApiFailure(PRECONDITION, "forbidden", f"the cluster refused {call}", seen, next_step)
    if status == 409:
        causes = (body.get("details") or {}).get("causes", [])
        fields = [cause["field"] for cause in causes if "field" in cause]
        what = f"another manager has set {', '.join(fields) or 'fields of this object'}"
        next_step = "copy the value to kubernetes/, or overwrite it: do/deploy --force"
        return ApiFailure(REFUSED, "apply-conflict", what, seen, next_step)
    if status in (400, 422) or UNTYPED in seen:
        next_step = "fix the file in kubernetes/; to change an immutable field, run do/clean first"
        return ApiFailure(USAGE, "invalid-object", "the cluster rejected an object", seen, next_step)
    return ApiFailure(
        REFUSED, "cluster-refused", f"the cluster refused {call}", seen, "fix the reported error"
    )
