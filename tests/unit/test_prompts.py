"""The interview at a terminal: a wrong answer is refused at its own question, and can be typed again."""

import re
from pathlib import Path

import pexpect
import pytest
import yaml

from extensions.mcc.interview import answer_formats
from tests.conftest import REPOSITORY
from tests.unit.interviews import given_but, language_model, spawn, stored_in

MODELS = REPOSITORY / "tests" / "data" / "models"
CLEAR = "\x15"  # Ctrl-U: the line is empty again


def test_a_region_is_typed_and_not_another_one_picked(template: Path, tmp_path: Path) -> None:
    child = spawn(template, tmp_path / "made", *given_but("region"))
    child.expect("AWS Region")
    child.send(f"{CLEAR}tokyo\r")
    child.expect(re.escape("Matches: ap-northeast-1 (Asia Pacific (Tokyo))"))
    child.send(f"{CLEAR}eu-\r")
    child.expect(re.escape("Matches: eu-central-1, eu-central-2"))
    child.send(f"{CLEAR}eu-west-3\r")
    child.expect(pexpect.EOF)
    assert stored_in(tmp_path / "made")["region"] == "eu-west-3"


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("", "Example: eu-west-1"),
        ("mars", "Example: eu-west-1"),
        ("EU-WEST-1", "Matches: eu-west-1 (Europe (Ireland))"),
        ("us-", "Matches: us-east-1, us-east-2, us-west-1, us-west-2, …"),
        ("eu-west-1", ""),
        ("mars-north-1", ""),
    ],
)
def test_a_part_of_a_region_lists_those_that_match(part: str, said: str) -> None:
    found = answer_formats.region_problem(part)
    assert said in found and bool(found) == bool(said) and len(found) <= 120


def test_regions_that_a_server_suggests_are_listed_first() -> None:
    assert "Matches: us-west-2, us-iso-east-1, us-east-1" in answer_formats.region_problem(
        "us-", ["us-west-2", "us-iso-east-1"]
    )


def test_a_wrong_path_is_refused_at_its_question(template: Path, tmp_path: Path) -> None:
    model = tmp_path / "own.pkl"
    model.write_bytes(b"a model")
    child = spawn(template, tmp_path / "made", *given_but("model_path", "include_sample_model"))
    child.expect("Path of your model")
    child.send("/nowhere/model.pkl\r")
    child.expect("there is no file")
    child.send(f"{CLEAR}{__file__}\r")
    child.expect("does not end in .pkl")
    child.send(f"{CLEAR}{model}\r")
    child.expect(pexpect.EOF)
    assert stored_in(tmp_path / "made")["model_path"] == str(model)


def test_what_the_file_of_a_model_states_is_not_asked(template: Path, tmp_path: Path) -> None:
    decided = ("framework", "model_format", "framework_version")
    child = spawn(template, tmp_path / "made", *given_but("model_path", "include_sample_model", *decided))
    child.expect("Path of your model")
    child.send(f"{MODELS.parent / 'inspected' / 'lightgbm.txt'}\r")
    child.expect(re.escape("Choose deployment_config=triton-fil"))
    child.send(f"{CLEAR}{MODELS / 'xgboost-3.4.1.ubj'}\r")
    child.expect(pexpect.EOF)
    assert "Which" not in child.before and "XGBoost UBJSON 3.4.1" in child.before
    stored = stored_in(tmp_path / "made")
    assert [stored[name] for name in decided] == ["xgboost", "ubj", "3.4.1"]


@pytest.mark.parametrize("wrong", ["", "0", "many", "9999"])
def test_a_wrong_size_is_refused_at_its_question(template: Path, tmp_path: Path, wrong: str) -> None:
    child = spawn(template, tmp_path / "made", *language_model("model_parameters"))
    child.expect("The size of this model is unknown")
    child.send(f"{CLEAR}{wrong}\r")
    child.expect(r"is not a number of billions")
    child.send(f"{CLEAR}8\r")
    child.expect(pexpect.EOF)
    assert stored_in(tmp_path / "made")["model_parameters"] == "8"


@pytest.mark.parametrize("how", ["-d", "environment", "file", "s3"])
def test_no_token_is_asked_for_when_the_hub_is_not_asked(template: Path, tmp_path: Path, how: str) -> None:
    (tmp_path / "team.yml").write_text("offline: true\n")
    named = {"model_name": "s3://bucket/model/"} if how == "s3" else {}
    arguments = language_model("hf_token", *(["offline"] if how != "-d" else []), **named)
    outside = {"environment": {"MCC_OFFLINE": "1"}, "file": {"MCC_CONFIG": str(tmp_path / "team.yml")}}
    child = spawn(template, tmp_path / "made", *arguments, **outside.get(how, {}))
    child.expect(pexpect.EOF)
    assert "Hugging Face token" not in child.before, child.before
    assert yaml.safe_load((tmp_path / "made" / ".copier-answers.yml").read_text())["project_name"] == "chat"
