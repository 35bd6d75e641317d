"""Defaults of questions: a setting from outside, or a value that the template computes.

The environment, the file of MCC_CONFIG and MCP servers are read once a run, and checked like answers.
"""

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ..catalog import catalog
from ..errors.errors import InvalidAnswer
from ..sources import mcp_client, settings
from ..sources.settings import Settings
from . import answer_formats, answers, company, questions

GIVEN = "-d or --data-file"
PROMPT = "the prompt"


class Defaults:
    """The settings of one run, and what the template itself would have answered."""

    def __init__(self, outside: Settings) -> None:
        self.outside = outside
        self.worked_out: dict[str, Any] = {}

    def value(self, name: str, fallback: Any) -> Any:
        """Return the setting of a question from outside, else `fallback`."""
        self.worked_out[name] = fallback
        return self.outside.values.get(name, fallback)

    def origins(self, given: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, str]:
        """Return where each answer comes from that is not the template's own."""
        found = {}
        for name, answer in stored.items():
            if name not in questions.QUESTIONS or str(answer) == str(self.worked_out.get(name, "")):
                continue
            if name in given:
                found[name] = GIVEN
            elif str(answer) == str(self.outside.values.get(name)):
                found[name] = self.outside.origins[name]
            else:
                found[name] = PROMPT
        return found


def of_run(environ: Mapping[str, str] = os.environ) -> Defaults:
    """Return the defaults of this run, read once as long as the environment and the file are the same."""
    own = tuple(sorted((name, value) for name, value in environ.items() if name.startswith(settings.PREFIX)))
    path = environ.get(settings.CONFIG, "")
    written = os.path.getmtime(path) if path and os.path.exists(path) else 0.0
    return _read(own, written)


@lru_cache(maxsize=4)
def _read(own: tuple[tuple[str, str], ...], written: float) -> Defaults:
    return Defaults(settings.read(questions.QUESTIONS, {**os.environ, **dict(own)}))


def check(given: Mapping[str, Any], ask_servers: bool, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Check the settings from outside like answers, and query the MCP servers. Return notes for the user.

    Raises InvalidAnswer, which names the origin, for a setting that contradicts `given`.
    """
    run = of_run(environ)
    notes = list(run.outside.notes)
    _check(given, run.outside)
    if ask_servers and run.outside.mcp_servers:
        notes += _ask(run, given)
    return notes


def _check(given: Mapping[str, Any], outside: Settings) -> None:
    known = {**outside.values, **given}
    used = questions.relevant(known, *_kind(known))
    try:
        answers.check(used)
        if problems := company.problems(used, {**_implied(known), **used}):
            raise InvalidAnswer("\n".join(problems))
    except InvalidAnswer as refused:
        shown = [name for name in outside.origins if re.search(rf"\b{name}[:=]", str(refused))]
        named = [name for name in shown if name not in given]
        origin = "; ".join(f"{name} is from {outside.origins[name]}" for name in named)
        raise InvalidAnswer(f"{refused} ({origin})" if origin else str(refused)) from None


def _implied(known: Mapping[str, Any]) -> dict[str, str]:
    """Return the answers of the interview, where none is given, that company answers depend on."""
    model = (
        {"model_name": questions.DEFAULT_MODEL} if questions.serves_language_model(_kind(known)[0]) else {}
    )
    return {"region": answer_formats.default_region(), **model}


def _kind(known: Mapping[str, Any]) -> tuple[str, str]:
    """Return the deployment config and target that decide which questions are asked."""
    config = known.get("deployment_config", questions.PREDICTIVE[0])
    return str(config), str(known.get("deployment_target", next(iter(catalog.targets()))))


def _ask(run: Defaults, given: Mapping[str, Any]) -> list[str]:
    """Ask the MCP servers for what is not decided yet; keep what can be used."""
    known = {**run.outside.values, **given}
    config, target = _kind(known)
    asked = questions.relevant(
        {name: None for name in questions.ASKABLE if name not in known}, config, target
    )
    context = {name: value for name, value in known.items() if name not in questions.SECRETS}
    told = mcp_client.ask(run.outside.mcp_servers, list(asked), context)
    notes = list(told.warnings)
    values, origins = dict(run.outside.values), dict(run.outside.origins)
    for name, value in told.values.items():
        if name == "instance_type" and questions.serves_language_model(config):
            continue  # the sizer chooses the type of a language model; servers can suggest choices
        try:
            answers.check(questions.relevant({**known, name: value}, config, target))
        except InvalidAnswer as refused:
            notes.append(f"MCP server {told.origins[name]}: {refused}")
            continue
        values[name], origins[name] = value, f"MCP server {told.origins[name]}"
    run.outside = Settings(values, origins, choices=told.choices)
    return notes
