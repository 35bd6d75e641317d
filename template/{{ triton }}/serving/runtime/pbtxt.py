# Part of the library: `copier update` replaces this file.
"""protobuf's text format, as far as a config.pbtxt needs it: no schema, no extensions."""

import ast
import re
from collections.abc import Iterator
from typing import Any

Message = dict[str, list[Any]]
TOKEN = re.compile(r"""\s+|#[^\n]*|(?P<token>[][{}<>:,;]|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[\w.+-]+)""")
CLOSING = {"{": "}", "<": ">"}


def parse(text: str) -> Message:
    """Return the fields of a message, each with the list of its values, messages as dictionaries.

    Raises ValueError, which says where, for a text that is not of this format.
    """
    tokens = list(_tokens(text))
    message = _message(tokens, "")
    if tokens:
        raise ValueError(f"{tokens[0]!r} was not expected")
    return message


def _tokens(text: str) -> Iterator[str]:
    position = 0
    while position < len(text):
        found = TOKEN.match(text, position)
        if found is None:
            line = text.count("\n", 0, position) + 1
            seen = text[position : position + 20]
            raise ValueError(f"line {line}: {seen!r} is not of protobuf's text format")
        if found["token"]:
            yield found["token"]
        position = found.end()


def _message(tokens: list[str], end: str) -> Message:
    message: Message = {}
    while (token := _next(tokens) if tokens or end else end) != end:
        if not re.fullmatch(r"[A-Za-z_]\w*", token):
            raise ValueError(f"{token!r} is not the name of a field")
        if tokens[:1] == [":"]:
            tokens.pop(0)
        elif tokens[:1] not in (["{"], ["<"], ["["]):
            raise ValueError(f"{token} has no value")
        message.setdefault(token, []).extend(_values(tokens))
        if tokens[:1] in ([","], [";"]):
            tokens.pop(0)
    return message


def _values(tokens: list[str]) -> list[Any]:
    if tokens[:1] != ["["]:
        return [_value(tokens)]
    tokens.pop(0)
    values: list[Any] = []
    while tokens[:1] != ["]"]:
        values.append(_value(tokens))
        if tokens[:1] == [","]:
            tokens.pop(0)
    tokens.pop(0)
    return values


def _value(tokens: list[str]) -> Any:
    token = _next(tokens)
    if token in CLOSING:
        return _message(tokens, CLOSING[token])
    if token[0] in "\"'":
        text = ast.literal_eval(token)
        while tokens and tokens[0][0] in "\"'":  # strings that follow each other are one
            text += ast.literal_eval(tokens.pop(0))
        return text
    if re.fullmatch(r"[+-]?\d+", token):
        return int(token)
    if re.fullmatch(r"[+-]?[\d.]+([eE][+-]?\d+)?", token):
        return float(token)
    if re.fullmatch(r"[A-Za-z_]\w*", token):
        return {"true": True, "false": False}.get(token, token)
    raise ValueError(f"{token!r} is not a value")


def _next(tokens: list[str]) -> str:
    if not tokens:
        raise ValueError("it ends too early")
    return tokens.pop(0)
