"""The rendered Dockerfiles of Triton projects, built by do/build on fake base images.

The image of the Python backend has a real tritonserver and runs. The others have no backend.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from extensions.mcc.catalog import catalog
from tests.conftest import REPOSITORY, TRITON_LANGUAGE_MODELS, TRITON_MODELS
from tests.servers import CONTRACT
from tests.serving.triton_projects import rendered, trained

FAKES = REPOSITORY / "tests" / "fakes"
IMAGES = [catalog.default_image(config, model_format) for config, model_format in TRITON_MODELS]
TAGS = sorted({*IMAGES, *map(catalog.default_image, TRITON_LANGUAGE_MODELS)})
Engine = dict[str, str]


def run(engine: Engine, *words: str | Path, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(list(map(str, words)), cwd=cwd, env=engine, capture_output=True, text=True)


@pytest.fixture(scope="module")
def triton(engine: Engine) -> Engine:
    """Return a container engine with fakes under the tags of the Triton images."""
    if run(engine, "docker", "image", "inspect", *TAGS).returncode:
        tags = [word for tag in TAGS for word in ("--tag", tag)]
        file = FAKES / "tritonserver.Dockerfile"
        done = run(engine, "docker", "build", *tags, "--file", file, FAKES / "engines")
        assert done.returncode == 0, done.stderr[-3000:]
    return engine


def build(engine: Engine, project: Path) -> str:
    done = run(engine, sys.executable, "do/build", cwd=project)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize("config", [*dict(TRITON_MODELS), *TRITON_LANGUAGE_MODELS])
def test_the_image_holds_what_it_needs_and_no_more(
    triton: Engine, template: Path, tmp_path: Path, config: str
) -> None:
    if config in TRITON_LANGUAGE_MODELS:
        project = rendered(template, tmp_path / "chat", deployment_config=config, offline=True)
        expected = {"model_repository", "nginx.conf", "serving"}
    else:
        project = trained(template, config, dict(reversed(TRITON_MODELS))[config])
        expected = {"abalone-age", "nginx.conf", "serving"}
    image = build(triton, project)
    config_of: dict[str, Any] = json.loads(run(triton, "docker", "image", "inspect", image).stdout)[0][
        "Config"
    ]
    assert config_of["Entrypoint"] == ["/opt/program/serving/serve"]
    assert config_of["Labels"]["com.amazonaws.sagemaker.capabilities.accept-bind-to-port"] == "true"
    assert not [line for line in config_of["Env"] if "TOKEN" in line or "KEY=" in line]
    look = "ls -A /opt/program /opt/ml/model /root/.cache /var/lib/apt/lists 2>/dev/null"
    listed = run(triton, "docker", "run", "--rm", "--entrypoint", "sh", image, "-c", look).stdout.split()
    assert {word for word in listed if not word.endswith(":")} == expected
    stopped = run(triton, "docker", "run", "--rm", image, "train")
    assert stopped.returncode == 2 and "the only argument is 'serve'" in stopped.stderr


def test_the_contract_is_kept_in_the_container(triton: Engine, template: Path) -> None:
    """All checks apply, except for streams: also with a read-only root file system, and without root."""
    project = trained(template, "triton-python", "joblib")
    config = project / "model_repository" / "abalone-age" / "config.pbtxt"
    before = config.read_text()  # its batches are too small for a request that takes a second
    config.write_text(before.replace("max_batch_size: 4096", "max_batch_size: 1000000"))
    try:
        image = build(triton, project)
        command = [*CONTRACT, "--image", image, "--engine", "docker", "--json"]
        done = run(triton, *command, cwd=project)
    finally:
        config.write_text(before)
    assert done.stdout, done.stderr
    checks: list[dict[str, Any]] = json.loads(done.stdout)["checks"]
    assert [c for c in checks if c["result"] != "passed" and c["number"] != 59] == []
    assert done.returncode == 0 and len(checks) == 29, done.stderr


@pytest.mark.parametrize("config", TRITON_LANGUAGE_MODELS)
def test_a_language_model_answers_in_the_container(
    triton: Engine, template: Path, tmp_path: Path, config: str
) -> None:
    data = {"deployment_config": config, "offline": True, "include_tests": True}
    project = rendered(template, tmp_path / "chat", **data)
    image = build(triton, project)
    command = [
        *CONTRACT,
        "--image",
        image,
        "--json",
        "--only",
        "1,5,33,46,47,54,59",
    ]
    done = run(triton, *command, cwd=project)
    assert done.stdout, done.stderr
    checks: list[dict[str, Any]] = json.loads(done.stdout)["checks"]
    assert [check for check in checks if check["result"] != "passed"] == []
