"""No message shows a token or a password, wherever somebody put it by mistake."""

import json
from pathlib import Path
from typing import Any

import copier
import pytest
from copier.errors import UserMessageError
from hypothesis import given
from hypothesis import strategies as st

from extensions.mcc.errors import redaction
from extensions.mcc.errors.errors import MccError
from extensions.mcc.interview import answer_formats, questions
from extensions.mcc.servers import extra_arguments
from extensions.mcc.sources import mcp_client, settings
from tests.unit.test_inputs import asking

OPTIONS: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}
CANARY = "C4n4ryQ7xW2mZ9pL3vB8"
SECRETS = {
    "Hugging Face": f"hf_{CANARY}",
    "AWS key id": f"AKIA{CANARY.upper()[:16]}",
    "AWS secret key": f"wJalrXUtnFEMI/{CANARY}abcdEFG",
    "OpenAI": f"sk-proj-{CANARY}",
    "GitHub": f"ghp_{CANARY}",
    "address": f"https://user:{CANARY}@example.com/model",
    "registry": f"user:{CANARY}@registry.example.com/image:1",
    "token in an address": f"https://{CANARY}@example.com/model",
    "named": f"--api-key {CANARY}",
    "variable": f"HF_TOKEN={CANARY}",
    "header": f"Authorization: Bearer {CANARY}",
    "web token": f"eyJhbGciOiJIUzI1NiJ9.{CANARY}.{CANARY}",
    "key": f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}",
    "in a list": [f"hf_{CANARY}"],
    "in a mapping": {"token": CANARY},
}
FREE = sorted(name for name in answer_formats.FORMATS if name not in answer_formats.NEVER_SHOWN)


def refusal(template: Path, destination: Path, **data: Any) -> str:
    """Return in which words a copy is refused; none when it is not."""
    try:
        copier.run_copy(str(template), destination, data=data, **OPTIONS)
    except UserMessageError as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_not_shown(secret: str) -> None:
    value = SECRETS[secret]
    assert CANARY not in redaction.shown(value) and "***" in redaction.shown(value)
    assert CANARY not in redaction.shown([{"x": value}]) and CANARY not in redaction.masked(f"a {value} b")


@pytest.mark.parametrize(
    "value",
    [
        "Qwen/Qwen3-Coder-30B-A3B-Instruct",
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/python:1.2",
        "registry.example.com:5000/team/image:1@sha256:0f0f",
        "0123456789abcdef0123456789abcdef01234567",
        "~/models/sk-learn-model-for-abalones.pkl",
        "arn:aws:iam::123456789012:role/service-role/inference",
        "FP32[3,224,224] INT64[-1]",
        "hf_token",
        "ml.g6e.xlarge",
        1.5,
    ],
)
def test_what_is_no_secret_is_shown(value: Any) -> None:
    assert redaction.shown(value) == repr(value)
    assert not redaction.holds_secret(str(value))


@given(st.text(), st.text(max_size=20))
def test_a_token_is_hidden_in_any_text(before: str, after: str) -> None:
    token = "hf_" + "aB3" * 10
    assert token not in redaction.masked(f"{before} {token} {after}")
    assert len(redaction.shown(before)) <= redaction.LONGEST


def test_a_value_that_is_nested_too_deeply_is_shown_as_such() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    assert redaction.shown(nested) == "a value that is nested too deeply"


@pytest.mark.parametrize("question", answer_formats.NEVER_SHOWN)
@pytest.mark.parametrize("value", [CANARY, f"{CANARY} x", 98765432109, [CANARY], {CANARY: 1}, f"'{CANARY}"])
def test_a_value_that_may_be_secret_is_not_shown(
    template: Path, tmp_path: Path, question: str, value: Any
) -> None:
    base = asking(question)
    said = refusal(template, tmp_path / "made", **{**base, question: value})
    assert CANARY not in said and "98765432109" not in said
    assert said or question == "hf_token", "it was not refused"


@pytest.mark.parametrize("secret", ["Hugging Face", "address", "registry", "variable", "GitHub"])
@pytest.mark.parametrize("question", [*FREE, "framework", "include_tests", "max_model_len"])
def test_a_secret_for_another_question_is_refused_and_not_shown(
    template: Path, tmp_path: Path, question: str, secret: str
) -> None:
    base = asking(question)
    said = refusal(template, tmp_path / "made", **{**base, question: SECRETS[secret]})
    assert question in said and CANARY not in said
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("secret", ["Hugging Face", "address"])
def test_a_secret_as_the_name_of_a_question_is_not_shown(template: Path, tmp_path: Path, secret: str) -> None:
    said = refusal(template, tmp_path / "made", **{str(SECRETS[secret]): "x"})
    assert "not a question" in said and CANARY not in said


@pytest.mark.parametrize(
    "arguments",
    [
        CANARY,
        f"--api-key {CANARY}",
        f"--api-key={CANARY}",
        f"--x 'hf_{CANARY}",
        f"--header hf_{CANARY}",
        f"--proxy http://user:{CANARY}@proxy",
        [CANARY],
    ],
)
@pytest.mark.parametrize("config", ["transformers-vllm", "transformers-lmi"])
def test_extra_arguments_are_refused_without_their_values(config: str, arguments: Any) -> None:
    said = extra_arguments.problem(arguments, config)
    assert said and CANARY not in said


FILES = {
    "key": json.dumps({f"hf_{CANARY}": 1}),
    "key that is an address": json.dumps({f"https://u:{CANARY}@x": 1}),
    "value": json.dumps({"hf_token": CANARY}),
    "old value": json.dumps({"hfToken": CANARY}),
    "broken": f'hf_token: "{CANARY}\nregion: x',
    "unclosed": f"[hf_token, {CANARY}",
    "tag": f"hf_token: !{CANARY} x",
    "alias": f"hf_token: *{CANARY}",
    "text": CANARY,
    "list": json.dumps([CANARY]),
    "region": json.dumps({"region": f"https://u:{CANARY}@x"}),
    "servers": json.dumps({"mcpServers": [CANARY]}),
    "deep": "[" * 20_000 + CANARY,
    "deep mapping": "{a: " * 20_000 + CANARY,
    "nested value": json.dumps({"region": {"token": CANARY}}),
}


@pytest.mark.parametrize("file", FILES)
def test_a_file_that_cannot_be_used_is_not_shown(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    config = tmp_path / "team.yml"
    config.write_text(FILES[file])
    monkeypatch.setenv("MCC_CONFIG", str(config))
    said = refusal(template, tmp_path / "made")
    assert said and CANARY not in said and len(said.splitlines()) == 1


def test_a_file_that_is_nested_too_deeply_is_refused_in_a_line(tmp_path: Path) -> None:
    config = tmp_path / "team.yml"
    for text in ("[" * 50_000, "{a: " * 50_000, "- " * 50_000):
        config.write_text(text)
        with pytest.raises(MccError, match="nested too deeply"):
            settings.read(questions.QUESTIONS, {"MCC_CONFIG": str(config)})


SERVERS: list[Any] = [
    {"x": f"env TOKEN={CANARY} npx"},
    {"x": {"command": ["a", CANARY]}},
    {"x": {"command": "a", "args": f"--token {CANARY}"}},
    {"x": {"command": "a", "env": [f"TOKEN={CANARY}"]}},
    {"x": {"command": "a", "env": {f"TOKEN={CANARY}": "1"}}},
    {"x": {"command": "a", "env": {"TOKEN": CANARY}}},
    {"x": {"command": "a", "env": {"TOKEN": [CANARY]}}},
    {"x": {"command": "a", f"hf_{CANARY}": 1}},
    {"x": {"command": "a", "type": f"https://u:{CANARY}@x"}},
]


@pytest.mark.parametrize("servers", SERVERS)
def test_an_mcp_server_that_cannot_be_used_is_not_shown(servers: Any) -> None:
    with pytest.raises(MccError) as refused:
        mcp_client.ask(servers, ["region"], {})
    assert CANARY not in str(refused.value)
