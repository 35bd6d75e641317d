"""The rendered Dockerfile, built by a real container engine: the content of the image, and its server."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.real.conftest import Image
from tests.servers import CONTRACT
from tests.serving.test_contract import ALL_CHECKS, UNDER_LOAD, numbers

WAIT_FOR_PING = """
import time, urllib.request
for _ in range(100):
    try:
        print(urllib.request.urlopen("http://127.0.0.1:8080/ping").status)
        break
    except OSError:
        time.sleep(0.2)
"""
Build = Callable[[str, str], Image]
COMBINATIONS = [("http-flask", "sklearn"), ("http-fastapi", "xgboost")]
if os.environ.get("REAL_ALL"):
    COMBINATIONS.append(("http-fastapi", "tensorflow"))
both = pytest.mark.parametrize(("server", "framework"), COMBINATIONS)


def docker(engine: dict[str, str], *arguments: str, timeout: int = 120) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["docker", *arguments], env=engine, capture_output=True, text=True, timeout=timeout)


def ping(engine: dict[str, str], *options_and_image: str) -> str:
    """Return the status of /ping in a new container, or the log of the container."""
    started = docker(engine, "run", "--detach", *options_and_image, "serve")
    assert started.returncode == 0, started.stderr
    container = started.stdout.strip()
    try:
        answer = docker(engine, "exec", container, "python", "-c", WAIT_FOR_PING)
        return answer.stdout.strip() or answer.stderr + docker(engine, "logs", container).stderr
    finally:
        docker(engine, "rm", "-f", container)


@both
def test_the_image_holds_what_it_needs_and_no_more(
    engine: dict[str, str], build: Build, server: str, framework: str
) -> None:
    project, image = build(server, framework)
    inspected: list[dict[str, Any]] = json.loads(docker(engine, "image", "inspect", image).stdout)
    config = inspected[0]["Config"]
    assert config["Entrypoint"] == ["/opt/program/serving/serve"]
    assert config["Labels"]["com.amazonaws.sagemaker.capabilities.accept-bind-to-port"] == "true"
    assert config["Labels"]["org.opencontainers.image.title"] == project.name
    assert not [line for line in config["Env"] if "TOKEN" in line or "KEY=" in line]
    look = (
        "command -v gcc cc g++ make git; find / -xdev -name '*.pyc' -path '*/pip/_internal/*' -path '/opt/*'"
    )
    look += "; ls -A /root/.cache /var/lib/apt/lists /opt/program /opt/ml/model 2>/dev/null"
    seen = docker(engine, "run", "--rm", "--entrypoint", "sh", image, "-c", look).stdout
    model = sorted(path.name for path in (project / "model").iterdir() if path.name != "README.md")
    listed = [line for line in seen.split() if not line.endswith(":")]
    assert listed == [*model, "nginx.conf", "serving"], seen
    print(f"{image}: {inspected[0]['Size'] / 1e6:.0f} MB")


@both
@pytest.mark.parametrize("user", ["serving", "root"])
def test_the_contract_is_kept_in_the_container(
    engine: dict[str, str], build: Build, server: str, framework: str, user: str
) -> None:
    project, image = build(server, framework)
    fully = (server, user) == ("http-flask", "serving")
    wanted = ALL_CHECKS if fully else ALL_CHECKS - UNDER_LOAD
    command = [*CONTRACT, "--image", image, "--engine", "docker", "--json", "--only", numbers(wanted)]
    answer = subprocess.run(
        [*command, "--user", user], cwd=project, env=engine, capture_output=True, text=True
    )
    assert answer.stdout, answer.stderr
    checks: list[dict[str, Any]] = json.loads(answer.stdout)["checks"]
    assert [check for check in checks if check["result"] == "failed"] == []
    assert answer.returncode == 0, answer.stderr
    passed = {check["number"] for check in checks if check["result"] == "passed"}
    assert wanted - passed <= {59}, answer.stdout  # predictions are not streamed


@pytest.mark.parametrize(
    "options",
    [
        pytest.param("--read-only --tmpfs /tmp", id="read-only"),
        pytest.param("--cap-drop ALL --env SERVING_USER=root", id="root without capabilities"),
        pytest.param("--cap-drop ALL --user 1234:1234 --read-only --tmpfs /tmp", id="an unknown user"),
        pytest.param("--cap-drop ALL", id="may not drop privileges"),
    ],
)
def test_few_privileges_suffice(engine: dict[str, str], build: Build, options: str) -> None:
    _, image = build("http-flask", "sklearn")
    assert ping(engine, *options.split(), image) == "200"


def test_a_model_that_the_image_cannot_load_ends_the_build(
    engine: dict[str, str], build: Build, tmp_path: Path
) -> None:
    """The model is intact, and .venv-model was removed: only the image shows what its code lacks."""
    source, _ = build("http-flask", "sklearn")
    project = tmp_path / source.name
    shutil.copytree(source, project, ignore=shutil.ignore_patterns(".venv-model"))
    handler = project / "serving" / "model_handler.py"
    handler.write_text(handler.read_text().replace("import joblib", "import joblib\nimport seaborn"))
    answer = subprocess.run(
        [sys.executable, "do/build"], cwd=project, env=engine, capture_output=True, text=True
    )
    assert answer.returncode == 3, answer.stderr[-2000:]
    assert "the image was built, but it cannot load the model" in answer.stderr
    assert "No module named 'seaborn'" in answer.stderr


def test_the_image_has_the_system_packages_of_a_framework(engine: dict[str, str], build: Build) -> None:
    """The wheel of LightGBM links the OpenMP library of the system, which slim images do not have."""
    _, image = build("http-flask", "lightgbm")
    assert ping(engine, image) == "200"


@pytest.mark.parametrize("buildkit", ["0", "1"])
def test_without_a_model_the_image_says_so_and_serves_a_mounted_one(
    engine: dict[str, str], build: Build, tmp_path: Path, buildkit: str
) -> None:
    source, _ = build("http-flask", "sklearn")
    project, image = tmp_path / "empty", f"empty:{buildkit}"
    shutil.copytree(source, project, ignore=shutil.ignore_patterns(".venv-model"))
    (project / "model" / "model.pkl").unlink()
    answer = subprocess.run(
        ["docker", "build", "--tag", image, "."],
        cwd=project,
        env={**engine, "DOCKER_BUILDKIT": buildkit},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]

    answer = docker(engine, "run", "--rm", image, "serve")
    assert answer.returncode == 3
    said = [line for line in answer.stderr.splitlines() if "no model in /opt/ml/model" in line]
    assert len(said) == 1 and "Traceback" not in answer.stderr, answer.stderr
    assert ping(engine, "--volume", f"{source / 'model'}:/opt/ml/model:ro", image) == "200"
