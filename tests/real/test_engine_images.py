"""The Dockerfiles of language models, built by a real container engine on fake base images.

A fake is python:3.12-slim under the tag of the real image, with the stub of the project. The tests do not
prove that the real image has the programs that the Dockerfile uses (apt, pip, useradd, the user djl).
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import copier
import pytest

from extensions.mcc.catalog import catalog
from tests.real.test_image import docker, ping
from tests.servers import CONTRACT, free_port
from tests.serving import llm
from tests.serving.test_language_model_contract import EXPECTED

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:hf-token-a1b2c3"
TOKEN = "hf_CanaryOfTheImages"
FAKE = """\
FROM python:3.12-slim
COPY . /opt/engine/
RUN useradd --create-home djl
ENV PATH=/opt/engine:$PATH
"""
Build = Callable[[str], tuple[Path, str]]
each_server = pytest.mark.parametrize("config", llm.SERVERS)


@pytest.fixture(scope="module")
def build(engine: dict[str, str], template: Path, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Return a function that renders a project and builds its image on a fake, once each."""

    @cache
    def build_image(config: str) -> tuple[Path, str]:
        project = tmp_path_factory.mktemp("engines") / config
        data: dict[str, Any] = {"deployment_config": config, "offline": True, "include_tests": True}
        if config == "transformers-vllm":
            data["hf_token_secret_arn"] = ARN
        copier.run_copy(str(template), project, data=data, defaults=True, unsafe=True, quiet=True)
        base = catalog.servers()[config].default_image.image
        command = ["docker", "build", "--quiet", "--tag", base, "--file", "-", str(project / "do" / "stub")]
        made = subprocess.run(
            command, input=FAKE, env={**engine, "DOCKER_BUILDKIT": "0"}, capture_output=True, text=True
        )
        assert made.returncode == 0, made.stderr
        answer = subprocess.run(
            [sys.executable, "do/build"],
            cwd=project,
            env={**engine, "HF_TOKEN": TOKEN},
            capture_output=True,
            text=True,
        )
        assert answer.returncode == 0, answer.stderr[-3000:]
        return project, answer.stdout.strip().splitlines()[-1]

    return build_image


@each_server
def test_the_image_starts_as_sagemaker_starts_it(engine: dict[str, str], build: Build, config: str) -> None:
    _, image = build(config)
    inspected = json.loads(docker(engine, "image", "inspect", image).stdout)[0]["Config"]
    assert inspected["Entrypoint"] == ["/opt/program/serve"] and inspected["Cmd"] == ["serve"]
    assert inspected["Labels"]["com.amazonaws.sagemaker.capabilities.accept-bind-to-port"] == "true"
    token = ["--env", f"HF_TOKEN={TOKEN}"] if config == "transformers-vllm" else []
    assert ping(engine, *token, image) == "200"


@each_server
def test_the_contract_is_kept_in_the_container(engine: dict[str, str], build: Build, config: str) -> None:
    project, image = build(config)
    command = [*CONTRACT, "--image", image, "--engine", "docker", "--json"]
    environment = {**engine, "HF_TOKEN": TOKEN}
    answer = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert answer.stdout, answer.stderr
    checks: list[dict[str, Any]] = json.loads(answer.stdout)["checks"]
    missed = [check for check in checks if check["result"] != "passed"]
    assert {check["number"] for check in missed} <= ({59} if config == "transformers-djl" else set()), missed
    assert {check["number"] for check in checks} == EXPECTED


@each_server
def test_no_secret_is_in_the_image(engine: dict[str, str], build: Build, config: str) -> None:
    _, image = build(config)
    history = docker(engine, "history", "--no-trunc", "--format", "{{.CreatedBy}}", image).stdout
    inspected = docker(engine, "image", "inspect", image).stdout
    found = docker(engine, "run", "--rm", "--entrypoint", "grep", image, "-rl", TOKEN, "/opt", "/etc", "/tmp")
    assert TOKEN not in history + inspected and not found.stdout
    assert not [line for line in json.loads(inspected)[0]["Config"]["Env"] if "TOKEN" in line.upper()]


def test_what_reads_the_token_is_apart_from_the_engine(engine: dict[str, str], build: Build) -> None:
    _, image = build("transformers-vllm")
    look = "ls /opt/program/packages | head -3; python3 -c 'import boto3' 2>&1 | tail -1"
    seen = docker(engine, "run", "--rm", "--entrypoint", "sh", image, "-c", look).stdout
    assert "boto3" in seen and "No module named 'boto3'" in seen


def test_an_image_with_no_gpu_says_so(engine: dict[str, str], build: Build) -> None:
    _, image = build("transformers-sglang")
    done = docker(engine, "run", "--rm", "--env", "STUB_GPUS=", image, "serve")
    assert done.returncode == 1 and "no GPU is visible" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_engine_runs_as_another_user(engine: dict[str, str], build: Build) -> None:
    for config in ("transformers-sglang", "transformers-lmi"):
        _, image = build(config)
        started = docker(engine, "run", "--detach", image, "serve").stdout.strip()
        try:
            seen = ""
            while "stub: called" not in seen:
                seen = docker(engine, "logs", started).stdout
            uid = json.loads(seen.split("stub: called as ")[1].splitlines()[0])["uid"]
            assert uid != 0
        finally:
            docker(engine, "rm", "-f", started)


def test_do_run_dry_in_a_container(engine: dict[str, str], build: Build) -> None:
    project, image = build("transformers-tensorrt-llm")
    port = free_port()
    command = [sys.executable, "do/run", "--dry", "--engine", "docker", "--port", str(port)]
    process = subprocess.Popen(
        command, cwd=project, env=engine, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        deadline = 60
        url = f"http://127.0.0.1:{port}"
        test = [sys.executable, "do/test", "--url", url, "--stream", "--max-tokens", "8"]
        while (
            done := subprocess.run(test, cwd=project, env=engine, capture_output=True, text=True)
        ).returncode:
            deadline -= 1
            assert deadline and process.poll() is None, done.stderr
        assert "first token after" in done.stdout
    finally:
        process.terminate()
        process.communicate(timeout=40)
    assert not docker(engine, "ps", "--quiet", "--filter", f"ancestor={image}").stdout
    assert os.environ.get("HF_TOKEN") != TOKEN
