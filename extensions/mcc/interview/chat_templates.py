"""Chat templates for models whose tokenizer has none: from a file, or from the tokenizer of another model."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import redaction
from ..errors.errors import HubError, InvalidAnswer
from ..models import hub, hub_library
from ..sources import settings as outside

NONE = "none"  # only completions are served
LONGEST = 64 * 1024
MARKS = re.compile(r"\{%-?\s*(end)?generation\s*-?%\}")  # tokenizers' own, around what a model has written
EXAMPLE = "Example: ~/chat_template.jinja, Qwen/Qwen3-8B, or none to serve completions alone"


def look_up(answer: str, token: str, offline: bool, deployment_config: str) -> dict[str, str]:
    """Return where a chat template is from and its text, to be stored; {} when none is given.

    Raises InvalidAnswer for a file that is not there, a model that has none, and a text that is no template.
    """
    if answer in ("", NONE):
        return {}
    if deployment_config == "transformers-djl":
        raise InvalidAnswer("chat_template: transformers-djl does not support chat requests. Example: none")
    path = Path(os.path.expanduser(answer))
    if path.is_file():
        text = path.read_text("utf-8", "replace")
    elif offline or answer.count("/") != 1 or answer.endswith(".jinja"):
        raise InvalidAnswer(f"chat_template: there is no file {redaction.shown(answer)}. {EXAMPLE}")
    else:
        text = _of_hub(answer, token)
    if said := problem(text):
        raise InvalidAnswer(f"chat_template: {redaction.shown(answer)} {said}. {EXAMPLE}")
    return {"source": answer, "text": text}


def stale(kept: Mapping[str, Any], answer: str) -> str:
    """Return why a stored template is not the one that is asked for, or ''."""
    wanted = "" if answer == NONE else answer
    return "" if kept.get("source", "") == wanted else f"this is the template of {kept.get('source')!r}"


def problem(text: str) -> str:
    """Return why a text is no chat template, or ''."""
    from jinja2 import Environment, TemplateSyntaxError, meta
    from jinja2.ext import loopcontrols

    if len(text) > LONGEST:
        return f"has {len(text)} characters, more than {LONGEST}"
    try:
        parsed = Environment(extensions=[loopcontrols]).parse(MARKS.sub("", text))
    except TemplateSyntaxError as error:
        return f"is no Jinja template: {error.message}, line {error.lineno}"
    if "messages" not in meta.find_undeclared_variables(parsed):
        return "is no chat template: it does not use messages"
    return ""


def _of_hub(name: str, token: str) -> str:
    try:
        hub_library.check_name(name)
        text = hub.chat_template(name, outside.dereferenced("hf_token", token) or None)
    except HubError as error:
        raise InvalidAnswer(str(error).replace("model_name:", "chat_template:")) from None
    if not text:
        raise InvalidAnswer(f"chat_template: {name} has none. {EXAMPLE}")
    return text
