"""A real image is built, locally and in a fake CodeBuild, pushed to a fake ECR, and checked."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.aws.images import DOCKER_MANIFEST
from tests.fakes.aws.registry_store import HOST
from tests.fakes.aws.server import FakeAws
from tests.lifecycle import stack
from tests.lifecycle.commands import QUICK
from tests.lifecycle.conftest import render

Do = Callable[..., dict[str, Any]]
DOCKERFILE = 'FROM python:3.12-slim\nCOPY serving/ /opt/program/\nENTRYPOINT ["/opt/program/serve"]\n'


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Path:
    """Return a project with a small image, for CodeBuild as well."""
    folder = tmp_path / "abalone-age"
    render(template, folder, build_target="codebuild")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "model" / "model.pkl").write_bytes(b"a model")
    return folder


@pytest.fixture
def do(project: Path, real_aws: FakeAws, engine: dict[str, str], tmp_path: Path) -> Do:
    """Return a function that runs a command of the project and returns its JSON."""
    config = tmp_path / "docker"
    here = {"DOCKER_HOST": engine["DOCKER_HOST"], "DOCKER_CONFIG": str(config), "PATH": engine["PATH"]}

    def run(verb: str, *arguments: str, code: int = 0) -> dict[str, Any]:
        environment = real_aws.environment(**here, **QUICK)
        command = [str(project / "do" / verb), *arguments, "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500)
        assert done.returncode == code, done.stderr
        return {**json.loads(done.stdout), "stderr": done.stderr}

    return run


def test_what_was_built_here_is_in_the_registry(do: Do, real_aws: FakeAws, tmp_path: Path) -> None:
    assert "it has no server in /opt/program/serving" in do("build")["stderr"]
    pushed = do("push")["result"]
    assert pushed["media_type"] == DOCKER_MANIFEST and pushed["platform"] == "linux/amd64"
    assert set(pushed["tags"]) <= set(real_aws.world.images.tags("abalone-age"))
    login = json.loads((tmp_path / "docker" / "config.json").read_text())
    assert HOST not in login.get("auths", {}), "the token is still on the disk"
    again = do("push")["result"]
    assert again == pushed
    checks = {check["id"]: check["severity"] for check in do("doctor", code=3)["result"]["checks"]}
    assert (checks["image"], checks["pushed-image"], checks["role"]) == ("ok", "ok", "error")


def test_a_pinned_base_image_is_built_from(do: Do, project: Path) -> None:
    """The base image is in ECR: its digest comes from there, and the engine pulls the image by it."""
    do("build")
    digest = do("push")["result"]["image"].partition("@")[2]
    base = f"{HOST}/abalone-age:latest"
    (project / "Dockerfile").write_text(f"FROM {base}\nCOPY serving/ /opt/program/more/\n")
    assert do("pin", "--check", code=6)["result"]["images"] == [
        {"image": base, "before": "", "digest": digest}
    ]
    do("pin")
    assert (project / "Dockerfile").read_text().startswith(f"FROM {base}@{digest}\n")
    assert do("pin", "--check")["result"]["images"][0]["before"] == digest
    do("build")


def test_what_codebuild_built_is_in_the_registry(do: Do, real_aws: FakeAws, project: Path) -> None:
    stack.create(real_aws, project)
    built = do("submit")["result"]
    assert built["media_type"] == DOCKER_MANIFEST and built["platform"] == "linux/amd64"
    assert built["tags"][0] in real_aws.world.images.tags("abalone-age")


def test_a_build_that_fails_says_which_phase(do: Do, project: Path, real_aws: FakeAws) -> None:
    stack.create(real_aws, project)
    (project / "Dockerfile").write_text(
        "FROM python:3.12-slim\nRUN echo 'No space left on device' && false\n"
    )
    finding = do("submit", code=4)["findings"][0]
    assert "phase BUILD FAILED" in finding["seen"]
    assert finding["cause"] == "images, layers or downloads fill the disk"


def test_an_image_of_another_builder_is_refused(
    do: Do, project: Path, real_aws: FakeAws, engine: dict[str, str]
) -> None:
    """Push an index, like builders with attestations, in the protocol of the registry."""
    do("build")
    do("push")
    store = real_aws.world.images
    manifest = store.manifest("abalone-age", "latest")
    assert manifest is not None
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {
                "mediaType": manifest.media_type,
                "digest": manifest.digest,
                "size": len(manifest.body),
                "platform": {"architecture": "amd64", "os": "linux"},
            }
        ],
    }
    put(HOST, "abalone-age", "latest", index)
    checks = {check["id"]: check["severity"] for check in do("doctor", code=3)["result"]["checks"]}
    assert checks["image-type"] == "error"


def put(host: str, repository: str, tag: str, manifest: dict[str, Any]) -> None:
    """Push a manifest to the registry."""
    state = Path(os.environ.get("MCC_FAKES_DIR", "/var/tmp/mcc-fakes")) / "registry"
    url, user = f"https://{host}/v2/{repository}/manifests/{tag}", "AWS:123456789012-auth-token"
    command = [
        str(shutil.which("curl")),
        "--silent",
        "--fail",
        "--noproxy",
        "*",
        "--cacert",
        str(state / "tls.crt"),
    ]
    command += [
        "--user",
        user,
        "--header",
        f"Content-Type: {manifest['mediaType']}",
        "--upload-file",
        "-",
        url,
    ]
    subprocess.run(command, input=json.dumps(manifest), text=True, check=True, capture_output=True)
