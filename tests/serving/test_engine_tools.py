"""Parsers of tool calls and of reasoning reach each inference server; tool calls of the stub."""

import json
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.conftest import Render
from tests.serving import llm
from tests.serving.engine_calls import serve
from tests.serving.language_models import CHAT, ask, serving

FLAGS = {
    "transformers-vllm": (
        "--tool-call-parser hermes --reasoning-parser qwen3 --enable-auto-tool-choice",
        "--tool-call-parser xlam --seed 1",
    ),
    "transformers-sglang": (
        "--tool-call-parser qwen25 --reasoning-parser qwen3",
        "--tool-call-parser pythonic",
    ),
    "transformers-tensorrt-llm": ("--tool_parser qwen3", "--tool_parser qwen3_coder"),
}
SWITCHES = ("--tool-call-parser", "--tool_parser", "--enable-auto-tool-choice")
TOOL = {
    "type": "function",
    "function": {"name": "add", "parameters": {"properties": {"a": {"type": "integer"}}}},
}
ASKED = {**CHAT, "tools": [TOOL]}


@pytest.mark.parametrize("config", FLAGS)
def test_flags_carry_the_parsers_and_extra_arguments_replace_them(render: Render, config: str) -> None:
    expected, others = FLAGS[config]
    project = render("chat", deployment_config=config, offline=True)
    words = serve(project, "serve")[1]["command"]
    assert expected in " ".join(words)
    off = serve(project, "serve", SERVE_TOOL_CALL_PARSER="", SERVE_REASONING_PARSER="")[1]["command"]
    assert not set(off) & {*SWITCHES, "--reasoning-parser"}
    given = json.dumps(["--enable-auto-tool-choice"])
    words = serve(project, "serve", SERVE_EXTRA_ARGUMENTS=given)[1]["command"]
    assert words.count("--enable-auto-tool-choice") == 1
    project = render("own", deployment_config=config, offline=True, extra_arguments=others)
    words = serve(project, "serve")[1]["command"]
    assert " ".join(words).endswith(others)
    assert sum(word in SWITCHES for word in words) == 1, "ours is there, too"


def test_the_chat_template_of_the_image_is_passed(render: Render) -> None:
    name = "meta-llama/Llama-3.1-8B-Instruct"
    project = render("chat", deployment_config="transformers-vllm", model_name=name, offline=True)
    words = serve(project, "serve", SERVE_GATED="false")[1]["command"]
    template = "/vllm-workspace/examples/tool_chat_template_llama3.1_json.jinja"
    assert f"--chat-template {template}" in " ".join(words)
    assert "--tool-call-parser llama3_json" in " ".join(words)
    project = render(
        "text", deployment_config="transformers-vllm", model_name=name, offline=True, tools=False
    )
    assert "--chat-template" not in serve(project, "serve", SERVE_GATED="false")[1]["command"]


def test_variables_carry_the_parsers(render: Render) -> None:
    project = render("chat", deployment_config="transformers-lmi", offline=True)
    ours = {
        "OPTION_TOOL_CALL_PARSER": "hermes",
        "OPTION_REASONING_PARSER": "qwen3",
        "OPTION_ENABLE_AUTO_TOOL_CHOICE": "true",
    }
    assert serve(project, "serve")[1]["environment"].items() >= ours.items()
    off = serve(project, "serve", SERVE_TOOL_CALL_PARSER="", SERVE_REASONING_PARSER="")[1]["environment"]
    assert not set(ours) & set(off)
    own = json.dumps(["OPTION_TOOL_CALL_PARSER=xlam"])
    own_called = serve(project, "serve", SERVE_EXTRA_ARGUMENTS=own)[1]["environment"]
    assert own_called["OPTION_TOOL_CALL_PARSER"] == "xlam"


def test_tools_can_be_switched_off(render: Render) -> None:
    project = render("chat", deployment_config="transformers-vllm", offline=True, tools=False)
    text = (project / "serving" / "settings.toml").read_text()
    assert 'tool_call_parser = ""' in text and 'reasoning_parser = ""' in text
    assert "tools: false" in (project / ".copier-answers.yml").read_text()
    with serving(project) as (_, port):
        status, refused = ask(port, "/invocations", ASKED)
        assert status == 400 and "--enable-auto-tool-choice" in refused["error"]["message"]
        answer = ask(port, "/invocations", CHAT)[1]["choices"][0]["message"]
    assert not answer["tool_calls"] and set(answer) == {"role", "content", "tool_calls"}


@pytest.mark.parametrize("config", [name for name in llm.SERVERS if name != "transformers-djl"])
def test_the_stub_calls_a_tool_as_servers_do(render: Render, config: str) -> None:
    project = render("chat", deployment_config=config, offline=True)
    with serving(project) as (_, port):
        choice = ask(port, "/invocations", ASKED)[1]["choices"][0]
        text = ask(port, "/invocations", CHAT)[1]["choices"][0]["message"]
        events = streamed(port)
    assert choice["finish_reason"] == "tool_calls" and choice["message"]["content"] is None
    (call,) = choice["message"]["tool_calls"]
    assert call["id"] and call["type"] == "function"
    assert call["function"] == {"name": "add", "arguments": '{"a": 1}'}
    thinks = config != "transformers-tensorrt-llm"  # without a parser of reasoning for this model
    assert text["content"] and ("reasoning_content" in text) == thinks
    assert events[0]["delta"]["role"] == "assistant"
    calls = [item for event in events for item in event["delta"].get("tool_calls", [])]
    assert "".join(item["function"]["arguments"] for item in calls) == '{"a": 1}'
    assert calls[0]["function"]["name"] == "add" and events[-1]["finish_reason"] == "tool_calls"


def streamed(port: int) -> list[dict[str, Any]]:
    """Return the choices in the events of a streamed tool call."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    body = json.dumps({**ASKED, "stream": True})
    connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
    lines = connection.getresponse().read().decode().split("\n\n")
    connection.close()
    assert lines[-2] == "data: [DONE]"
    return [json.loads(line.removeprefix("data: "))["choices"][0] for line in lines[:-2]]
