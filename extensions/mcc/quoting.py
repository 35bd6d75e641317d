"""Values as literals of the language they land in, one function a language."""

import json
from collections.abc import Mapping
from typing import Any


def toml(text: str) -> str:
    """Return a text as a basic string of TOML: JSON's escapes, without its surrogate pairs."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def python(value: Any) -> str:
    """Return a text, a number, or a list or mapping of them as a literal of Python in double quotes."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{python(key)}: {python(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(python, value)) + "]"
    return json.dumps(value) if isinstance(value, str) else repr(value)
