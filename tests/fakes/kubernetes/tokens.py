"""The tokens of EKS: a token is a request to STS for one cluster; its signature is checked."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

PREFIX = "k8s-aws-v1."
EMPTY = hashlib.sha256(b"").hexdigest()
VALID = timedelta(minutes=15)


def problem(token: str, cluster: str, access_key: str, secret_key: str) -> str:
    """Return why a token is rejected by a cluster, or ''."""
    if not token.startswith(PREFIX):
        return "it is not a token of EKS"
    text = token.removeprefix(PREFIX)
    url = urlsplit(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
    query = {name: values[0] for name, values in parse_qs(url.query, strict_parsing=True).items()}
    if query.get("Action") != "GetCallerIdentity":
        return "it is no request for the caller's identity"
    if "x-k8s-aws-id" not in query["X-Amz-SignedHeaders"].split(";"):
        return "it does not name a cluster"
    made = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if not -VALID < datetime.now(UTC) - made < VALID:
        return "it is too old"
    key, *scope = query["X-Amz-Credential"].split("/")
    if key != access_key:
        return "its key is not known"
    expected = _signature(url.netloc, url.path or "/", query, cluster, secret_key, scope)
    return (
        ""
        if hmac.compare_digest(expected, query["X-Amz-Signature"])
        else "its signature is another cluster's"
    )


def _signature(
    host: str, path: str, query: dict[str, str], cluster: str, secret: str, scope: list[str]
) -> str:
    """Return the text that the signature of a presigned request covers (Signature Version 4)."""
    asked = sorted((name, value) for name, value in query.items() if name != "X-Amz-Signature")
    text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in asked)
    headers = f"host:{host}\nx-k8s-aws-id:{cluster}\n"
    canonical = "\n".join(["GET", path, text, headers, query["X-Amz-SignedHeaders"], EMPTY])
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    signed = "\n".join([query["X-Amz-Algorithm"], query["X-Amz-Date"], "/".join(scope), digest])
    key = f"AWS4{secret}".encode()
    for part in (*scope, signed):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()


class Webhook:
    """A service that returns the user of a token to a kube-apiserver, like that of EKS."""

    def __init__(self, problem_of: Callable[[str], str]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                wrong = problem_of(review["spec"]["token"])
                user = {"username": "arn:aws:iam::123456789012:user/test", "groups": ["system:masters"]}
                status: dict[str, Any] = {"authenticated": not wrong, "error": wrong}
                review["status"] = status if wrong else {**status, "user": user}
                body = json.dumps(review).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Write no log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
