"""Asks MCP servers for values and choices of the interview.

Nothing a server does ends a run: what cannot be used costs a line of warning.
"""

import json
import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..catalog import catalog
from ..errors import redaction
from ..errors.errors import InvalidAnswer, McpConfigError
from . import mcp_stdio, settings
from .mcp_stdio import Call, Request, said

Value = str | int | float | bool

KEYS = ("command", "args", "env", "toolName", "limit", "type")
OPTIONAL = {"args": (), "env": {}, "toolName": "get_ml_config", "limit": 10, "type": "stdio"}
SHOWN = ("toolName", "limit", "type")  # in messages; the others may hold a secret
LARGEST_LIMIT = 1000
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "SystemRoot")
LONGEST_TEXT = 1000  # characters of a value
LISTED = 3  # of what was left out


@dataclass(frozen=True)
class McpAnswer:
    """Values from servers: `origins` names the server of each value, `warnings` hold a line a problem."""

    values: dict[str, Value] = field(default_factory=dict)
    choices: dict[str, list[Value]] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def ask(
    servers: Mapping[str, Any],
    parameters: Iterable[str],
    context: Mapping[str, Any],
    *,
    deadline: float = 10.0,
    environ: Mapping[str, str] = os.environ,
) -> McpAnswer:
    """Ask all servers at once for `parameters`, and return what they gave within `deadline` seconds.

    `servers` is the mapping under mcpServers. Each gets `context`, and questions by our names and by those of
    the predecessor. The first server of the mapping wins a value; choices are put together. Raises
    McpConfigError for a mapping that is malformed, before anything is started.
    """
    known = [_server(name, entry) for name, entry in servers.items()]
    names = _names(parameters)
    if not names:
        return McpAnswer()
    answers = {name: context[question] for name, question in _names(context).items()}
    stop = time.monotonic() + deadline
    answer, calls = McpAnswer(), dict[_Server, Call]()
    try:
        for server in known:
            arguments = {"parameters": list(names), "limit": server.limit, "context": answers}
            try:
                calls[server] = Call(server.request(arguments, environ))
            except InvalidAnswer as reason:
                answer.warnings.append(f"MCP server {server.name}: was not asked: env: {reason}")
        for call in calls.values():
            call.wait(stop)
        given = [_read(server, call, names, deadline) for server, call in calls.items()]
    finally:
        mcp_stdio.end(calls.values())
    for item in given:
        _add(item, answer)
    return answer


@dataclass(frozen=True, eq=False)
class _Server:
    """An entry of mcpServers."""

    name: str
    command: str
    args: tuple[str, ...]
    env: Mapping[str, str]
    tool: str
    limit: int

    def request(self, arguments: Mapping[str, Any], environ: Mapping[str, str]) -> Request:
        """Return the command and the tool. Raise InvalidAnswer for a variable that is not set."""
        kept = {name: environ[name] for name in INHERITED if name in environ}
        own = {name: settings.dereferenced(name, value, environ) for name, value in self.env.items()}
        trusted = {name: value for name, value in self.env.items() if settings.REFERENCE.fullmatch(value)}
        secrets = [own[name] for name, value in trusted.items() if settings.SECRETS.search(name + value)]
        return Request(self.command, self.args, kept | own, tuple(secrets), self.tool, arguments)


@dataclass
class _Given:
    """The valid part of a server's answer, by our names, and the problems of the rest."""

    server: str
    values: dict[str, Value] = field(default_factory=dict)
    choices: dict[str, list[Value]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def _server(name: Any, entry: Any) -> _Server:
    """Return an entry of mcpServers, checked. Raises McpConfigError."""
    if not _is_name(name):
        raise McpConfigError(
            f"mcpServers: {redaction.shown(name)} is no name of a server. Example: team-defaults"
        )
    where = f"mcpServers: {name}"
    if not isinstance(entry, Mapping) or "command" not in entry:
        seen = (
            "no command is given" if isinstance(entry, Mapping) else f"{redaction.kind(entry)} is no server"
        )
        raise McpConfigError(f'{where}: {seen}. Example: {{"command": "npx", "args": ["team-defaults"]}}')
    for key in entry:
        if key not in KEYS:
            raise McpConfigError(
                f"{where}: {redaction.shown(key)} is not known; known are {', '.join(KEYS)}."
            )
    given = {**OPTIONAL, **entry}
    args, env, limit = given["args"], given["env"], given["limit"]
    rules = {
        "command": (_is_name(given["command"]), "a command"),
        "args": (isinstance(args, (list, tuple)) and all(map(_is_text, args)), "a list of texts"),
        "env": (isinstance(env, Mapping), "a mapping of variables to texts"),
        "toolName": (_is_name(given["toolName"]), "the name of a tool"),
        "limit": (type(limit) is int and 1 <= limit <= LARGEST_LIMIT, f"a number from 1 to {LARGEST_LIMIT}"),
        "type": (given["type"] == "stdio", "stdio: no other servers are spoken to"),
    }
    for key, (kept, rule) in rules.items():
        if not kept:
            seen = redaction.shown(given[key]) if key in SHOWN else redaction.GIVEN
            raise McpConfigError(f"{where}: {key}: {seen} is not {rule}.")
    for variable, value in env.items():
        _check_variable(f"{where}: env", variable, value)
    return _Server(name, given["command"], tuple(args), dict(env), given["toolName"], limit)


def _check_variable(where: str, variable: Any, value: Any) -> None:
    if not _is_name(variable) or "=" in variable:
        raise McpConfigError(
            f"{where}: {redaction.shown(str(variable).partition('=')[0])} is no name of a variable."
        )
    if not _is_text(value):
        raise McpConfigError(f"{where}: {variable}: its value is no text. Put it into quotes.")
    plain = value == "" or value.isdigit() or value.lower() in ("true", "false")
    reference = settings.REFERENCE.fullmatch(value) or settings.ARN.fullmatch(value)
    if settings.SECRETS.search(variable) and not (plain or reference):
        raise McpConfigError(
            f"{where}: {variable}: a secret does not belong in a file. Write ${variable} and set it."
        )


def _names(parameters: Iterable[str]) -> dict[str, str]:
    """Return name -> question: our names first, then those of the predecessor's servers."""
    ours = {name: name for name in parameters}
    old = {name: key.question for name, key in catalog.predecessor().items() if key.mcp}
    return {**ours, **{name: question for name, question in old.items() if question in ours}}


def _add(given: _Given, answer: McpAnswer) -> None:
    """Put what one server gave behind what others gave before."""
    if given.problems:
        answer.warnings.append(f"MCP server {given.server}: {'; '.join(given.problems)}.")
    for question, value in given.values.items():
        if question not in answer.values:
            answer.values[question], answer.origins[question] = value, given.server
    for question, offered in given.choices.items():
        kept = answer.choices.setdefault(question, [])
        kept += [item for item in offered if item not in kept]


def _read(server: _Server, call: Call, names: Mapping[str, str], deadline: float) -> _Given:
    """Return the valid part of the result of a call."""
    given = _Given(server.name)
    if call.result is None:
        given.problems.append(call.problem or f"no answer within {deadline:g} s, it was ended")
    else:
        _read_result(server, call.result, names, given)
    if call.noise:
        given.problems.append("it writes lines to its output that are no messages")
    return given


def _read_result(server: _Server, result: Mapping[str, Any], names: Mapping[str, str], given: _Given) -> None:
    content = result.get("content")
    blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    texts = [block["text"] for block in blocks if isinstance(block.get("text"), str)]
    if result.get("isError"):
        reason = said(texts[0]) if texts else "no reason given"
        given.problems.append(f"its tool {server.tool} (toolName) failed: {reason}")
        return
    found = next(filter(_is_answer, [result.get("structuredContent"), *map(_parsed, texts)]), None)
    if found is None:
        given.problems.append(f"its tool {server.tool} gave no JSON object with values or choices")
        return
    left: dict[str, str] = {}
    for name, value in _asked(found, "values", names, left):
        if _is_value(value):
            given.values.setdefault(names[name], value)
        elif value is not None:
            left[name] = "no plain value"
    for name, items in _asked(found, "choices", names, left):
        usable = list(filter(_is_value, items)) if isinstance(items, list) else []
        if not isinstance(items, list) or len(usable) < len(items):
            left[name] = "not only plain values"
        offered = given.choices.setdefault(names[name], [])
        offered += [item for item in dict.fromkeys(usable[: server.limit]) if item not in offered]
    if left:
        skipped = [f"{redaction.shown(name)} ({reason})" for name, reason in left.items()]
        more = f" and {len(skipped) - LISTED} more" if len(skipped) > LISTED else ""
        given.problems.append(f"left out {', '.join(skipped[:LISTED])}{more}")


def _asked(
    found: Mapping[str, Any], part: str, names: Mapping[str, str], left: dict[str, str]
) -> Iterator[tuple[str, Any]]:
    """Yield the requested values in part of an answer, by our names first; add the rest to `left`."""
    fields = found.get(part)
    if not isinstance(fields, dict):
        if fields is not None:
            left[part] = "no mapping"
        return
    left.update({name: "not asked for" for name in fields if name not in names})
    yield from ((name, fields[name]) for name in names if name in fields)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_answer(found: Any) -> bool:
    return isinstance(found, dict) and ("values" in found or "choices" in found)


def _is_value(value: Any) -> bool:
    """Return whether something is one text, number or switch, fit to be shown."""
    if isinstance(value, str):
        return len(value) <= LONGEST_TEXT and value.isprintable()
    return isinstance(value, (bool, int)) or (isinstance(value, float) and math.isfinite(value))


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != "" and _is_value(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value
