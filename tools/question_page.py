"""The reference of questions, from questions/*.yml and the catalog."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from extensions.mcc.catalog import catalog
from extensions.mcc.interview import questions
from tools import projects
from tools.projects import FOLDER, GENERATED, HYPERPOD, REPOSITORY

KINDS: dict[str, dict[str, object]] = {  # a name for readers -> answers that lead there
    "predictive models": {},
    "language models": {"deployment_config": "transformers-vllm"},
    "Triton with a model file": {"deployment_config": "triton-fil"},
    "Triton with a language model": {"deployment_config": "triton-vllm"},
}
# Kinds for questions that only a special case asks.
SPECIAL: dict[str, dict[str, object]] = {
    "Triton with PyTorch": {"deployment_config": "triton-pytorch"},
    "batch transform jobs": {"deployment_target": "batch-transform"},
    "models of unknown size": {
        "deployment_config": "transformers-vllm",
        "model_name": "example/unknown",
        "model_parameters": "8",
    },
}
PHASES = {
    "1-model": "Model",
    "2-serving": "Serving",
    "3-infrastructure": "Infrastructure",
    "4-details": "Details",
    "5-project": "Project",
}
TYPES = {"str": "text", "int": "whole number", "bool": "yes or no"}
# Their values here are not their defaults.
ALWAYS_GIVEN = {*projects.FIXED, *HYPERPOD, "deployment_config", "model_parameters"}


@dataclass(frozen=True)
class Asked:
    """A kind of project: the questions that its interview asks, and the value of every question."""

    names: frozenset[str]
    values: Mapping[str, Any]


def questions_page(template: Path, nowhere: Path) -> str:
    """Return the page as Markdown."""
    notes = yaml.safe_load((FOLDER / "question_notes.yml").read_text("utf-8"))
    asked = {
        (kind, target): Asked(*projects.decisions(template, nowhere, {**answers, **more}))
        for kind, answers in {**KINDS, **SPECIAL}.items()
        for target, more in (("endpoint", {}), ("cluster", HYPERPOD))
        if kind in KINDS or target == "endpoint"
    }
    lines = [
        "# Questions",
        "",
        GENERATED,
        "",
        "The interview asks these questions in five phases. Every name works with `-d name=value` and in a",
        "`--data-file`; `--defaults` asks nothing.",
        "",
        "[Answer the questions](../how-to/answers.md) explains where else answers come from.",
    ]
    for file, title in PHASES.items():
        lines += ["", f"## {title}"]
        for name, question in visible(file).items():
            lines += ["", *_question(name, question, notes[name], asked)]
    return "\n".join([*lines, ""])


def visible(file: str) -> dict[str, Mapping[str, Any]]:
    """Return the questions of a phase that can be answered, in their order."""
    read = yaml.safe_load((REPOSITORY / "questions" / f"{file}.yml").read_text("utf-8"))
    known = {*questions.QUESTIONS, *questions.NEVER_ASKED}
    return {name: question for name, question in read.items() if name in known}


def _question(
    name: str, question: Mapping[str, Any], note: str, asked: Mapping[tuple[str, str], Asked]
) -> Iterator[str]:
    yield f"### `{name}`"
    yield ""
    if "help" in question:
        yield " ".join(str(question["help"]).split())
        yield ""
    yield f"- Type: {TYPES[question['type']]}"
    yield f"- Asked for: {_asked_for(name, asked)}"
    if choices := _choices(name):
        yield f"- Choices: {', '.join(f'`{choice}`' for choice in choices)}"
    if default := _default(name, asked):
        yield f"- Default: {default}"
    yield ""
    yield note


def _asked_for(name: str, asked: Mapping[tuple[str, str], Asked]) -> str:
    kinds = [kind for kind in KINDS if any(name in asked[kind, t].names for t in ("endpoint", "cluster"))]
    if not kinds:
        special = [kind for kind in SPECIAL if name in asked[kind, "endpoint"].names]
        return ", ".join(special) or "nothing; give it with `-d`"
    where = [t for t in ("endpoint", "cluster") if any(name in asked[kind, t].names for kind in KINDS)]
    text = "all projects" if len(kinds) == len(KINDS) else ", ".join(kinds)
    of_target = {"endpoint": " on an endpoint", "cluster": " on a HyperPod cluster"}
    return text + (of_target[where[0]] if len(where) == 1 else "")


def _choices(name: str) -> list[str]:
    kinds = (*catalog.frameworks(), *questions.DEPLOYMENT_CONFIGS)
    found: dict[str, None] = {}
    if name in ("base_image", "framework_version"):  # too many, and different for each kind
        return []
    for kind in kinds:
        try:
            found |= dict.fromkeys(questions.choices(name, kind).values())
        except KeyError:  # no list, or none for this kind
            continue
    return list(found)


def _default(name: str, asked: Mapping[tuple[str, str], Asked]) -> str:
    """Return the default, or the default of each kind where they differ."""
    values = {
        kind: found.values[name]
        for (kind, target), found in asked.items()
        if target == ("cluster" if name.startswith("hyperpod_") else "endpoint") and name in found.names
    }
    if usual := {kind: value for kind, value in values.items() if kind in KINDS}:
        values = usual
    if (name in ALWAYS_GIVEN and name != "deployment_config") or not values:
        return ""
    if name == "deployment_config":
        return "`http-fastapi`"
    if len({_shown(value) for value in values.values()}) == 1:
        return _shown(next(iter(values.values())))
    return "; ".join(f"{_shown(value)} ({kind})" for kind, value in values.items())


def _shown(value: object) -> str:
    text = ("yes" if value else "no") if isinstance(value, bool) else str(value)
    return f"`{text}`" if text else "empty"
