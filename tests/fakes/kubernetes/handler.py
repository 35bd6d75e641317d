"""The responses of a Kubernetes API: permissions, lists, logs, and dry runs through its store."""

import json
import re
import socket
import struct
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.kubernetes import forwarding
from tests.fakes.kubernetes.faults import Fault
from tests.fakes.kubernetes.store import Object, Refused

if TYPE_CHECKING:
    from tests.fakes.kubernetes.api import KubernetesApi

PATH = re.compile(
    r"/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+/[^/]+))"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/))?/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+)(?:/(?P<sub>[a-z]+))?)?"
)
VERBS = {"GET": "get", "POST": "create", "PATCH": "patch", "DELETE": "delete"}


class Handler(BaseHTTPRequestHandler):
    """One call of the API."""

    api: "KubernetesApi"
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # otherwise each response waits 40 ms

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PATCH(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: object) -> None:
        """Write no log."""

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length)
        call = f"{self.command} {self.path}"
        own = self.headers.get("Authorization", "").removeprefix("Bearer ") in self.api.trusted
        if not own:
            self.api.calls.append(call)
            for fault in self.api.faults:
                if fault.strikes(call):
                    self._fail(fault)
                    return
        try:
            if not self.api.behind:
                self._authenticate(own)
            self._answer(json.loads(text) if text else {}, own)
        except Refused as refused:
            self._send(refused.code, _status(refused))

    def _fail(self, fault: Fault) -> None:
        time.sleep(fault.seconds)
        if fault.status:
            refused = Refused(fault.status, "Fault", f"a fault on purpose: {fault.status}")
            self._send(fault.status, _status(refused), fault.headers)
            return
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _authenticate(self, own: bool) -> None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if own:
            return
        wrong = self.api.problem_of(token) if token else "there is none"
        if wrong:
            raise Refused(401, "Unauthorized", f"Unauthorized ({wrong})")

    def _answer(self, body: Object, own: bool) -> None:
        address = urlsplit(self.path)
        query = dict(parse_qsl(address.query))
        version = re.fullmatch(r"/(?:api|apis)/(.+)", address.path)
        if self.api.behind and not re.search("/(log|portforward|selfsubjectaccessreviews)$", address.path):
            self._pass_on(body, own)
            return
        if self.command == "GET" and version and version[1] in self.api.store.known:
            self._send(200, _resources(version[1], self.api.store.known[version[1]]))
            return
        if address.path.endswith("/selfsubjectaccessreviews"):
            self._send(201, self._review(body))
            return
        found = PATH.fullmatch(address.path)
        if not found or (
            found["plural"] not in self.api.store.known.get(found["core"] or found["group"], {})
        ):
            raise Refused(404, "NotFound", "the server could not find the requested resource")
        resource = f"{found['core'] or found['group']}/{found['plural']}"
        verb = "list" if self.command == "GET" and not found["name"] else VERBS[self.command]
        self._authorize(verb, found, own)
        place = (found["namespace"] or "", found["name"] or "")
        if found["sub"] == "log":
            self._log(place, query)
        elif found["sub"] == "binding":
            node = body["target"]["name"]
            self.api.store.change(
                resource, place, lambda pod: _merged(pod, {"spec": {"nodeName": node}}), "scheduler", False
            )
            self._send(201, {"kind": "Status", "apiVersion": "v1", "status": "Success"})
        elif found["sub"] == "portforward":
            self._forward(place, query)
        else:
            self._act(verb, resource, place, query, body, found["sub"] == "status")

    def _pass_on(self, body: Object, own: bool) -> None:
        """Let the server behind this one respond, unless the permission is denied by a test."""
        if found := PATH.fullmatch(urlsplit(self.path).path):
            verb = "list" if self.command == "GET" and not found["name"] else VERBS[self.command]
            self._authorize(verb, found, own)
        assert self.api.behind is not None
        kept = ("Authorization", "Content-Type", "Accept")
        headers = {name: self.headers[name] for name in kept if name in self.headers}
        content = json.dumps(body) if body else None
        answer = self.api.behind.request(self.command, self.path, content=content, headers=headers)
        self._send(answer.status_code, answer.json())

    def _pod(self, place: tuple[str, str]) -> Object:
        """Return a pod. Raise Refused if it does not exist."""
        if not self.api.behind:
            return self.api.store.get("v1/pods", place)
        path = f"/api/v1/namespaces/{place[0]}/pods/{place[1]}"
        answer = self.api.behind.get(path, headers={"Authorization": self.headers["Authorization"]})
        if answer.is_error:
            raise Refused(answer.status_code, "NotFound", answer.text)
        found: Object = answer.json()
        return found

    def _authorize(self, verb: str, found: re.Match[str], own: bool) -> None:
        plural = found["plural"] + (f"/{found['sub']}" if found["sub"] in ("log", "portforward") else "")
        if f"{verb} {plural}" in self.api.denied and not own:
            where = (
                f' in the namespace "{found["namespace"]}"' if found["namespace"] else " at the cluster scope"
            )
            group = (found["group"] or "/").rpartition("/")[0]
            message = f'{plural} is forbidden: User "test" cannot {verb} resource "{plural}" in API group'
            raise Refused(403, "Forbidden", f'{message} "{group}"{where}')

    def _review(self, body: Object) -> Object:
        asked = body["spec"]["resourceAttributes"]
        allowed = f"{asked['verb']} {asked['resource']}" not in self.api.denied
        return {**body, "status": {"allowed": allowed}}

    def _act(
        self,
        verb: str,
        resource: str,
        place: tuple[str, str],
        query: dict[str, str],
        body: Object,
        status: bool,
    ) -> None:
        store, manager = self.api.store, query.get("fieldManager", "unknown")
        if verb == "get":
            self._send(200, store.get(resource, place))
        elif verb == "list":
            self._send(200, self._page(resource, place[0], query))
        elif verb == "create":
            self._send(201, store.create(resource, place[0], body, manager))
        elif verb == "delete":
            foreground = body.get("propagationPolicy") == "Foreground"
            self._send(200, store.delete(resource, place, foreground, body.get("gracePeriodSeconds")))
        elif self.headers["Content-Type"] == "application/apply-patch+yaml":
            if body["metadata"]["name"] != place[1] or "managedFields" in body["metadata"]:
                raise Refused(400, "BadRequest", "metadata does not go with an apply to this address")
            force, dry_run = query.get("force") == "true", query.get("dryRun") == "All"
            self._send(200, store.apply(resource, place, body, manager, force, dry_run))
        else:
            self._send(200, store.change(resource, place, lambda live: _merged(live, body), manager, status))

    def _page(self, resource: str, namespace: str, query: dict[str, str]) -> Object:
        found = self.api.store.list(
            resource, namespace, query.get("labelSelector", ""), query.get("fieldSelector", "")
        )
        start, size = int(query.get("continue") or 0), min(int(query.get("limit") or 1000), self.api.page)
        version, _, plural = resource.rpartition("/")
        kind = self.api.store.known[version][plural][0]
        rest = {"continue": str(start + size)} if start + size < len(found) else {}
        items = [
            {key: value for key, value in item.items() if key not in ("apiVersion", "kind")}
            for item in found[start : start + size]
        ]
        return {"apiVersion": version, "kind": f"{kind}List", "metadata": rest, "items": items}

    def _log(self, place: tuple[str, str], query: dict[str, str]) -> None:
        self._pod(place)
        sent, tail = 0, int(query.get("tailLines") or 1000)
        lines = self.api.logs(place[1], query.get("previous") == "true")
        start = max(0, len(lines) - tail)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while True:
            lines = self.api.logs(place[1], query.get("previous") == "true")[start:]
            for line in lines[sent:]:
                data = f"{line}\n".encode()
                self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
            sent = len(lines)
            if query.get("follow") != "true" or not self._runs(place):
                break
            time.sleep(0.05)
        self.wfile.write(b"0\r\n\r\n")

    def _runs(self, place: tuple[str, str]) -> bool:
        try:
            self._pod(place)
        except Refused:
            return False
        return True

    def _forward(self, place: tuple[str, str], query: dict[str, str]) -> None:
        """Connect a WebSocket to the port of the pod."""
        pod, port = self._pod(place), int(query["ports"])
        if pod.get("status", {}).get("phase") != "Running":
            raise Refused(
                500, "InternalError", f"unable to forward port because pod is not running ({place[1]})"
            )
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", forwarding.accepted(self.headers["Sec-WebSocket-Key"]))
        self.send_header("Sec-WebSocket-Protocol", forwarding.PROTOCOL)
        self.end_headers()
        self.close_connection = True
        forwarding.Forwarding(self.rfile, self.wfile).run(port, self.api.local_port(place[1]))

    def _send(self, code: int, body: Object, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def _merged(live: Any, patch: Any) -> Any:
    """Return an object after a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(live) if isinstance(live, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged


def _resources(version: str, known: dict[str, tuple[str, bool]]) -> Object:
    listed = [
        {"name": plural, "kind": kind, "namespaced": namespaced, "verbs": ["get", "list", "patch"]}
        for plural, (kind, namespaced) in known.items()
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": listed}


def _status(refused: Refused) -> Object:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": refused.message,
        "reason": refused.reason,
        "details": {"causes": refused.causes},
        "code": refused.code,
    }
