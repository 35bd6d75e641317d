"""The client against servers that fail, lie or answer what no server should."""

import json
import math
import time
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extensions.mcc.sources import mcp_client
from tests.unit.test_mcp_client import QUESTIONS, ask, faulty

FAULTS = [
    ({"command": "no-such-command"}, "there is no command no-such-command here. Install or correct it."),
    ({"command": "/etc/passwd"}, "there is no command /etc/passwd here"),
    ({"command": "./" + "x" * 300}, "there is no command ./xxx"),
    (faulty("crash"), "ended with status 1 before it answered. Run its command by hand to see why."),
    (faulty("crash when called"), "ended with status 3 before it answered."),
    ({"command": "true"}, "ended with status 0 before it answered."),
    (faulty("closes its output"), "closed its output before it answered."),
    (faulty("deaf"), "no answer within 1.5 s, it was ended."),
    (faulty("half a line"), "no answer within 1.5 s"),
    (faulty("wrong id"), "no answer within 1.5 s"),
    (
        faulty("not json"),
        "no answer within 1.5 s, it was ended; it writes lines to",
    ),
    (faulty("flood"), "wrote over 1 MB without an answer"),
    ({"command": "yes"}, "wrote over 1 MB without an answer"),
    (faulty("error"), "tools/call failed: broken ?[31m None."),
    (faulty("nothing"), "tools/call failed: neither a result nor an error came."),
    (faulty("another version"), "speaks MCP 1999-01-01; known are 2025-11-25, "),
]


@pytest.mark.parametrize(("server", "said"), FAULTS)
def test_a_server_that_fails_costs_one_line_and_nothing_else(
    server: dict[str, Any], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    start = time.monotonic()
    answer = ask({"bad": server, "good": faulty("well")}, deadline=1.5)
    assert time.monotonic() - start < 3
    (warning,) = answer.warnings
    assert warning.startswith(f"MCP server bad: {said}"), warning
    assert "\n" not in warning and len(warning) < 300
    assert (answer.values, answer.origins) == ({"region": "eu-west-1"}, {"region": "good"})
    assert capfd.readouterr() == ("", "")


def test_log_lines_among_the_messages_cost_a_line_but_not_the_answer() -> None:
    answer = ask({"bad": faulty("chatty")})
    assert answer.values == {"region": "eu-west-1"}
    assert answer.warnings == ["MCP server bad: it writes lines to its output that are no messages."]


LIES: list[tuple[str, str]] = [
    ('{"structuredContent": {"values": {"region": NaN}}}', "left out 'region' (no plain value)"),
    ('{"structuredContent": {"values": {"region": 1e999}}}', "left out 'region' (no plain value)"),
    ('{"structuredContent": {"values": {"region": ["a"]}}}', "left out 'region' (no plain value)"),
    ('{"structuredContent": {"values": {"region": {"a": 1}}}}', "left out 'region' (no plain value)"),
    ('{"structuredContent": {"values": {"region": "a\\nb"}}}', "left out 'region' (no plain value)"),
    ('{"structuredContent": {"values": {"region": "\\u0000"}}}', "left out 'region' (no plain value)"),
    ('{"structuredContent": {"values": {"region": "\\u202e"}}}', "left out 'region' (no plain value)"),
    ('{"structuredContent": {"values": {"region": "\\ud800"}}}', "left out 'region' (no plain value)"),
    ('{"structuredContent": {"values": {"region": "%s"}}}' % ("x" * 1001), "left out 'region' (no plain"),
    ('{"structuredContent": {"values": {"hf_token": "x"}}}', "left out 'hf_token' (not asked for)"),
    ('{"structuredContent": {"values": {"a\\nb": "x"}}}', r"left out 'a\nb' (not asked for)"),
    ('{"structuredContent": {"values": ["region"]}}', "left out 'values' (no mapping)"),
    ('{"structuredContent": {"choices": {"region": "abc"}}}', "left out 'region' (not only plain values)"),
    ('{"structuredContent": {"choices": {"region": [[1]]}}}', "left out 'region' (not only plain values)"),
    (
        '{"structuredContent": {"values": {"a": 1, "b": 1, "c": 1, "d": 1}}}',
        "left out 'a' (not asked for), 'b' (not asked for), 'c' (not asked for) and 1 more",
    ),
    ('{"structuredContent": {}}', "its tool get_ml_config gave no JSON object with values or choices"),
    ('{"content": "region"}', "its tool get_ml_config gave no JSON object"),
    ('{"content": [1, {"text": 2}, {"text": "{"}, {"text": "[]"}]}', "its tool get_ml_config gave no JSON"),
    ('{"content": [{"text": "%s"}]}' % ("[" * 100_000), "its tool get_ml_config gave no JSON object"),
    ('{"isError": true, "content": []}', "its tool get_ml_config (toolName) failed: no reason given"),
    ('["values"]', "tools/call failed: neither a result nor an error came"),
]


@pytest.mark.parametrize(("result", "said"), LIES)
def test_a_server_that_lies_costs_one_line_and_nothing_else(result: str, said: str) -> None:
    answer = ask({"bad": faulty("result", result), "good": faulty("well")})
    (warning,) = answer.warnings
    assert warning.startswith(f"MCP server bad: {said}"), warning
    assert "\n" not in warning and len(warning) < 300
    assert (answer.values, answer.origins) == ({"region": "eu-west-1"}, {"region": "good"})
    assert not any(answer.choices.values())


def test_the_good_part_of_an_answer_is_kept() -> None:
    found = {"values": {"region": "a", "x": 1}, "choices": {"region": ["b", None, "b", "c", 1.5, "d"]}}
    answer = ask({"x": faulty("result", json.dumps({"structuredContent": found}), limit=4)})
    assert (answer.values, answer.choices) == ({"region": "a"}, {"region": ["b", "c", 1.5]})


LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
FIELD = LEAF | st.lists(LEAF, max_size=3) | st.dictionaries(st.text(max_size=1), LEAF, max_size=1)
PART = LEAF | st.dictionaries(st.sampled_from((*QUESTIONS, "x")), FIELD, max_size=3)
FOUND = FIELD | st.fixed_dictionaries({}, optional={"values": PART, "choices": PART})
BLOCK = LEAF | st.fixed_dictionaries({"text": FOUND.map(json.dumps) | LEAF})
RESULTS = st.fixed_dictionaries(
    {}, optional={"structuredContent": FOUND, "content": LEAF | st.lists(BLOCK, max_size=2), "isError": LEAF}
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # other tests share the processors
@given(RESULTS)
def test_whatever_a_tool_gives_only_plain_values_arrive(result: Any) -> None:
    server = SimpleNamespace(name="x", tool="t", limit=2)
    call = SimpleNamespace(result=result, problem="", noise=False)
    names = {question: question for question in QUESTIONS}
    read = mcp_client._read(server, call, names, 1.0)  # type: ignore[arg-type]
    kept = [*read.values.values(), *(item for items in read.choices.values() for item in items)]
    assert all(isinstance(value, (str, int, float, bool)) for value in kept)
    assert all(value.isprintable() for value in kept if isinstance(value, str))
    assert not any(isinstance(value, float) and not math.isfinite(value) for value in kept)
    assert all(len(items) <= 2 for items in read.choices.values())
