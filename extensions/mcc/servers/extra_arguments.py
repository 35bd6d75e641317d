"""The one way to give an engine arguments that have no question: read as a shell does, kept as a list.

Refused are arguments that the container sets itself, and whatever would put a secret into a file.
"""

import itertools
import json
import re
import shlex

from ..catalog import catalog
from ..errors import redaction

LONGEST = 4000
SECRET_NAME = re.compile(r"(^|[-_])(api[-_]?key|key|token|secret|password)$", re.IGNORECASE)
YIELDING = ("tool_call_parser", "reasoning_parser")  # settings that an extra argument replaces
OVERRIDES = "--hf-overrides"
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*=.*", re.DOTALL)


def parsed(text: str, deployment_config: str = "", trust: bool = False, dtype: str = "") -> list[str]:
    """Return the words of a text, split and unquoted as in sh. Raises ValueError for a quote left open.

    With `trust`, they include the argument that runs code from the model's repository. With a `dtype` of
    half, they include the one for float16, unless they have one.
    """
    words = shlex.split(with_remote_code(text, deployment_config, trust) if trust else text)
    return [*_half(words, deployment_config), *words] if dtype == "half" else words


def _half(words: list[str], deployment_config: str) -> tuple[str, ...]:
    """Return the words that make a server compute in float16; none if there are some for a data type."""
    half, by_environment = catalog.servers()[deployment_config].half, _by_environment(deployment_config)
    name = half[0].partition("=")[0]
    return () if any(_means(word.partition("=")[0], name, by_environment) for word in words) else half


def problem(text: object, deployment_config: str) -> str:
    """Return the problem with extra arguments for a server, or ''."""
    example = catalog.servers()[deployment_config].example
    if not isinstance(text, str):
        return f"extra_arguments: what was given is not a text. Write it as in a shell. Example: {example}"
    if len(text) > LONGEST or re.search(r"[\x00-\x1f\x7f]", text):
        return f"extra_arguments: not one line of at most {LONGEST} characters. Example: {example}"
    try:
        words = parsed(text)
    except ValueError as error:
        return f"extra_arguments: {str(error).lower()}. Quote as in a shell. Example: {example}"
    if redaction.holds_secret(text):
        return (
            "extra_arguments: the answer contains a secret, and answers are stored. Use hf_token_secret_arn."
        )
    if _by_environment(deployment_config):
        said = next(filter(None, (_of_variable(word, deployment_config) for word in words)), "")
    else:
        said = _of_flags(words, deployment_config)
    return f"extra_arguments: {said}. Example: {example}" if said else ""


def risks(text: str, deployment_config: str) -> list[str]:
    """Return a warning for each extra argument that gives up a protection of the server."""
    server, found = catalog.servers()[deployment_config], list[str]()
    words = [word.partition("=")[0] for word in parsed(text)]
    for risky, does in server.risky.items():
        if any(_means(word, risky, _by_environment(deployment_config)) for word in words):
            found.append(f"{risky} {does}")
    return found


def remote_code(deployment_config: str) -> str:
    """Return the argument of a server that runs code from the model's repository."""
    name = _trust(deployment_config)
    return f"{name}=true" if _by_environment(deployment_config) else name


def trusts(text: str, deployment_config: str) -> bool:
    """Return whether extra arguments run code from the model's repository."""
    name, by_environment = _trust(deployment_config), _by_environment(deployment_config)
    return any(_means(word.partition("=")[0], name, by_environment) for word in parsed(text))


def with_remote_code(text: str, deployment_config: str, trust: bool) -> str:
    """Return extra arguments, with the one that runs the repository's code if that was allowed."""
    if not trust or trusts(text, deployment_config):
        return text
    return f"{remote_code(deployment_config)} {text}".strip()


def _trust(deployment_config: str) -> str:
    return next(name for name in catalog.servers()[deployment_config].risky if "trust" in name.lower())


def overridden_architecture(text: str) -> str:
    """Return the class that `--hf-overrides` gives a model in place of that in its config.json, or ''."""
    words = [part for word in parsed(text) for part in word.split("=", 1 if word.startswith("--") else 0)]
    values = [value for flag, value in itertools.pairwise(words) if _plain(flag) == _plain(OVERRIDES)]
    try:
        listed = json.loads(values[-1] if values else "{}")["architectures"]
        return str(listed[0])
    except (ValueError, LookupError, TypeError):
        return ""


def gives(text: str, setting: str, deployment_config: str) -> bool:
    """Return whether extra arguments have the flag or the variable of a setting."""
    item = catalog.servers()[deployment_config].settings[setting]
    carrier, is_variable = item.flag or item.variable or "", item.variable is not None
    return any(_means(word.partition("=")[0], carrier, is_variable) for word in parsed(text))


def _means(word: str, flag: str, is_variable: bool) -> bool:
    """Return whether a word is an argument, spelled otherwise or abbreviated as parsers allow."""
    if is_variable:
        return word == flag
    given = _plain(word)
    return given.startswith("--") and len(given) > 4 and _plain(flag).startswith(given)


def _of_flags(words: list[str], deployment_config: str) -> str:
    if words and not words[0].startswith("-"):
        return "the first word is no argument: it does not begin with --"
    ours = {}
    for name, setting in catalog.servers()[deployment_config].settings.items():
        if name in YIELDING:
            continue
        for flag in (setting.flag, *setting.aliases):
            ours[_plain(flag or "")] = name
    for word in words:
        flag = _plain(word.partition("=")[0])
        if not re.match("-[A-Za-z-]", word):
            continue
        if SECRET_NAME.search(flag):
            return f"{flag} takes a secret, which would be stored"
        short = (
            known for known in ours if flag.startswith("--") and len(flag) > 2 and known.startswith(flag)
        )
        if known := flag if flag in ours else next(short, None):
            return f"{word.partition('=')[0]} is set by the container, from {ours[known]}"
    return ""


def _of_variable(word: str, deployment_config: str) -> str:
    if not VARIABLE.fullmatch(word):
        return "a word is not NAME=value, a variable of this server"
    name = word.partition("=")[0]
    if SECRET_NAME.search(name):
        return f"{name} takes a secret, which would be stored"
    server = catalog.servers()[deployment_config]
    for ours, setting in server.settings.items():
        if ours not in YIELDING and name in (setting.variable, *setting.aliases):
            return f"{name} is set by the container, from {ours}"
    return ""


def _by_environment(deployment_config: str) -> bool:
    return catalog.servers()[deployment_config].settings["model"].variable is not None


def _plain(flag: str) -> str:
    return flag.replace("_", "-")
