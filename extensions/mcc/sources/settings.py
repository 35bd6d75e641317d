"""Defaults from outside the interview: the environment, the file that MCC_CONFIG names, MCP servers.

Strongest first: MCC_<KEY> in the environment, the file, the servers named in the file. All of them yield
to the user's answers (-d, --data-file, the prompt) and to earlier answers.
"""

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..catalog import catalog
from ..errors import redaction
from ..errors.errors import InvalidAnswer

PREFIX = "MCC_"
CONFIG = "MCC_CONFIG"
OF_COMMANDS = "MCC_DO_"  # the settings of a project's do/ commands (do/config.toml)
LARGEST_FILE = 1_000_000  # bytes
SECRETS = re.compile(r"token|secret|password|api_?key", re.IGNORECASE)
REFERENCE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?")
ARN = re.compile(r"arn:[a-z-]+:secretsmanager:\S+")
SERVERS = {"flask": "http-flask", "fastapi": "http-fastapi"}


@dataclass(frozen=True)
class Settings:
    """Values by question with their sources, the file's MCP servers, and the choices from them.

    `notes` are lines for the user about skipped settings.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)
    mcp_servers: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, list[Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read(questions: Iterable[str], environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of `questions` in the environment and the file.

    Raises InvalidAnswer, a line a problem, for a file that cannot be used, for keys that are no questions,
    and for a secret that is written out.
    """
    known = tuple(questions)
    values, origins = _of_environment(known, environ)
    if not environ.get(CONFIG):
        return Settings(values, origins)
    path = Path(environ[CONFIG]).expanduser()
    document = _document(path)
    servers = document.pop("mcpServers", {})
    found, notes = translated(document, known, path.name)
    for name, value in found.items():
        if name not in values:
            values[name] = _resolved(name, value, path.name, environ)
            origins[name] = str(path)
    if not isinstance(servers, Mapping):
        raise InvalidAnswer(
            f"{path.name}: mcpServers: {redaction.kind(servers)} is no mapping of names to servers."
        )
    return Settings(values, origins, servers, notes=tuple(notes))


def dereferenced(name: str, value: Any, environ: Mapping[str, str] = os.environ) -> Any:
    """Return the value of $NAME in the environment, and any other value as it is. Raises InvalidAnswer."""
    reference = REFERENCE.fullmatch(value) if isinstance(value, str) else None
    if reference is None:
        return value
    if not environ.get(reference[1]):
        raise InvalidAnswer(f"{name}: {value} is not set in the environment. Set it, or leave {name} out.")
    return environ[reference[1]]


def _of_environment(
    known: tuple[str, ...], environ: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable == CONFIG or variable.startswith(OF_COMMANDS):
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"Did you mean {PREFIX}{near[0].upper()}? " if near else ""
            hint += f"A setting of the do/ commands is called {OF_COMMANDS}{name.upper()}; else unset it."
            raise InvalidAnswer(f"{variable} is not a setting of this template. {hint}")
        values[name], origins[name] = environ[variable], variable
    return values, origins


def _document(path: Path) -> dict[str, Any]:
    """Return the file as a mapping: YAML, of which JSON is a part."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InvalidAnswer(f"{CONFIG}: {path} is over {LARGEST_FILE // 1000} kB.")
        document = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidAnswer(f"{CONFIG}: {path} cannot be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidAnswer(f"{CONFIG}: {path} is neither YAML nor JSON: {_reason(error)}") from None
    except RecursionError:
        raise InvalidAnswer(
            f"{CONFIG}: {path} is nested too deeply. Write keys with values. Example: region: eu-west-1"
        ) from None
    if not isinstance(document, dict):
        raise InvalidAnswer(
            f"{CONFIG}: {path} is {redaction.kind(document)}, not keys with values. "
            "Example: region: eu-west-1"
        )
    return {str(key): value for key, value in document.items()}


def _reason(error: yaml.YAMLError | UnicodeDecodeError) -> str:
    """Return why a file cannot be read, without its lines: they may hold a secret."""
    mark = getattr(error, "problem_mark", None)
    where = f", line {mark.line + 1}" if mark else ""
    problem = str(getattr(error, "problem", None) or "it is not UTF-8 text")
    return re.sub("'[^']{2,}'", "'***'", " ".join(problem.split())[:100]) + where


def translated(
    document: Mapping[str, Any], known: tuple[str, ...], file: str
) -> tuple[dict[str, Any], list[str]]:
    """Return a file's values by our questions; the keys of the predecessor are read, too."""
    old = catalog.predecessor()
    values: dict[str, Any] = {}
    left: list[str] = []
    for key, value in document.items():
        if key in known and not (key == "framework" and value == "transformers"):
            values[key] = value
        elif key not in old and key not in known:
            options = [*known, *old]
            near = difflib.get_close_matches(key, options, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(known)}."
            raise InvalidAnswer(f"{file}: {redaction.shown(key)} is not a question of this template. {hint}")
        elif key == "modelServer" or value == "transformers":
            continue
        elif question := old[key].question:
            values[question] = "managed-inference" if value == "realtime-inference" else value
        else:
            left.append(key)
    if document.get("framework") == "transformers":
        values["deployment_config"] = f"transformers-{document.get('modelServer', 'vllm')}"
    elif server := document.get("modelServer"):
        values["deployment_config"] = SERVERS.get(str(server), str(server))
    notes = [f"{file}: {', '.join(left)} of the predecessor: not in this version, left out."] if left else []
    return values, notes


def _resolved(name: str, value: Any, file: str, environ: Mapping[str, str]) -> Any:
    if not SECRETS.search(name) or value in ("", None):
        return value
    if isinstance(value, str) and (REFERENCE.fullmatch(value) or ARN.fullmatch(value)):
        return dereferenced(name, value, environ)
    reference = f"${name.upper()}"
    raise InvalidAnswer(f"{file}: {name}: a secret does not belong in a file. Write {reference} and set it.")
