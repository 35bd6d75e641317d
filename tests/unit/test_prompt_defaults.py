"""Settings from outside as defaults of the prompt, on a terminal."""

import os
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from tests.fakes.hub import Hub, Model
from tests.unit.interviews import given_but, language_model, spawn, stored_in
from tests.unit.test_facts import LLAMA


def test_the_environment_is_the_default_of_the_prompt_and_yields_to_it(
    template: Path, tmp_path: Path
) -> None:
    child = spawn(template, tmp_path / "made", *given_but("project_name"), MCC_PROJECT_NAME="from-outside")
    child.expect("Project name")
    child.expect("from-outside")
    child.send("\x15typed\r")
    child.expect(pexpect.EOF)
    assert "Defaults:" not in child.before
    assert stored_in(tmp_path / "made")["project_name"] == "typed"


def test_a_token_can_be_typed_and_is_not_shown(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    asked = ("hf_token", "offline", "model_parameters", "model_dtype")
    words = language_model(*asked, model_name="team/gated", base_image="vllm/vllm-openai:v0.10.1")
    models, known = {"team/gated": Model(files={"config.json": LLAMA}, gated="manual")}, {"hf_typed"}
    with Hub(models, tokens=known, granted=known) as hub:
        child = spawn(template, tmp_path / "made", *words, HF_ENDPOINT=hub.url)
        child.expect("Hugging Face token")
        child.send("hf_typed\r")
        child.expect(pexpect.EOF)
        assert "hf_typed" not in child.before
        assert {request.authorization for request in hub.requests} == {"Bearer hf_typed"}
    assert stored_in(tmp_path / "made")["model_facts"]["gated"] is True


def test_a_data_file_is_not_asked_for_and_yields_to_d(template: Path, tmp_path: Path) -> None:
    file = tmp_path / "data.yml"
    file.write_text("project_name: of-the-file\nregion: eu-west-1\n")
    arguments = [*given_but("project_name", "region"), "-d", "region=us-west-2", "--data-file", str(file)]
    child = spawn(template, tmp_path / "made", *arguments)
    child.expect(pexpect.EOF)
    assert "Project name" not in child.before
    stored = stored_in(tmp_path / "made")
    assert (stored["project_name"], stored["region"]) == ("of-the-file", "us-west-2")


def test_the_summary_names_the_source_of_a_default_from_outside(template: Path, tmp_path: Path) -> None:
    file = tmp_path / "team.yml"
    file.write_text("serving_profile: latency\nmcpServers: {}\n")
    command = [sys.executable, "-m", "copier", "copy", "--trust", "--defaults", "--skip-tasks"]
    command += ["-d", "framework=xgboost", str(template), str(tmp_path / "made")]
    outside = {"MCC_CONFIG": str(file), "MCC_REGION": "eu-west-1"}
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **outside})
    assert done.returncode == 0, done.stderr
    printed = " ".join(done.stderr.split())
    assert "Defaults: region from MCC_REGION " in printed
    assert f"Defaults: serving_profile from {file} " in printed
    assert "framework" not in printed and "project_name" not in printed
