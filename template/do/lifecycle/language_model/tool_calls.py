# Part of the library: `copier update` replaces this file.
"""Tool calls and reasoning in the responses of a server."""

import json
from typing import Any, NamedTuple

from lifecycle.project import PROJECT, VERIFICATION, Failure, read_toml
from lifecycle.transport import Server

SETTINGS = PROJECT / "serving" / "settings.toml"
ARGUMENTS = ("--tool-call-parser", "--tool_call_parser", "--tool_parser", "OPTION_TOOL_CALL_PARSER")
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"name": "get_weather", "description": "Get the current weather in a city.", "parameters": CITY}
TOKENS = 8  # times as many tokens as for a text, because the reasoning comes first
REQUEST: dict[str, Any] = {
    "messages": [{"role": "user", "content": "What is the weather in Paris now? Call get_weather."}],
    "tools": [{"type": "function", "function": TOOL}],
    "tool_choice": "auto",
}


class Outcome(NamedTuple):
    """The tool call in a response, None if there is none, and a line about it."""

    call: dict[str, Any] | None
    text: str


def parsed() -> bool:
    """Return whether the settings contain a parser of tool calls."""
    settings = read_toml(SETTINGS)
    named = [word.partition("=")[0] for word in settings["extra_arguments"]]
    return bool(settings.get("tool_call_parser")) or any(name in named for name in ARGUMENTS)


def check(server: Server, max_tokens: int) -> Outcome:
    """Return the response to a request for a tool call. Raise Failure if the server returns an error.

    A model that responds with text is no failure: the server works, and the model decides.
    """
    request = {**REQUEST, "max_tokens": TOKENS * max_tokens}
    answer = server.invoke(json.dumps(request).encode(), "application/json")
    if answer.status != 200:
        what = f"{server.route} returned {answer.status} to a chat with a tool"
        next_step = 'read the server log, or set tool_call_parser = "" in serving/settings.toml'
        raise Failure(VERIFICATION, "no-tool-call", what, answer.body.decode(errors="replace"), next_step)
    try:
        message = json.loads(answer.body)["choices"][0]["message"]
        calls = [call["function"] for call in message.get("tool_calls") or []]
        if not calls:
            return Outcome(None, f"tool call: none, the model responded with text: {text_of(message)[:200]}")
        name, arguments = str(calls[0]["name"]), json.loads(calls[0]["arguments"])
    except (KeyError, IndexError, TypeError, AttributeError, ValueError):
        what, next_step = "the tool call is not valid", "check tool_call_parser in serving/settings.toml"
        seen = answer.body.decode(errors="replace")[:300]
        raise Failure(VERIFICATION, "no-tool-call", what, seen, next_step) from None
    return Outcome({"name": name, "arguments": arguments}, f"tool call: {name}({json.dumps(arguments)})")


def text_of(message: dict[str, Any]) -> str:
    """Return the text of a message; if the response ended before it, the reasoning."""
    thought = reasoning_of(message)
    text = message.get("content") if thought else message["content"]
    return str(text or (f"(only reasoning within max_tokens) {thought}" if thought else ""))


def reasoning_of(part: dict[str, Any]) -> str:
    """Return the reasoning in a message or in a part of a stream, "" if there is none."""
    return str(part.get("reasoning") or part.get("reasoning_content") or "")
