"""do/benchmark with fakes of the load generators: true figures, the endpoint, and what goes wrong."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests import load_generators
from tests.conftest import Render
from tests.lifecycle.commands import NAME, Project
from tests.lifecycle.test_language_model_run import do, running
from tests.lifecycle.test_secrets_and_speed import command_line

TOKEN_SECONDS, TOKENS = 0.1, 12
LOAD = ("--output", str(TOKENS), "--input", "8", "--requests", "8", "--json")


def benchmarked(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout)["result"])


@pytest.fixture
def chat_project(render: Render) -> Path:
    """Return a project of a chat model with a fake of AIPerf."""
    project = render("measured", deployment_config="transformers-vllm", offline=True)
    load_generators.install(project)
    return project


def test_the_figures_of_a_stub_with_a_known_speed_are_true(
    chat_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_TOKEN_SECONDS", str(TOKEN_SECONDS))
    with running(chat_project) as port:
        url = f"http://127.0.0.1:{port}"
        body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": TOKENS, "stream": True}
        body |= {"stream_options": {"include_usage": True}}
        request = urllib.request.Request(f"{url}/invocations", json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        started = time.perf_counter()
        with urllib.request.urlopen(request) as response:
            response.read()
        one = time.perf_counter() - started
        found = benchmarked(do(chat_project, "benchmark", "--url", url, "--concurrency", "4", *LOAD))
    (level,) = found["levels"]
    assert level["between_tokens"]["p50"] == pytest.approx(TOKEN_SECONDS * 1000, rel=0.1)
    assert level["requests_s"] == pytest.approx(4 / one, rel=0.1)
    assert level["tokens_s"] == pytest.approx(4 / one * TOKENS, rel=0.1)
    assert (level["requests"], level["errors"]) == (8, 0)
    dollars = found["usd_per_hour"] / 3600 / level["tokens_s"] * 1e6
    assert found["usd_per_hour"] and level["usd_per_million"] == pytest.approx(dollars)
    assert found["ceiling_tokens_s"] > 0
    assert json.loads((chat_project / "benchmark.json").read_text())["levels"] == found["levels"]
    assert "tokens/s at best" in (chat_project / "benchmark.svg").read_text()


def test_what_stops_a_benchmark_leaves_no_figures_and_no_processes(chat_project: Path) -> None:
    none = do(chat_project, "benchmark", "--url", "http://127.0.0.1:9", *LOAD)
    assert none.returncode == 3 and "no-server" in none.stderr
    for text in ("0", "1,x", "2000"):
        assert do(chat_project, "benchmark", "--concurrency", text).returncode == 2
    assert "no-load" in do(chat_project, "benchmark", "--output", "0").stderr
    with running(chat_project) as port:
        command = ["benchmark", "--url", f"http://127.0.0.1:{port}", "--concurrency", "2", *LOAD]
        failed = do(chat_project, *command, GENERATOR_FAULT="crash")
        assert failed.returncode == 1 and "generator-failed" in failed.stderr
        assert "code 3" in failed.stderr and "fake: crash" in failed.stderr
        pid = chat_project / ".do" / "benchmark" / "2" / "pid"
        pid.unlink()
        process = subprocess.Popen(
            [sys.executable, "do/benchmark", *command[1:]],
            cwd=chat_project,
            env={**os.environ, "GENERATOR_FAULT": "hang"},
            stderr=subprocess.PIPE,
            text=True,
        )
        while not (pid.exists() and pid.read_text()):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert "stopped" in process.communicate(timeout=30)[1] and process.returncode == 130
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid.read_text()), 0)
        (chat_project / ".venv-benchmark" / "installed.txt").unlink()
        declined = do(chat_project, *command)
        assert declined.returncode == 2 and "do/benchmark --yes" in declined.stderr
    assert not (chat_project / "benchmark.json").exists()


def test_chats_with_an_endpoint_are_measured_with_a_token(chat: Project) -> None:
    chat.succeed("deploy")
    load_generators.install(chat.path)
    argv, command = set[str](), chat.command("benchmark", "--remote", "--concurrency", "1,2", *LOAD)
    process = subprocess.Popen(
        command, env=chat.variables({}), stdout=-1, stderr=-1, text=True, cwd=chat.path
    )
    while process.poll() is None:
        argv.add(command_line(process.pid))
        time.sleep(0.01)
    out, err = process.communicate()
    assert process.returncode == 0, err
    found = json.loads(out)["result"]
    assert [(level["concurrency"], level["errors"]) for level in found["levels"]] == [(1, 0), (2, 0)]
    assert found["server"] == f"endpoint {NAME}" and found["levels"][0]["usd_per_million"] > 0
    kept = [path.read_text(errors="replace") for path in (chat.path / ".do").rglob("*") if path.is_file()]
    assert [text for text in argv if " aiperf profile " in text], "the load generator was seen"
    assert not [text for text in (*argv, *kept, out, err) if "sagemaker-api-key-" in text]


def test_predictions_of_an_endpoint_are_measured_with_signed_requests(project: Project) -> None:
    project.succeed("deploy")
    load_generators.install(project.path)
    done = project.succeed("benchmark", "--remote", "--seconds", "0.5", "--concurrency", "2")
    assert "requests/s" in done.out and "latency" in done.out and "upper limit" not in done.out
