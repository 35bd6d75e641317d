"""Bad and awkward input from outside: it is refused with nothing on disk, or it arrives byte for byte.

Rejected answers and their messages, invalid combinations, used targets and misspelled questions are in
test_answers.py; the faults of the Hub one by one in test_hub_failures.py; quoting in test_quoting.py.
"""

import importlib
import os
import tomllib
from pathlib import Path
from typing import Any

import copier
import pytest
import yaml
from copier.errors import UserMessageError

from extensions.mcc.interview import answer_formats, questions
from tests.conftest import REPOSITORY, Render

buildkit = importlib.import_module("dockerfile")  # BuildKit's own parser; the package has no types
LANGUAGE_MODEL: dict[str, Any] = {"deployment_config": "transformers-vllm", "offline": True}
HYPERPOD: dict[str, Any] = {"deployment_target": "hyperpod-eks", "hyperpod_cluster": "ml-cluster"}
KNOWN = "meta-llama/Llama-3.1-8B-Instruct"
INJECTIONS = {
    "command": "$(touch pwned)",
    "backticks": "`touch pwned`",
    "semicolon": "; touch pwned",
    "ampersand": "a&touch pwned",
    "pipe": "a|touch pwned",
    "single quote": "a'b",
    "double quote": 'a"b',
    "newline": "x\nRUN touch pwned",
    "carriage return": "x\rRUN touch pwned",
    "line separator": "x\u2028y",
    "jinja": "{{ 7 * 7 }}",
    "jinja block": "{% raw %}",
    "percent": "%s",
    "backslash": "a\\b",
    "nul": "a\0b",
    "long": "x" * 100_000,
    "path": "../../x",
    "variable": "$HOME",
    "space": "a b",
    "comment": "a #b",
    "json": '{"a": 1}',
    "accent": "modèle",
    "surrogate": "a\udcffb",
    "list": ["a"],
    "mapping": {"a": "b"},
    "null": None,
}


# hf_token takes any printable characters, for it is written nowhere: test_secrets.py.
def asking(question: str) -> dict[str, Any]:
    """Return answers with which a question is asked."""
    base: dict[str, Any] = dict(HYPERPOD) if question in questions.HYPERPOD_QUESTIONS else {}
    if question in questions.LANGUAGE_MODEL_QUESTIONS:
        return {**base, **LANGUAGE_MODEL}
    if question in questions.TRITON_QUESTIONS and question not in questions.PREDICTIVE_QUESTIONS:
        return {**base, "deployment_config": "triton-pytorch"}
    return base


QUESTIONS = [(name, asking(name)) for name in questions.QUESTIONS if name != "hf_token"]


def refusal(template: Path, project: Path, **data: Any) -> str:
    """Return in which words these answers are refused; nothing may be left of the attempt."""
    with pytest.raises(UserMessageError) as caught:
        copier.run_copy(
            str(template), project, data=data, defaults=True, unsafe=True, quiet=True, skip_tasks=True
        )
    message = str(caught.value)
    assert len(message.splitlines()) <= 2 and len(message) < 500, message
    assert list(project.parent.iterdir()) == []
    return message


@pytest.mark.parametrize("injection", INJECTIONS)
@pytest.mark.parametrize(("question", "base"), QUESTIONS, ids=[name for name, _ in QUESTIONS])
def test_an_injection_is_refused(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, question: str, base: Any, injection: str
) -> None:
    monkeypatch.chdir(tmp_path)
    message = refusal(template, tmp_path / "project", **{**base, question: INJECTIONS[injection]})
    assert question in message


@pytest.mark.parametrize(
    "number", ["1e3", "0x10", " 5", "\uff15", "", "9" * 30, "+5", 5.0, True, float("nan"), 0]
)
@pytest.mark.parametrize("question", answer_formats.NUMBERS)
def test_what_is_no_count_is_refused(template: Path, tmp_path: Path, question: str, number: Any) -> None:
    if number == 0 and question in answer_formats.MAY_BE_ZERO:
        pytest.skip("none is a number of these")
    assert "whole number" in refusal(template, tmp_path / "project", **{**asking(question), question: number})


@pytest.mark.parametrize("parameters", ["0", "0.001", "9999", "-1", "1e3", "8,5", "nan", True])
def test_what_is_no_size_of_a_model_is_refused(template: Path, tmp_path: Path, parameters: Any) -> None:
    data = {**LANGUAGE_MODEL, "model_name": "nobody/knows-this", "model_parameters": parameters}
    assert "model_parameters" in refusal(template, tmp_path / "project", **data)


@pytest.mark.parametrize("path", ["~no-such-user/model.pkl", "x" * 300 + ".pkl", "x/" * 2000 + "model.pkl"])
def test_a_path_that_no_file_can_have_is_refused(template: Path, tmp_path: Path, path: str) -> None:
    assert "there is no file" in refusal(template, tmp_path / "project", model_path=path)


def test_a_number_for_a_text_is_explained(template: Path, tmp_path: Path) -> None:
    data = {**LANGUAGE_MODEL, "model_revision": 1234567}
    assert "1234567 was read as a number. Put it in quotes" in refusal(template, tmp_path / "project", **data)


@pytest.mark.parametrize(
    "name",
    [
        "it's $(touch pwned) `x` ${HOME} $HOME.pkl",
        '{{ 7 * 7 }} {% raw %} #; & | "x" %s A=x&y.pkl',
        "back\\slash\\n.pkl",
        "naïve 日本 🦊.pkl",
        "-rf.pkl",
    ],
)
def test_a_path_arrives_as_it_is(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The model is copied, and the instance type holds it: a path that got lost has no size."""
    monkeypatch.chdir(tmp_path)
    with (tmp_path / name).open("wb") as model:
        model.truncate(4_000_000_000)
    project = tmp_path / "project"
    options: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True}
    copier.run_copy(str(template), project, data={"model_path": name}, skip_tasks=True, **options)
    large = yaml.safe_load((project / ".copier-answers.yml").read_text())
    os.truncate(tmp_path / name, 10)
    copier.run_copy(str(template), tmp_path / "small", data={"model_path": str(tmp_path / name)}, **options)
    small = yaml.safe_load((tmp_path / "small" / ".copier-answers.yml").read_text())
    assert large["model_path"] == name and small["model_path"] == str(tmp_path / name)
    assert large["instance_type"] != small["instance_type"]
    assert (tmp_path / "small" / "model" / "model.pkl").stat().st_size == 10
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize(
    "image",
    [
        "my_python:3.12",
        "localhost:5000/team/my__image/a-b:1.0_x",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/python@sha256:" + "0f" * 32,
        "null",
    ],
)
@pytest.mark.parametrize("config", ["http-flask", "transformers-vllm"])
def test_an_image_arrives_as_it_is(render: Render, config: str, image: str) -> None:
    project = render(deployment_config=config, base_image=image, offline=True)
    commands = buildkit.parse_file(str(project / "Dockerfile"))
    assert {command.value[0] for command in commands if command.cmd == "FROM"} == {image}
    assert yaml.safe_load((project / ".copier-answers.yml").read_text())["base_image"] == image


@pytest.mark.parametrize(
    ("name", "revision"),
    [
        (KNOWN, "feature/x_1.2-rc"),
        (KNOWN, "0123456"),
        (KNOWN, "null"),
        ("s3://bucket/it's(1)!*+=a/", ""),
        ("s3://my.bucket.name/a/b.c_d-e", ""),
    ],
)
def test_a_model_and_its_revision_arrive_as_they_are(render: Render, name: str, revision: str) -> None:
    size = {"model_parameters": "7"} if name.startswith("s3") else {}
    project = render(**LANGUAGE_MODEL, model_name=name, model_revision=revision, **size)
    settings = tomllib.loads((project / "serving" / "settings.toml").read_text())
    stored = yaml.safe_load((project / ".copier-answers.yml").read_text())
    assert (settings["model"], settings["revision"]) == (name, revision)
    assert (stored["model_name"], stored["model_revision"]) == (name, revision)


@pytest.mark.parametrize("name", ["null", "true", "no", "e1", "a" * 63])
@pytest.mark.parametrize("config", ["http-fastapi", "transformers-vllm"])
def test_a_project_name_arrives_as_it_is(render: Render, config: str, name: str) -> None:
    project = render(deployment_config=config, project_name=name, offline=True)
    commands = buildkit.parse_file(str(project / "Dockerfile"))
    title = next(command.value[:2] for command in commands if command.cmd == "LABEL")
    assert title == ("org.opencontainers.image.title", f'"{name}"')
    assert yaml.safe_load((project / ".copier-answers.yml").read_text())["project_name"] == name
    if (settings := project / "do" / "config.toml").exists():
        assert tomllib.loads(settings.read_text())["project_name"] == name


@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1", "us-isob-east-1", "mars-north-1"])
@pytest.mark.parametrize("base", [{}, LANGUAGE_MODEL], ids=["predictive", "language-model"])
def test_any_well_formed_region_is_taken_and_an_unknown_one_pointed_out(
    template: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], base: dict[str, Any], region: str
) -> None:
    data = {**base, "region": region}
    options: dict[str, Any] = {"defaults": True, "unsafe": True, "skip_tasks": True}
    copier.run_copy(str(template), tmp_path / "project", data=data, **options)
    stored = yaml.safe_load((tmp_path / "project" / ".copier-answers.yml").read_text())
    assert stored["region"] == region
    known = region in yaml.safe_load((REPOSITORY / "catalog" / "regions.yml").read_text())["regions"]
    assert (f"{region} is not in the catalog; check its spelling" in capfd.readouterr().err) == (not known)


def test_a_gpu_for_a_predictive_model_is_taken_with_a_word_of_its_cost(
    template: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = {"instance_type": "ml.g5.xlarge"}
    options: dict[str, Any] = {"defaults": True, "unsafe": True, "skip_tasks": True}
    copier.run_copy(str(template), tmp_path / "project", data=data, **options)
    assert "you pay for a GPU that this server does not use" in capfd.readouterr().err
