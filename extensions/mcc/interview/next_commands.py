"""The commands to run after a copy, the last of them a request to the server."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..catalog import catalog
from ..models import model_kinds
from ..servers import engines
from . import questions

WIDTH = 76
URL = "localhost:8080"
ABALONE = "[[0,0.5,0.4,0.1,0.5,0.2,0.1,0.2]]"  # a row for the sample model
PROMPTS = {
    "chat": '{"messages": [{"role": "user", "content": "Name three oceans."}]}',
    "completion": '{"prompt": "The sea is"}',
    "inputs": '{"inputs": "The sea is"}',
    "embedding": '{"input": ["a cat", "a dog"]}',
    "reranking": '{"query": "pets", "documents": ["a cat", "a tax"]}',
    "classification": '{"input": ["What a day!"]}',
    "generate": '{"text_input": "The sea is"}',
}


def lines(project: Path, answers: Mapping[str, Any]) -> list[str]:
    """Return the commands for a new project, each at most 80 columns wide."""
    start, request = _start(answers), _request(answers)
    return [
        "Next:",
        *(f"  {command}" for command in (*_change_directory(project), *start)),
        "Then, in another terminal:",
        *(f"  {line}" for line in request),
    ]


def _change_directory(project: Path) -> list[str]:
    """Return the command that enters the project, and creates a repository where there is none."""
    path = os.path.relpath(project)
    inside = any((folder / ".git").exists() for folder in (project.resolve(), *project.resolve().parents))
    steps = [*([] if path == "." else [f"cd {shlex.quote(path)}"]), *([] if inside else ["git init"])]
    return [" && ".join(steps)] if steps else []


def _start(answers: Mapping[str, Any]) -> list[str]:
    config = answers["deployment_config"]
    if config in questions.PREDICTIVE:
        return ["do/run --local         # serve on port 8080"]
    if config in catalog.servers():
        return ["do/run --dry           # serve a stub on port 8080, without a GPU"]
    gpu = ", needs a GPU" if "model_facts" in answers else ""
    return [f"do/build && do/run     # serve on port 8080{gpu}"]


def _request(answers: Mapping[str, Any]) -> list[str]:
    """Return the lines of a request that the server answers."""
    config = answers["deployment_config"]
    if config in questions.PREDICTIVE:
        sample = answers.get("include_sample_model") and not answers.get("model_path")
        if sample:
            return [f"curl --json '{ABALONE}' {URL}/invocations"]
        return ["do/test                # send a row, show the prediction"]
    if "model_facts" not in answers:
        return [f"curl {URL}/ping"]
    command, body = f"curl {URL}/invocations --json", f"'{PROMPTS[_prompt(answers)]}'"
    return [f"{command} {body}"] if len(command + body) < WIDTH else [f"{command} \\", f"  {body}"]


def _prompt(answers: Mapping[str, Any]) -> str:
    """Return the kind of request that a language model answers."""
    config = answers["deployment_config"]
    if config in catalog.triton():
        return "generate"
    kind = model_kinds.of_answer(answers["model_facts"], answers.get("model_kind", model_kinds.AUTO))
    return engines.request_kinds(config, answers["chat_template"], kind)[0]
