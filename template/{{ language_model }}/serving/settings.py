"""What settings.toml says, what the environment says otherwise, and how it ends when that cannot be used."""

import difflib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    from pip._vendor import tomli as tomllib

FILE = Path(__file__).resolve().with_name("settings.toml")
MODEL_DIR = Path(os.environ.get("MODEL_DIR", "/opt/ml/model"))
PREFIX = "SERVE_"
Settings = dict[str, Any]


def load(environ: Mapping[str, str]) -> Settings:
    """Return the settings, each of the type it has in the file; end with one line when one cannot be used."""
    settings: Settings = tomllib.loads(FILE.read_text("utf-8"))
    for variable in sorted(name for name in environ if name.startswith(PREFIX)):
        name = variable.removeprefix(PREFIX).lower()
        if name not in settings or isinstance(settings[name], dict):
            near = difflib.get_close_matches(name, settings, n=1) or sorted(settings)
            refuse(f"{variable} is no setting; known are {', '.join(near)}")
        try:
            settings[name] = parsed(environ[variable], settings[name])
        except ValueError:
            kind = type(settings[name]).__name__
            refuse(f"{variable}: {environ[variable]!r} is not of type {kind}, as in settings.toml")
    return settings


def parsed(text: str, like: Any) -> Any:
    """Return a text as the type of another value: a list is written as in JSON. Raises ValueError."""
    if isinstance(like, str):
        return text
    value = json.loads(text.lower() if isinstance(like, bool) else text)
    is_list_of_text = isinstance(value, list) and all(isinstance(item, str) for item in value)
    if type(value) is not type(like) and not (isinstance(like, float) and type(value) is int):
        raise ValueError
    if isinstance(like, list) and not is_list_of_text:
        raise ValueError
    return value


def given(
    settings: Settings, carriers: Mapping[str, str], values: Mapping[str, str] | None = None
) -> Iterator[tuple[str, str]]:
    """Yield the names and values of settings that have a carrier, without those left to the engine (0, "").

    `values` are those that the engine calls otherwise.
    """
    for name in carriers:
        text = str(settings[name])
        if text not in ("", "0"):
            yield name, (values or {}).get(text, text)


def refuse(reason: str, code: int = 1) -> NoReturn:
    """End with one line that says why."""
    print(f"serve: {reason}", file=sys.stderr, flush=True)
    sys.exit(code)
