"""A copy prints a summary that fits a screen, and commands that can be run as they are."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import git

KINDS = {
    "predictive": ("http-fastapi", "do/run --local", "localhost:8080/invocations"),
    "language model": ("transformers-vllm", "do/run --dry", '{"messages": '),
    "Triton": ("triton-fil", "do/build && do/run", "curl localhost:8080/ping"),
    "language model in Triton": ("triton-vllm", "do/build && do/run", '{"text_input": '),
}


def copied(template: Path, folder: Path, *words: str) -> list[str]:
    """Return the lines that a copy to `folder`/made prints."""
    answers = [word for answer in words for word in ("-d", answer)]
    command = [sys.executable, "-m", "copier", "copy", "--trust", "--defaults", "--skip-tasks", *answers]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MCC_")}
    done = subprocess.run(
        [*command, str(template), "made"], cwd=folder, env=plain, capture_output=True, text=True, check=True
    )
    return (done.stdout + done.stderr).rstrip().splitlines()


@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_prints_a_screen(template: Path, tmp_path: Path, kind: str) -> None:
    config, start, request = KINDS[kind]
    lines = copied(template, tmp_path, f"deployment_config={config}", "offline=true")
    text = "\n".join(lines)
    assert len(lines) <= 15 and max(map(len, lines)) <= 80, text
    assert "/h in us-east-1" in text and "Missing:" in text
    following = text.partition("Next:\n")[2]
    assert following.startswith("  cd made && git init\n") and start in following
    assert request in following.rpartition("Then, in another terminal:\n")[2]


def test_a_project_in_a_repository_needs_no_other(template: Path, tmp_path: Path) -> None:
    git(tmp_path, "init")
    assert "  cd made" in copied(template, tmp_path)


def test_a_model_of_the_user_gets_no_row_of_the_sample(template: Path, tmp_path: Path) -> None:
    (tmp_path / "my model.pkl").write_bytes(b"\x80\x04N.")
    text = "\n".join(copied(template, tmp_path, f"model_path={tmp_path / 'my model.pkl'}"))
    assert "  do/test  " in text and "/invocations" not in text


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_request_is_one_that_curl_can_send(template: Path, tmp_path: Path) -> None:
    """The shell and curl parse it; curl then fails to connect (7), as no server listens."""
    request = copied(template, tmp_path)[-1].strip().replace("localhost:8080", "127.0.0.1:1")
    done = subprocess.run(["sh", "-c", request], capture_output=True, text=True)
    assert done.returncode == 7, done.stderr
