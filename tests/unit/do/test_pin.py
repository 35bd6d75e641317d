"""do/pin writes the digest that a registry states for the tag of a base image."""

import argparse
import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from lifecycle import manifests, pin
from lifecycle.dockerfile import base_images, images
from lifecycle.project import DONE, VERIFICATION, Failure

OLD, NEW = "sha256:" + "1" * 64, "sha256:" + "2" * 64
SETTINGS: Any = SimpleNamespace(call_seconds=5.0)


class Registry(ThreadingHTTPServer):
    """A registry that gives tokens to all, or to those who log in, and states the digests of tags."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.tags = {"team/python:3.12-slim": NEW}
        self.login = ""
        self.states_digest = True
        self.asked: list[tuple[str, str]] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        registry = cast("Registry", self.server)
        parts, given = urlsplit(self.path), self.headers.get("Authorization", "")
        registry.asked.append((self.command, self.path))
        if parts.path == "/token":
            scope = parse_qs(parts.query).get("scope", [""])[0]
            allowed = given == registry.login and scope == "repository:team/python:pull"
            self.answer(200 if allowed else 401, json.dumps({"token": "for-pulls"}).encode())
        elif given != "Bearer for-pulls":
            realm = f'Bearer realm="http://{registry.host}/token",service="here"'
            self.answer(401, b"", **{"WWW-Authenticate": f'{realm},scope="repository:team/python:pull"'})
        else:
            name, _, tag = parts.path.removeprefix("/v2/").partition("/manifests/")
            found = registry.tags.get(f"{name}:{tag}")
            listed = "application/vnd.oci.image.index.v1+json" in self.headers["Accept"]
            stated = {"Docker-Content-Digest": found} if found and registry.states_digest else {}
            self.answer(200 if found and listed else 404, b'{"schemaVersion": 2}', **stated)

    def answer(self, code: int, body: bytes, **headers: str) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Registry]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    with Registry() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def dockerfile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(pin, "DOCKERFILE", tmp_path / "Dockerfile")
    return tmp_path / "Dockerfile"


def run(check: bool = False) -> Any:
    return pin.run(SETTINGS, argparse.Namespace(check=check))


def test_both_stages_are_pinned_and_all_else_stays(registry: Registry, dockerfile: Path) -> None:
    image = f"{registry.host}/team/python:3.12-slim"
    text = f"# FROM\r\nFROM {image} AS build\r\nRUN a\r\nfrom --platform=linux/amd64 {image}\r\nCOPY a b\r\n"
    dockerfile.write_bytes(text.encode())
    checked = run(check=True)
    assert (checked["exit_code"], dockerfile.read_bytes()) == (VERIFICATION, text.encode())
    result = run()
    assert result["images"] == [{"image": image, "before": "", "digest": NEW}]
    assert f"{image}: by tag -> {NEW}" in result["text"] and "do/build" in result["text"]
    assert dockerfile.read_bytes() == text.replace(f"{image}", f"{image}@{NEW}").encode()
    again = run(check=True)
    assert again["exit_code"] == DONE and "up to date" in again["text"]


def test_a_pin_moves_to_the_digest_that_the_tag_has_now(registry: Registry, dockerfile: Path) -> None:
    image = f"{registry.host}/team/python:3.12-slim"
    dockerfile.write_text(f"FROM {image}@{OLD}\n")
    assert run(check=True)["exit_code"] == VERIFICATION
    assert f"{OLD} -> {NEW}" in run()["text"]
    assert dockerfile.read_text() == f"FROM {image}@{NEW}\n"


def test_earlier_stages_arguments_and_scratch_are_no_base_images() -> None:
    text = "FROM a:1 AS build\nFROM build\nFROM scratch\nFROM ${BASE}\nFROM a:1\nFROM b@sha256:1\n"
    assert base_images(text) == ["a:1", "b@sha256:1"]
    assert images("FROM --platform=linux/arm64 a:${TAG} AS b\nfrom b\n") == ["a:${TAG}", "b"]


def test_a_registry_without_the_header_states_the_digest_by_its_manifest(
    registry: Registry, dockerfile: Path
) -> None:
    registry.states_digest = False
    found = manifests.digest_of(f"{registry.host}/team/python:3.12-slim", SETTINGS, "pin")
    assert found == "sha256:c5d902c53b4afcf32ad746fd9d696431650d3fbe8f7b10ca10519543fefd772c"
    assert [method for method, path in registry.asked if "/manifests/" in path] == ["HEAD", "HEAD", "GET"]


@pytest.mark.parametrize("stored", ["auths", "helper", "podman"])
def test_a_private_registry_gets_the_login_of_docker(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored: str
) -> None:
    pair = base64.b64encode(b"me:secret").decode()
    registry.login = f"Basic {pair}"
    image = f"{registry.host}/team/python:3.12-slim"
    with pytest.raises(Failure) as refused:
        manifests.digest_of(image, SETTINGS, "pin")
    assert "401" in str(refused.value) and f"docker login {registry.host}" in str(refused.value)
    (tmp_path / "docker").mkdir()
    config: dict[str, Any] = {"auths": {registry.host: {"auth": pair}}}
    if stored == "helper":
        config = {"credHelpers": {registry.host: "fake"}}
        helper = tmp_path / "docker-credential-fake"
        helper.write_text(
            '#!/bin/sh\nread host\necho "{\\"Username\\": \\"me\\", \\"Secret\\": \\"secret\\"}"\n'
        )
        helper.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    path = tmp_path / "docker" / "config.json"
    if stored == "podman":
        path.write_text("not JSON")
        path = tmp_path / "auth.json"
        monkeypatch.setenv("REGISTRY_AUTH_FILE", str(path))
    path.write_text(json.dumps(config))
    assert manifests.digest_of(image, SETTINGS, "pin") == NEW
    assert "secret" not in str(registry.asked)


def test_an_unknown_tag_and_a_closed_registry_change_nothing(registry: Registry, dockerfile: Path) -> None:
    text = f"FROM {registry.host}/team/python:3.13-slim\n"
    dockerfile.write_text(text)
    with pytest.raises(Failure, match=r"no-digest|cannot read") as unknown:
        run()
    assert "404" in str(unknown.value) and "check the tag" in str(unknown.value)
    closed = "127.0.0.1:9"
    dockerfile.write_text(f"FROM {closed}/python:3\n")
    with pytest.raises(Failure) as refused:
        run()
    assert "Connection refused" in str(refused.value) and "HTTPS_PROXY" in str(refused.value)
    assert dockerfile.read_text() == f"FROM {closed}/python:3\n"


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("python:3.12-slim", ("registry-1.docker.io", "library/python", "3.12-slim", "")),
        ("vllm/vllm-openai", ("registry-1.docker.io", "vllm/vllm-openai", "latest", "")),
        ("docker.io/library/python:3", ("registry-1.docker.io", "library/python", "3", "")),
        ("localhost/a:1", ("localhost", "a", "1", "")),
        (
            f"nvcr.io/nvidia/tritonserver:26.07-py3@{OLD}",
            ("nvcr.io", "nvidia/tritonserver", "26.07-py3", OLD),
        ),
    ],
)
def test_references(image: str, expected: tuple[str, ...]) -> None:
    found = manifests.parsed(image)
    assert (found.host, found.path, found.tag, found.digest) == expected


def test_a_login_is_not_sent_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = manifests._Registry("registry.example.com", 1.0)
    with pytest.raises(ValueError, match="over http, not https"):
        registry._authorization('Bearer realm="http://auth.example.com/token",service="a"')


def test_do_doctor_shows_whether_the_base_image_is_pinned(dockerfile: Path) -> None:
    dockerfile.write_text(f"FROM a:1\nFROM b:2@{OLD}\n")
    first, second = pin.findings()
    assert "by a tag" in first.seen and "do/pin" in first.next
    assert f"b:2, pinned to {OLD}" in second.seen and not second.next
