"""Where defaults come from, and which one wins."""

import json
import sys
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml
from copier.errors import UserMessageError

from extensions.mcc.catalog import catalog
from extensions.mcc.errors.errors import InvalidAnswer
from extensions.mcc.interview import offers, questions
from extensions.mcc.sources import settings
from tests.conftest import REPOSITORY

OPTIONS: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}
ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:hf-token-a1b2c3"


@pytest.fixture
def copied(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that copies with a config file, variables and -d, and returns the stored answers."""

    def run(config: Any = None, environ: dict[str, str] | None = None, **data: Any) -> dict[str, Any]:
        if config is not None:
            file = tmp_path / "team.yml"
            file.write_text(config if isinstance(config, str) else json.dumps(config))
            monkeypatch.setenv("MCC_CONFIG", str(file))
        for name, value in (environ or {}).items():
            monkeypatch.setenv(name, value)
        copier.run_copy(str(template), tmp_path / "made", data=data, **OPTIONS)
        stored: dict[str, Any] = yaml.safe_load((tmp_path / "made" / ".copier-answers.yml").read_text())
        return stored

    return run


def test_a_default_gives_way_to_the_file(copied: Any) -> None:
    stored = copied({"region": "eu-west-1", "framework": "xgboost", "include_tests": False})
    assert (stored["region"], stored["framework"], stored["include_tests"]) == ("eu-west-1", "xgboost", False)


def test_the_file_gives_way_to_the_environment(copied: Any) -> None:
    stored = copied({"region": "eu-west-1"}, {"MCC_REGION": "eu-central-1"})
    assert stored["region"] == "eu-central-1"


def test_the_environment_gives_way_to_what_is_given(copied: Any) -> None:
    assert copied(None, {"MCC_REGION": "eu-central-1"}, region="us-west-2")["region"] == "us-west-2"


BAD: list[tuple[Any, dict[str, str], str]] = [
    ({"regoin": "eu-west-1"}, {}, "'regoin' is not a question of this template. Did you mean region?"),
    ({"modelNaem": "x"}, {}, "Did you mean modelName?"),
    (
        {},
        {"MCC_FRAMEWROK": "sklearn"},
        "MCC_FRAMEWROK is not a setting of this template. Did you mean MCC_FR",
    ),
    (None, {"MCC_POLL_SECONDS": "5"}, "A setting of the do/ commands is called MCC_DO_POLL_SECONDS"),
    ({"framework": "pytorch"}, {}, "'pytorch' is not available"),
    (None, {"MCC_FRAMEWORK": "pytorch"}, "(framework is from MCC_FRAMEWORK)"),
    (None, {"MCC_INCLUDE_TESTS": "perhaps"}, "not true or false"),
    ({"hf_token": "hf_literal"}, {}, "a secret does not belong in a file. Write $HF_TOKEN"),
    ({"hfToken": "hf_literal"}, {}, "a secret does not belong in a file"),
    ({"hf_token": "$NOT_SET_ANYWHERE"}, {}, "$NOT_SET_ANYWHERE is not set"),
    ({"mcpServers": ["x"]}, {}, "mcpServers"),
    ("[1, 2]", {}, "is a list, not keys with values"),
    ("", {}, "is empty"),
    ("a: [", {}, "is neither YAML nor JSON"),
    ("x" * 2_000_000, {}, "is over 1000 kB"),
    (None, {"MCC_CONFIG": "/nowhere/team.yml"}, "cannot be read"),
    (None, {"MCC_CONFIG": "/"}, "cannot be read"),
]


@pytest.mark.parametrize(("config", "environ", "said"), BAD)
def test_a_setting_that_cannot_be_used_is_refused(
    copied: Any, tmp_path: Path, config: Any, environ: dict[str, str], said: str
) -> None:
    with pytest.raises(UserMessageError) as refused:
        copied(config, environ)
    assert said in str(refused.value) and str(refused.value).count("\n") <= 1
    assert "hf_literal" not in str(refused.value)
    assert not (tmp_path / "made").exists()


def test_settings_of_the_other_kind_of_model_are_left_out(copied: Any) -> None:
    stored = copied({"framework": "xgboost", "model_name": "Qwen/Qwen3-8B"}, None)
    assert stored["framework"] == "xgboost" and "model_name" not in stored


def test_a_secret_may_be_a_reference(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "team.yml"
    file.write_text("hf_token: $TEAM_TOKEN\n")
    environ = {"MCC_CONFIG": str(file), "TEAM_TOKEN": "hf_known"}
    assert settings.read(questions.QUESTIONS, environ).values["hf_token"] == "hf_known"
    assert settings.dereferenced("hf_token", "$TEAM_TOKEN", environ) == "hf_known"
    with pytest.raises(InvalidAnswer, match="TEAM_TOKEN"):
        settings.dereferenced("hf_token", "$TEAM_TOKEN", {})


@pytest.mark.parametrize("key", sorted(catalog.predecessor()))
def test_every_key_of_the_predecessor_is_taken_or_named(tmp_path: Path, key: str) -> None:
    file = tmp_path / "old.json"
    value = "$HOME" if key == "hfToken" else ARN if key == "hfTokenArn" else "sklearn"
    file.write_text(json.dumps({key: value}))
    found = settings.read(questions.QUESTIONS, {"MCC_CONFIG": str(file), "HOME": "/root"})
    question = catalog.predecessor()[key].question
    assert (question in found.values) == (question is not None)
    assert (key in " ".join(found.notes)) == (question is None)


def test_the_predecessors_file_makes_the_project_it_made(copied: Any) -> None:
    old = {
        "framework": "xgboost",
        "modelServer": "flask",
        "modelFormat": "ubj",
        "instanceType": "ml.m5.xlarge",
        "awsRegion": "eu-west-1",
        "projectName": "churn",
        "deploymentTarget": "realtime-inference",
        "includeTesting": False,
    }
    stored = copied(old)
    expected = {
        "framework": "xgboost",
        "deployment_config": "http-flask",
        "model_format": "ubj",
        "instance_type": "ml.m5.xlarge",
        "region": "eu-west-1",
        "project_name": "churn",
        "deployment_target": "managed-inference",
        "include_tests": False,
    }
    assert {name: stored[name] for name in expected} == expected


def server(**result: Any) -> dict[str, Any]:
    """Return an entry of mcpServers for a fake that answers with this."""
    script = REPOSITORY / "tests" / "fakes" / "mcp_faults.py"
    return {
        "command": sys.executable,
        "args": [str(script), "result", json.dumps({"structuredContent": result, "content": []})],
    }


def test_a_server_gives_way_to_the_file_and_a_default_to_the_server(copied: Any) -> None:
    told = server(values={"region": "eu-west-1", "framework": "xgboost"})
    stored = copied({"region": "eu-central-1", "mcpServers": {"team": told}})
    assert (stored["region"], stored["framework"]) == ("eu-central-1", "xgboost")


def test_what_a_server_gives_wrongly_costs_a_line(copied: Any, capsys: pytest.CaptureFixture[str]) -> None:
    told = server(values={"region": "mars", "framework": "xgboost", "serving_profile": "fast"})
    stored = copied({"mcpServers": {"team": told, "gone": {"command": "no-such-command"}}})
    assert (stored["region"], stored["framework"]) == ("us-east-1", "xgboost")
    said = capsys.readouterr().err
    assert "MCP server team: region: 'mars' is not the name of an AWS Region" in said
    assert "MCP server team: serving_profile: 'fast' is not available" in said
    assert "MCP server gone:" in said and len(said.splitlines()) == 3


def test_no_server_is_started_offline(copied: Any, tmp_path: Path) -> None:
    started = tmp_path / "started"
    told = {**server(values={"region": "eu-west-1"}), "env": {"PIDS": str(started)}}
    config = {"mcpServers": {"team": told}}
    assert copied(config, offline=True)["region"] == "us-east-1"
    assert not started.exists()


def test_what_a_server_suggests_is_offered_first() -> None:
    offered = {"a (1)": "a", "b (2)": "b", "c (3)": {"value": "c", "validator": "no"}}
    assert list(offers.suggested_first(offered, ["b", "z"])) == ["b (2)", "a (1)", "c (3)"]
    assert list(offers.suggested_first(offered, [])) == list(offered)


def test_the_predecessors_example_makes_an_sglang_project(copied: Any, tmp_path: Path) -> None:
    old = {
        "framework": "transformers",
        "modelName": "mistralai/Mistral-7B-Instruct-v0.2",
        "modelServer": "sglang",
    }
    stored = copied(old, {"MCC_OFFLINE": "1"})
    assert stored["deployment_config"] == "transformers-sglang"
    assert stored["model_name"] == "mistralai/Mistral-7B-Instruct-v0.2"
    assert "lmsysorg/sglang" in (tmp_path / "made" / "Dockerfile").read_text()


def test_the_docs_list_every_key_of_the_predecessor() -> None:
    text = (REPOSITORY / "docs" / "how-to" / "configuration.md").read_text()
    for name, key in catalog.predecessor().items():
        shown = f"`{key.question}`" if key.question else "not in this version"
        flag = f"`{key.flag}`" if key.flag else ""
        assert f"| `{name}` | {flag} | {shown} |" in text


def test_the_questions_of_the_predecessor_are_ours() -> None:
    assert {key.question for key in catalog.predecessor().values()} - {None} <= set(questions.QUESTIONS)
    assert (REPOSITORY / "catalog" / "predecessor.yml").exists()
