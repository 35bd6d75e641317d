"""The response to a tool call: a call, a text, an error; and the reasoning of a model."""

import json
from pathlib import Path
from typing import Any

import pytest
from lifecycle.language_model import tool_calls
from lifecycle.project import Failure
from lifecycle.transport import Answer, Server

CALL = {
    "id": "call-1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
}


def outcome(monkeypatch: pytest.MonkeyPatch, status: int, message: Any) -> tool_calls.Outcome:
    body = json.dumps({"choices": [{"message": message}]} if status == 200 else {"error": message}).encode()
    monkeypatch.setattr(Server, "invoke", lambda *arguments, **named: Answer(status, body))
    return tool_calls.check(Server("http://127.0.0.1:1"), 64)


def test_a_call_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    found = outcome(monkeypatch, 200, {"content": None, "tool_calls": [CALL]})
    assert found.call == {"name": "get_weather", "arguments": {"city": "Paris"}}
    assert found.text == 'tool call: get_weather({"city": "Paris"})'


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "It is sunny."}, "It is sunny."),
        ({"content": None, "reasoning": "Hmm"}, "(only reasoning within max_tokens) Hmm"),
        ({"reasoning_content": "Hmm", "tool_calls": []}, "(only reasoning within max_tokens) Hmm"),
    ],
)
def test_a_text_is_no_failure(monkeypatch: pytest.MonkeyPatch, message: Any, text: str) -> None:
    found = outcome(monkeypatch, 200, message)
    assert found == (None, f"tool call: none, the model responded with text: {text}")


@pytest.mark.parametrize(
    ("status", "message", "words"),
    [
        (400, "auto tool choice requires", "returned 400"),
        (500, "", "returned 500"),
        (200, {"tool_calls": [{"function": {"name": "x", "arguments": "{"}}]}, "not valid"),
        (200, {"tool_calls": [{"id": "x"}]}, "not valid"),
    ],
)
def test_an_error_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, status: int, message: Any, words: str
) -> None:
    with pytest.raises(Failure, match=words):
        outcome(monkeypatch, status, message)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ('tool_call_parser = "hermes"\nextra_arguments = []', True),
        ('tool_call_parser = ""\nextra_arguments = ["--tool-call-parser=xlam"]', True),
        ('tool_call_parser = ""\nextra_arguments = ["--seed", "1"]', False),
        ("extra_arguments = []", False),
    ],
)
def test_settings_decide_whether_a_tool_is_called(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: str, expected: bool
) -> None:
    (tmp_path / "settings.toml").write_text(settings)
    monkeypatch.setattr(tool_calls, "SETTINGS", tmp_path / "settings.toml")
    assert tool_calls.parsed() == expected
