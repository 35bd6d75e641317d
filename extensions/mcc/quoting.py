"""Values as literals of the language they land in, one function a language."""

import json


def toml(text: str) -> str:
    """Return a text as a basic string of TOML: JSON's escapes, without its surrogate pairs."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
