"""Values as literals of the language they land in, one function a language.

Each returns what its parser reads back as `text`, and raises InvalidAnswer for what the language cannot hold.
"""

import re
import shlex
from collections.abc import Mapping
from json import dumps
from typing import Any

from ..errors import redaction
from ..errors.errors import InvalidAnswer

CONTROL = r"[\x00-\x1f\x7f]"


def shell(text: str) -> str:
    """Return a text as one word of sh."""
    _refuse("\x00", text, "shell")
    return shlex.quote(text)


def dockerfile(text: str) -> str:
    """Return a text as a double-quoted value of LABEL or ENV, in which no variable is expanded."""
    _refuse(CONTROL, text, "Dockerfile")
    return '"' + re.sub(r'(["\\$])', r"\\\1", text) + '"'


def json(value: Any) -> str:
    """Return a value as JSON on one line, with characters beyond ASCII as they are."""
    return dumps(value, ensure_ascii=False)


def yaml(value: Any) -> str:
    """Return a value as flow YAML on one line: JSON, with escapes for what YAML folds or forbids."""
    forbidden = "[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]"
    return re.sub(forbidden, lambda found: f"\\u{ord(found[0]):04x}", json(value))


def toml(text: str) -> str:
    """Return a text as a basic string: JSON's escapes, without its surrogate pairs."""
    return json(text).replace("\x7f", "\\u007f")


def toml_table(texts: Mapping[str, str]) -> str:
    """Return texts by key as an inline table."""
    return "{" + ", ".join(f"{toml(key)} = {toml(value)}" for key, value in texts.items()) + "}"


def python(value: Any) -> str:
    """Return a text, or a list or mapping of texts, as a literal in double quotes, as ruff formats it.

    JSON's escapes are Python's, too.
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{python(key)}: {python(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(python, value)) + "]"
    return json(value)


def nginx(text: str) -> str:
    """Return a text as a quoted argument of a directive. nginx cannot escape the $ of its variables."""
    _refuse("[\x00$]", text, "nginx.conf")
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def pbtxt(text: str) -> str:
    """Return a text as a string of protobuf's text format, as in Triton's config.pbtxt."""
    return '"' + re.sub(r'[\x00-\x1f\x7f"\\]', lambda found: f"\\{ord(found[0]):03o}", text) + '"'


def _refuse(pattern: str, text: str, language: str) -> None:
    if found := re.search(pattern, text):
        raise InvalidAnswer(
            f"{redaction.shown(text)} cannot be written in a {language}: it holds {found[0]!r}. Leave it out."
        )
