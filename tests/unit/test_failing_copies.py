"""Copies that fail: a Hub that does not answer, and runs that cannot be."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml

from tests.conftest import Render
from tests.fakes.hub import INFO, Answer, Hub, Model
from tests.unit.test_facts import LLAMA
from tests.unit.test_inputs import KNOWN, LANGUAGE_MODEL

LOOP = Answer(302, headers={"Location": f"/api/models/{KNOWN}/revision/main?blobs=true"})
FAULTS = {
    "unknown": (Answer(404), "no such model"),
    "unauthorized": (Answer(401), "wants a token"),
    "gated": (Answer(403, headers={"X-Error-Code": "GatedRepo"}), "gated"),
    "rate limit": (Answer(429, headers={"Retry-After": "30"}), "Try again in 30 s"),
    "server error": (Answer(500), "the server failed"),
    "malformed": (Answer(200, b"{"), "not JSON"),
    "html": (Answer(200, b"<html>"), "not JSON"),
    "list": (Answer(200, b"[]"), "not a JSON object"),
    "truncated": (Answer(200, b'{"sha": "0"}', how="truncated"), "cannot be used"),
    "redirect loop": (LOOP, "cannot be used"),
    "huge": (Answer(how="endless"), "over 10 MB"),
    "hanging": (Answer(how="hang"), "no complete answer in time"),
    "byte by byte": (Answer(200, b" " * 1000, how="drip body"), "no complete answer in time"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_hub_costs_a_line_and_no_project(
    template: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    fault: str,
) -> None:
    answer, words = FAULTS[fault]
    project = tmp_path / "chat"
    data = {"deployment_config": "transformers-vllm", "model_name": KNOWN}
    options: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True}
    with Hub({KNOWN: Model(files={"config.json": LLAMA})}) as hub:
        hub.faults[INFO] = answer
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        start = time.monotonic()
        copier.run_copy(str(template), project, data=data, **options)
        seconds = time.monotonic() - start
    told = capfd.readouterr().err.splitlines()
    assert len(told) == 1 and words in told[0] and len(told[0]) < 400, told
    assert seconds < 15  # 5 s for the Hub, and the copy itself on a busy machine
    stored = yaml.safe_load((project / ".copier-answers.yml").read_text())
    assert stored["model_facts"]["source"].startswith("catalog") and not stored["model_facts"]["commit"]


def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run copier without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "copier", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--trust"], 1, "Use `--defaults`"),
        (["--defaults"], 4, "--trust"),
        (["--trust", "--defaults", "-d", "offline=maybe"], 1, "offline: 'maybe'"),
        (["--trust", "--defaults", "--data-file", "missing.yml"], 2, "missing.yml"),
        (["--trust", "--defaults", "--data-file", "/"], 2, "data-file"),
    ],
)
def test_a_run_that_cannot_be_fails_plainly(
    template: Path, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    done = run("copy", *arguments, template, tmp_path / "project")
    assert done.returncode == code and words in done.stdout + done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) <= 2
    assert not (tmp_path / "project").exists()


def test_a_data_file_is_held_to_the_same_rules(template: Path, tmp_path: Path) -> None:
    file, project = tmp_path / "answers.yml", tmp_path / "project"
    copy: list[str | Path] = ["copy", "--trust", "--defaults", "--skip-tasks", "--quiet", "--data-file", file]
    file.write_text(json.dumps({"frmaework": "xgboost"}))
    done = run(*copy, template, project)
    assert done.returncode == 1 and done.stderr.splitlines() == [
        "'frmaework' is not a question of this template. Did you mean framework?"
    ]
    file.write_text("framework: sklearn\nproject_name: from-file\ninclude_tests: no\n")
    assert run(*copy, "-d", "framework=xgboost", template, project).returncode == 0
    stored = yaml.safe_load((project / ".copier-answers.yml").read_text())
    assert (stored["framework"], stored["project_name"]) == ("xgboost", "from-file")
    assert stored["include_tests"] is False


def test_the_size_of_a_model_may_be_a_number_in_a_file(render: Render) -> None:
    project = render(**LANGUAGE_MODEL, model_name="nobody/knows-this", model_parameters=7.6)
    stored = yaml.safe_load((project / ".copier-answers.yml").read_text())
    assert stored["model_parameters"] == "7.6"
