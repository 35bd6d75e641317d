"""do/run and do/test of language models: with the stub, and their messages without a GPU."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Render
from tests.fakes.engine_stub import noting_docker
from tests.servers import free_port, listening
from tests.serving import llm

TOKEN = "hf_CanaryOfThisTest"


def do(project: Path, verb: str, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, f"do/{verb}", *arguments]
    env = {**llm.variables(project), "PATH": os.environ["PATH"], **environ}
    return subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, timeout=60)


def port() -> list[str]:
    return ["--port", str(free_port())]


@contextmanager
def running(project: Path, *options: str, path: str = os.environ["PATH"]) -> Iterator[int]:
    """Run do/run --dry until /ping answers; yield its port."""
    number = free_port()
    command = [sys.executable, "do/run", "--dry", *(options or ["--local"]), "--port", str(number)]
    env = {**llm.variables(project), "PATH": path}
    process = subprocess.Popen(
        command, cwd=project, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        deadline = time.monotonic() + 120
        while do(project, "test", "--url", f"http://127.0.0.1:{number}", "--max-tokens", "1").returncode:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.2)
        yield number
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode == 0


@pytest.mark.parametrize("config", llm.SERVERS)
def test_the_whole_path_is_tried_with_a_stub(render: Render, config: str) -> None:
    project = render("chat", deployment_config=config, offline=True)
    with running(project) as number:
        assert listening(number) == {"127.0.0.1"}
        url = f"http://127.0.0.1:{number}"
        answered = do(project, "test", "--url", url, "--json")
        result = json.loads(answered.stdout)["result"]
        answers = result["answers"]
        called = {"name": "get_weather", "arguments": {"city": "Paris"}}
        assert result.get("tool_call") == (None if config == "transformers-djl" else called)
        expected = {"transformers-djl": {"inputs"}, "transformers-lmi": {"chat", "inputs"}}
        assert set(answers) == expected.get(config, {"chat", "completion"}) and all(answers.values())
        streamed = do(project, "test", "--url", url, "--stream", "--max-tokens", "20")
        if config == "transformers-djl":
            assert streamed.returncode == 2
        else:
            assert streamed.returncode == 0, streamed.stderr
            assert "first token after" in streamed.stdout and "fixed answer" in streamed.stderr


def test_a_stream_that_is_refused_is_told_with_the_answer(render: Render) -> None:
    project = render("chat", deployment_config="transformers-vllm", offline=True)
    with running(project) as number:
        url = f"http://127.0.0.1:{number}"
        done = do(project, "test", "--url", url, "--stream", "--max-tokens", "-1")
    assert done.returncode == 6 and "no-stream" in done.stderr and "max_tokens" in done.stderr, done.stderr


@pytest.mark.parametrize("engine", ["none", "stopped", "without the image"])
def test_a_dry_run_needs_no_image(render: Render, tmp_path: Path, engine: str) -> None:
    project = render("chat", deployment_config="transformers-vllm", offline=True)
    path = os.environ["PATH"]
    if engine != "none":
        docker = tmp_path / "bin" / "docker"
        docker.parent.mkdir()
        docker.write_text(f'#!/bin/sh\n[ "$1" = info ] && exit {1 if engine == "stopped" else 0}\nexit 1\n')
        docker.chmod(0o755)
        path = f"{docker.parent}:{path}"
    with running(project, "--host", "127.0.0.1", path=path) as number:
        assert do(project, "test", "--url", f"http://127.0.0.1:{number}").returncode == 0


def test_a_dry_run_of_an_engine_that_is_named_needs_its_image(render: Render, tmp_path: Path) -> None:
    project = render("chat", deployment_config="transformers-vllm", offline=True)
    (tmp_path / "docker").write_text('#!/bin/sh\n[ "$1" = info ]\n')
    (tmp_path / "docker").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = do(project, "run", *port(), "--dry", "--engine", "docker", PATH=path)
    assert done.returncode == 3 and "no-image" in done.stderr and "do/build" in done.stderr


def test_a_host_opens_the_server_to_the_network(render: Render) -> None:
    project = render("chat", deployment_config="transformers-vllm", offline=True)
    with running(project, "--local", "--host", "0.0.0.0") as number:
        assert listening(number) == {"0.0.0.0"}


def test_without_a_gpu_it_says_so_and_what_to_do(render: Render, tmp_path: Path) -> None:
    project = render("chat", deployment_config="transformers-vllm", offline=True)
    (tmp_path / "bin").mkdir()
    for name in ("env", "python3"):
        (tmp_path / "bin" / name).symlink_to(sys.executable if name == "python3" else "/usr/bin/env")
    done = do(project, "run", *port(), PATH=str(tmp_path / "bin"))
    assert done.returncode == 3 and "no-gpu" in done.stderr and "do/run --dry" in done.stderr
    done = do(project, "run", *port(), "--local", PATH=str(tmp_path / "bin"))
    assert done.returncode == 2 and "--dry --local" in done.stderr


@pytest.fixture
def docker(tmp_path: Path) -> Path:
    """Return a folder with a docker that records its calls, and with a GPU."""
    tools = noting_docker(tmp_path)
    (tools / "nvidia-smi").write_text("#!/bin/sh\necho 'GPU 0: a fake'\n")
    (tools / "nvidia-smi").chmod(0o755)
    return tools


def test_a_container_gets_gpus_memory_the_cache_and_the_tokens_name(
    render: Render, tmp_path: Path, docker: Path
) -> None:
    project = render("chat", deployment_config="transformers-vllm", offline=True)
    arguments = ["--cache", str(tmp_path / "cache"), "--gpus", "2", "--shm-size", "16g"]
    path = f"{docker}:{os.environ['PATH']}"
    done = do(project, "run", *port(), *arguments, "--engine", "docker", PATH=path, HF_TOKEN=TOKEN)
    assert done.returncode == 0, done.stderr
    called = (tmp_path / "docker.txt").read_text().splitlines()[-1]
    assert "--gpus 2 --shm-size 16g" in called and f"{tmp_path / 'cache'}:/tmp/huggingface" in called
    assert "--env HF_TOKEN " in called and TOKEN not in called + done.stderr + done.stdout
    assert called.endswith("chat:latest serve")
    done = do(project, "run", *port(), "--dry", PATH=path, HF_TOKEN=TOKEN)
    called = (tmp_path / "docker.txt").read_text().splitlines()[-1]
    assert "/opt/stub:ro" in called and "--gpus" not in called and TOKEN not in called
