"""Every framework, format and server serves with nginx in front and passes all checks of the contract.

Each project is used like a user would: its commands create the environment, train the sample model,
start the server and check it. The environments are kept under .demo/ between runs.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import copier
import pytest

from tests.conftest import REPOSITORY, TRIED, Render, git, release

ENVIRONMENTS = REPOSITORY / ".demo" / "environments"
CREATE = "from lifecycle.served import local; print(local.model_python())"
COMMANDS = {**os.environ, "PYTHONPATH": "do"}
NEED_A_CONTAINER_OR_STREAM = {53, 54, 55, 59}
ALL_CHECKS = set(range(1, 66))
# They load the server for a minute, and do not depend on the file format or the user.
UNDER_LOAD = {57, 63, 64, 65}
FULLY_CHECKED = {
    ("http-flask", "sklearn", "pkl"),
    ("http-fastapi", "xgboost", "json"),
    ("http-fastapi", "tensorflow", "keras"),
}


@contextmanager
def shared_environment(project: Path, framework: str, server: str) -> Iterator[None]:
    """Share one .venv-model, by hard links, between projects with the same requirements.

    The first of them creates it. Other processes wait, as it costs a minute of processor time.
    """
    pins = zlib.crc32((project / "requirements.txt").read_bytes())
    kept, own = ENVIRONMENTS / f"{framework}-{server}-{pins:08x}", project / ".venv-model"
    ENVIRONMENTS.mkdir(parents=True, exist_ok=True)
    with (ENVIRONMENTS / f"{kept.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            half = ENVIRONMENTS / f"{kept.name}.half"
            shutil.rmtree(half, ignore_errors=True)  # of a run that was interrupted
            subprocess.run([sys.executable, "-c", CREATE], cwd=project, env=COMMANDS, check=True)
            subprocess.run(["cp", "-al", own, half], check=True)
            half.rename(kept)
        elif not own.exists():
            subprocess.run(["cp", "-al", kept, own], check=True)
    yield


def do(project: Path, verb: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, f"do/{verb}", *arguments], cwd=project, capture_output=True, text=True, timeout=900
    )


def run_among_libraries(
    project: Path, framework: str, server: str, source: str
) -> "subprocess.CompletedProcess[str]":
    """Run Python source in a project, with the libraries of its server."""
    with shared_environment(project, framework, server):
        found = subprocess.run(
            [sys.executable, "-c", CREATE], cwd=project, env=COMMANDS, stdout=subprocess.PIPE, text=True
        )
    command = [found.stdout.strip(), "-c", source]
    return subprocess.run(command, cwd=project, capture_output=True, text=True)


def numbers(checks: set[int]) -> str:
    """Return check numbers in the format of --only."""
    return ",".join(map(str, sorted(checks)))


@pytest.mark.parametrize(
    ("server", "framework", "model_format"),
    [pytest.param(*c, marks=pytest.mark.xdist_group(c[0])) for c in TRIED],  # two at a time
)
def test_the_contract_is_kept(render: Render, server: str, framework: str, model_format: str) -> None:
    assert shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin"), (
        "this lane needs nginx: install it"
    )
    project = render(deployment_config=server, framework=framework, model_format=model_format)
    fully = (server, framework, model_format) in FULLY_CHECKED
    wanted = ALL_CHECKS if fully else ALL_CHECKS - UNDER_LOAD
    with shared_environment(project, framework, server):
        answer = do(project, "test", "--contract", "--local", "--json", "--only", numbers(wanted))
    checks: list[dict[str, Any]] = json.loads(answer.stdout)["result"].get("checks", [])
    missed = [c for c in checks if c["result"] != "passed" and c["number"] not in NEED_A_CONTAINER_OR_STREAM]
    assert missed == []
    assert answer.returncode == 0, answer.stderr
    assert {check["number"] for check in checks} == wanted


def test_the_server_of_an_updated_project_keeps_the_contract(template: Path, tmp_path: Path) -> None:
    source, made = tmp_path / "source", tmp_path / "abalone-age"
    shutil.copytree(template, source)
    options: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}
    git(source, "init")
    release(source, "v1")
    copier.run_copy(str(source), made, **options)
    git(made, "init")
    release(made, "made")
    configuration = source / "includes" / "nginx.conf.jinja"
    text = configuration.read_text()
    configuration.write_text(text.replace("keepalive_timeout 75s", "keepalive_timeout 80s"))
    release(source, "v2")
    copier.run_update(made, overwrite=True, **options)
    assert "keepalive_timeout 80s" in (made / "nginx.conf").read_text()
    with shared_environment(made, "sklearn", "http-fastapi"):
        only = ("--only", numbers(ALL_CHECKS - UNDER_LOAD))
        answer = do(made, "test", "--contract", "--local", "--json", *only)
    assert answer.returncode == 0, answer.stdout + answer.stderr
