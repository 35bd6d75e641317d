"""do/run: the address of the server, and the errors for addresses that are not available."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Render
from tests.fakes.engine_stub import noting_docker
from tests.servers import free_port

PREDICTIVE = {"framework": "sklearn"}
LANGUAGE_MODEL = {"deployment_config": "transformers-vllm", "offline": True}
TRITON = {"deployment_config": "triton-fil"}


@pytest.fixture
def docker(tmp_path: Path) -> Path:
    """Return the folder of a docker that has every image and records its calls in docker.txt."""
    return noting_docker(tmp_path)


def run(project: Path, tools: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "do/run", *options]
    environment = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}"}
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=60)


@pytest.fixture(params=["127.0.0.1", "0.0.0.0"])
def busy(request: pytest.FixtureRequest) -> Iterator[int]:
    """Return a port on which another process listens, only locally or on all interfaces."""
    with socket.create_server((request.param, 0)) as server:
        yield int(server.getsockname()[1])


@pytest.mark.parametrize(
    ("answers", "options"),
    [
        (PREDICTIVE, ["--local"]),
        (PREDICTIVE, []),
        (LANGUAGE_MODEL, ["--dry", "--local"]),
        (LANGUAGE_MODEL, ["--dry"]),
        (TRITON, []),
    ],
)
def test_a_busy_port_is_refused_before_anything_starts(
    render: Render, docker: Path, tmp_path: Path, busy: int, answers: dict[str, object], options: list[str]
) -> None:
    project = render("busy", **answers)
    ended = run(project, docker, *options, "--port", str(busy))
    assert (ended.returncode, ended.stdout) == (3, "")
    first, seen, following = ended.stderr.splitlines()
    assert first == f"failed (port-in-use): port {busy} is already in use"
    assert f"another process listens on 127.0.0.1:{busy}" in seen and "--port" in following
    assert not (tmp_path / "docker.txt").exists() and not (project / ".venv-model").exists()


def test_a_container_is_published_to_this_machine_unless_a_host_is_named(
    render: Render, docker: Path, tmp_path: Path
) -> None:
    project, port = render(**PREDICTIVE), free_port()
    for options, host in (([], "127.0.0.1"), (["--host", "0.0.0.0"], "0.0.0.0")):
        assert run(project, docker, "--port", str(port), *options).returncode == 0
        called = (tmp_path / "docker.txt").read_text().splitlines()[-1]
        assert f"--publish {host}:{port}:8080 " in called


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--host", "example.com"], 2, "is not an IPv4 address, such as 127.0.0.1"),
        (["--port", "0"], 2, "is not a port from 1 to 65535"),
        (["--port", "65536"], 2, "is not a port from 1 to 65535"),
        (["--port", "http"], 2, "is not a port from 1 to 65535"),
        (["--host", "192.0.2.1"], 2, "failed (cannot-listen): cannot listen on 192.0.2.1:"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused(
    render: Render, docker: Path, tmp_path: Path, options: list[str], code: int, words: str
) -> None:
    options = ["--local", "--port", str(free_port()), *options]
    ended = run(render(**PREDICTIVE), docker, *options)
    assert ended.returncode == code and words in ended.stderr and "Traceback" not in ended.stderr
    assert not (tmp_path / "docker.txt").exists()


@pytest.mark.parametrize(
    ("variables", "host"), [({}, "0.0.0.0"), ({"SERVING_HOST": "127.0.0.1"}, "127.0.0.1")]
)
def test_a_server_without_nginx_listens_there_too(
    render: Render, tmp_path: Path, variables: dict[str, str], host: str
) -> None:
    (tmp_path / "gunicorn.py").write_text("import os; print(os.environ['SERVING_BIND'])")
    script = (
        "import runpy, sys; sys.path.insert(0, {0!r}); sys.argv[1:] = ['serve'];"
        "from runtime import nginx; nginx.find = lambda: None;"
        "runpy.run_path({0!r} + '/serve', run_name='__main__')"
    ).format(str(render(**PREDICTIVE) / "serving"))
    environment = os.environ | {"SAGEMAKER_BIND_TO_PORT": "8099", "SERVING_USER": "root", **variables}
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert f"{host}:8099" in ended.stdout.splitlines(), ended.stderr
