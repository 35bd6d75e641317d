"""The rendered Dockerfile, built by a real engine: what is in the image, and that it serves."""

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

Build = Callable[[str, str], Image]
COMBINATIONS = [("http-flask", "sklearn"), ("http-fastapi", "xgboost")]
if os.environ.get("MCC_REAL_ALL"):
    COMBINATIONS.append(("http-fastapi", "tensorflow"))
both = pytest.mark.parametrize(("server", "framework"), COMBINATIONS)


def docker(engine: dict[str, str], *arguments: str, timeout: int = 120) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["docker", *arguments], env=engine, capture_output=True, text=True, timeout=timeout
    )


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
    look = "command -v gcc cc g++ make git; find / -xdev -name '*.pyc' -path '*/pip/_internal/*' -path '/opt/*'"
    look += "; ls -A /root/.cache /var/lib/apt/lists /opt/program /opt/ml/model 2>/dev/null"
    seen = docker(engine, "run", "--rm", "--entrypoint", "sh", image, "-c", look).stdout
    model = next(path.name for path in (project / "model").iterdir() if path.name != "README.md")
    listed = [line for line in seen.split() if not line.endswith(":")]
    assert listed == ["nginx.conf", "serving", model], seen
    print(f"{image}: {inspected[0]['Size'] / 1e6:.0f} MB")


@both
@pytest.mark.parametrize("user", ["serving", "root"])
def test_the_contract_is_kept_in_the_container(
    engine: dict[str, str], build: Build, server: str, framework: str, user: str
) -> None:
    project, image = build(server, framework)
    command = [sys.executable, "-m", "tests.contract", "--image", image, "--engine", "docker", "--json"]
    answer = subprocess.run([*command, "--user", user], cwd=project, env=engine, capture_output=True, text=True)
    failed = [c for c in json.loads(answer.stdout)["result"]["checks"] if c["result"] == "failed"]
    assert answer.returncode == 0, failed
    checks = json.loads(answer.stdout)["result"]["checks"]
    missing = {check["number"] for check in checks if check["result"] != "passed"}
    assert missing <= {59}, answer.stdout  # predictions are not streamed


def test_without_any_privilege_and_with_a_read_only_root(engine: dict[str, str], build: Build) -> None:
    _, image = build("http-flask", "sklearn")
    options = ["--detach", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--user", "1234:1234"]
    container = docker(engine, "run", *options, image, "serve").stdout.strip()
    try:
        code = "import time, urllib.request as u\nfor _ in range(100):\n  try: print(u.urlopen('http://127.0.0.1:8080/ping').status); break\n  except OSError: time.sleep(0.2)"
        answer = docker(engine, "exec", container, "python", "-c", code)
        assert answer.stdout.strip() == "200", answer.stderr + docker(engine, "logs", container).stderr
    finally:
        docker(engine, "rm", "-f", container)


def test_without_a_model_the_image_says_so_in_a_line(
    engine: dict[str, str], build: Build, tmp_path: Path
) -> None:
    _, image = build("http-flask", "sklearn")
    tmp_path.chmod(0o755)
    answer = docker(engine, "run", "--rm", "-v", f"{tmp_path}:/opt/ml/model:ro", image, "serve")
    assert answer.returncode == 3
    said = [line for line in answer.stderr.splitlines() if "no model in /opt/ml/model" in line]
    assert len(said) == 1 and "Traceback" not in answer.stderr, answer.stderr


@pytest.mark.parametrize("buildkit", ["0", "1"])
def test_an_empty_model_directory_builds_with_both_builders(
    engine: dict[str, str], build: Build, tmp_path: Path, buildkit: str
) -> None:
    source, _ = build("http-flask", "sklearn")
    project = tmp_path / "empty"
    shutil.copytree(source, project, ignore=shutil.ignore_patterns(".venv-model", "model.*"))
    answer = subprocess.run(
        ["docker", "build", "--tag", f"empty:{buildkit}", "."],
        cwd=project,
        env={**engine, "DOCKER_BUILDKIT": buildkit},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr[-2000:]
    listed = docker(engine, "run", "--rm", "--entrypoint", "ls", f"empty:{buildkit}", "-A", "/opt/ml/model")
    assert listed.stdout == "", listed.stdout
