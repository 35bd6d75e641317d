# Part of the library: `copier update` replaces this file.
"""The digests of images, as their registries state them: no container engine, and no download."""

import base64
import hashlib
import http.client
import json
import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from lifecycle.aws import Aws
from lifecycle.project import PRECONDITION, Config, Failure
from lifecycle.registry import HOST as ECR

TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
REFERENCE = re.compile(
    r"((?P<host>[^/@]*[.:][^/@]*|localhost)/)?(?P<path>[^:@]+)(:(?P<tag>[\w][\w.-]*))?(@(?P<digest>\S+))?"
)
DOCKER_HUB = "registry-1.docker.io"
ITS_KEYS = ("https://index.docker.io/v1/", "docker.io")  # of its login, as docker and podman store it
OF_THIS_MACHINE = re.compile(r"(localhost|127\.[0-9.]+)(:[0-9]+)?")  # container engines use http for these
PARAMETER = re.compile(r'(\w+)="([^"]*)"')
LARGEST = 10_000_000  # bytes of a manifest or a token


@dataclass(frozen=True)
class Reference:
    """An image by the host of its registry, its repository and its tag; `digest` is "" if it has none."""

    host: str
    path: str
    tag: str
    digest: str


def parsed(image: str) -> Reference:
    """Return the parts of an image reference. Without a host it is on Docker Hub, without a tag `latest`."""
    found = REFERENCE.fullmatch(image)
    if not found:
        next_step = "write it like python:3.12-slim or registry.example.com/team/python:3.12"
        raise Failure(PRECONDITION, "bad-reference", "not an image reference", image, next_step)
    host, path = found["host"] or "docker.io", found["path"]
    if host in ("docker.io", "index.docker.io"):
        host, path = DOCKER_HUB, path if "/" in path else f"library/{path}"
    return Reference(host, path, found["tag"] or "latest", found["digest"] or "")


def digest_of(image: str, settings: Config, verb: str) -> str:
    """Return the digest that the tag of an image has now: that of all platforms, if it has several.

    Raise Failure (precondition) if the registry does not state it.
    """
    reference = parsed(image)
    if on_ecr := ECR.fullmatch(reference.host):
        found = _of_ecr(Aws(settings, verb, read_only=True, region=on_ecr[1]), reference)
    else:
        found = _Registry(reference.host, settings.call_seconds).digest(image, reference)
    if not DIGEST.fullmatch(found):
        raise _failure(image, f"the registry states {found[:80]!r}", "check the address of the image")
    return found


def _of_ecr(aws: Aws, reference: Reference) -> str:
    """Return the digest of an image in Amazon ECR, in any account that allows it."""
    answer = aws.call(
        "ecr",
        "batch_get_image",
        registryId=reference.host.partition(".")[0],
        repositoryName=reference.path,
        imageIds=[{"imageTag": reference.tag}],
        acceptedMediaTypes=list(TYPES),
    )
    if not answer["images"]:
        reasons = "; ".join(str(failed.get("failureReason", "")) for failed in answer.get("failures", []))
        raise _failure(f"{reference.path}:{reference.tag}", reasons or "no such tag", "check the tag")
    return str(answer["images"][0]["imageId"]["imageDigest"])


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects, and send credentials only to the host that they are for."""

    def redirect_request(self, req: urllib.request.Request, *rest: Any) -> urllib.request.Request | None:
        following = super().redirect_request(req, *rest)
        if following is not None and urlsplit(following.full_url).netloc != urlsplit(req.full_url).netloc:
            following.remove_header("Authorization")
        return following


class _Registry:
    """A registry, with the login that docker or podman has for it, if any."""

    def __init__(self, host: str, seconds: float) -> None:
        self.host, self.seconds = host, seconds
        self.is_local = OF_THIS_MACHINE.fullmatch(host) is not None
        self._open = urllib.request.build_opener(_Redirects).open

    def digest(self, image: str, reference: Reference) -> str:
        """Return the digest of a tag, or "" if the registry states none. Raise Failure (precondition)."""
        scheme = "http" if self.is_local else "https"
        url = f"{scheme}://{self.host}/v2/{reference.path}/manifests/{reference.tag}"
        headers = {"Accept": ", ".join(TYPES)}
        try:
            try:
                stated, _ = self._get(url, headers, "HEAD")
            except urllib.error.HTTPError as error:
                if error.code != 401:
                    raise
                headers["Authorization"] = self._authorization(error.headers.get("WWW-Authenticate", ""))
                stated, _ = self._get(url, headers, "HEAD")
            if "docker-content-digest" in stated:
                return stated["docker-content-digest"]
            return "sha256:" + hashlib.sha256(self._get(url, headers)[1]).hexdigest()
        except urllib.error.HTTPError as error:
            login = "" if self.host == DOCKER_HUB else f" {self.host}"
            next_step = f"check the tag; if the image is private: docker login{login}"
            raise _failure(image, f"{self.host} answers {error.code} {error.reason}", next_step) from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            seen = f"{self.host}: {getattr(error, 'reason', error)}"
            raise _failure(image, seen, "check the network and HTTPS_PROXY, then try again") from None

    def _get(self, url: str, headers: Mapping[str, str], method: str = "GET") -> tuple[dict[str, str], bytes]:
        """Return the headers, in lower case, and the body."""
        request = urllib.request.Request(url, headers=dict(headers), method=method)
        with self._open(request, timeout=self.seconds) as answer:
            stated = {name.lower(): value for name, value in answer.headers.items()}
            return stated, answer.read(LARGEST)

    def _authorization(self, challenge: str) -> str:
        """Return the header that a challenge asks for: a login, or a token, also without a login."""
        basic = _login(self.host)
        kind, _, rest = challenge.partition(" ")
        parameters = dict(PARAMETER.findall(rest))
        realm = parameters.pop("realm", "")
        if kind.lower() != "bearer" or not realm:
            return basic
        if not realm.startswith("https://") and not self.is_local:
            raise ValueError(f"it asks for a login over {urlsplit(realm).scheme}, not https")
        own = {"Authorization": basic} if basic else {}
        _, body = self._get(f"{realm}?{urlencode(parameters)}", own)
        found = json.loads(body)
        return f"Bearer {found.get('token') or found.get('access_token', '')}"


def _login(host: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the header of the login that docker or podman has stored for a registry, or ""."""
    keys = ITS_KEYS if host == DOCKER_HUB else (host,)
    for path in _login_files(environ):
        try:
            config = json.loads(path.read_text("utf-8"))
            found = next(filter(None, (_stored(config, key) for key in keys)), "")
        except (OSError, ValueError, AttributeError):
            continue  # the container engine reports it
        if found:
            return f"Basic {found}"
    return ""


def _login_files(environ: Mapping[str, str]) -> list[Path]:
    """Return the files in which docker and podman store logins, in their order."""
    docker = Path(environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    podman = [Path.home() / ".config" / "containers" / "auth.json"]
    if folder := environ.get("XDG_RUNTIME_DIR"):
        podman.insert(0, Path(folder) / "containers" / "auth.json")
    own = environ.get("REGISTRY_AUTH_FILE")
    return [*([Path(own)] if own else []), docker / "config.json", *podman]


def _stored(config: Mapping[str, Any], key: str) -> str:
    """Return user and password for a registry, encoded for the header: from the file or its helper."""
    if auth := str(config.get("auths", {}).get(key, {}).get("auth", "")):
        return auth
    helper = config.get("credHelpers", {}).get(key) or config.get("credsStore", "")
    program = shutil.which(f"docker-credential-{helper}") if helper else None
    if not program:
        return ""
    answer = subprocess.run([program, "get"], input=key, capture_output=True, text=True)
    found = json.loads(answer.stdout) if answer.returncode == 0 else {}
    if not found.get("Secret") or found.get("Username") == "<token>":  # a token of another kind of login
        return ""
    return base64.b64encode(f"{found['Username']}:{found['Secret']}".encode()).decode()


def _failure(image: str, seen: str, next_step: str) -> Failure:
    return Failure(PRECONDITION, "no-digest", f"cannot read the digest of {image}", seen, next_step)
