"""Checks the answers that a project has stored: they are rendered like given ones, and anybody can edit them.

An update keeps what was decided, so a value that the catalog offers no longer is none to refuse. What the
template works out once (the hosting, the facts of a model) is held to the type of each field, for the files
of a project hold them without quotes.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import redaction
from ..errors.errors import InvalidAnswer, UnsizableModel
from ..models import facts
from . import answer_formats, chat_templates, locks, questions
from .answers import SWITCHES

LARGEST = 10**15
LONGEST = 4096  # characters
DEEPEST = 5  # mappings in each other
MOST = 3  # problems that are listed
LINE = re.compile(rf"[^\x00-\x1f\x7f\x85\u2028\u2029]{{0,{LONGEST}}}")
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
ID = re.compile(r"[a-z0-9-]{4,64}")
SHA256 = re.compile(r"[0-9a-f]{64}")
COMMIT = re.compile(r"|[0-9a-f]{40}")
QUANTITY = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?(m|Ki|Mi|Gi|Ti)?")
PIN = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}==[A-Za-z0-9.+!]{1,50}"
    r"( ; (sys_platform|platform_machine) [!=]= '[a-z0-9_]{1,20}')?"
)
Rule = tuple[Callable[[Any], bool], str]


def _text(pattern: re.Pattern[str], what: str) -> Rule:
    return lambda value: isinstance(value, str) and bool(pattern.fullmatch(value)), what


def _number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and 0 <= value <= LARGEST


def _plain(value: Any, depth: int = DEEPEST) -> bool:
    """Return whether a value consists of numbers, switches and lines of text."""
    if isinstance(value, Mapping):
        return depth > 0 and all(_plain(key, 0) and _plain(item, depth - 1) for key, item in value.items())
    if isinstance(value, list):
        return depth > 0 and all(_plain(item, depth - 1) for item in value)
    if isinstance(value, str):
        return bool(LINE.fullmatch(value))
    return value is None or isinstance(value, bool) or _number(value)


WHOLE: Rule = (lambda value: type(value) is int and 0 <= value <= LARGEST, "a whole number")
NUMBER: Rule = (_number, "a number")
FLAG: Rule = (lambda value: isinstance(value, bool), "true or false")
ONE_LINE = _text(LINE, "a line of text")
ONE_WORD = _text(re.compile(f"|{WORD.pattern}"), "a word")
AMOUNT = _text(QUANTITY, "a quantity")
ANYTHING: Rule = (_plain, "made of numbers and lines of text")
TEMPLATE: Rule = (
    lambda value: isinstance(value, str) and not chat_templates.problem(value),
    "a chat template",
)
PINS: Rule = (
    lambda value: isinstance(value, list) and all(type(pin) is str and PIN.fullmatch(pin) for pin in value),
    "a list of pins",
)
DIGEST = _text(SHA256, "a digest")
HASHES: Rule = (
    lambda value: (
        isinstance(value, dict)
        and PINS[0](list(value))
        and all(isinstance(digests, list) and all(map(DIGEST[0], digests)) for digests in value.values())
    ),
    "hashes by pin",
)
FIELDS: Mapping[str, Mapping[str, Rule]] = {  # of others, and of later versions, any plain value will do
    "framework_lock": {
        **dict.fromkeys(("framework", "version", "as_of"), ONE_WORD),
        "pythons": (
            lambda value: isinstance(value, list) and bool(value) and set(value) <= set(locks.PYTHONS),
            "a list of Python versions",
        ),
        **dict.fromkeys(("requirements", "pandas"), PINS),
        "hashes": HASHES,
    },
    "hosting": {
        **dict.fromkeys(("memory_mib", "accelerators", "max_instance_count", "copies"), WHOLE),
        **dict.fromkeys(("requests_per_copy", "download_seconds", "startup_seconds"), WHOLE),
        **dict.fromkeys(("usd_per_hour", "max_usd_per_hour"), NUMBER),
        **dict.fromkeys(("ami", "ami_cuda"), ONE_WORD),
        "price_estimated": FLAG,
        "model_data": ONE_LINE,
        "size_note": ONE_LINE,
    },
    "engine_settings": {
        **dict.fromkeys(("tensor_parallel_size", "max_model_len", "max_num_seqs"), WHOLE),
        **dict.fromkeys(("max_num_batched_tokens", "num_attention_heads"), WHOLE),
        "gpu_memory_utilization": NUMBER,
        "kv_cache_dtype": ONE_WORD,
    },
    "pod_resources": {
        **dict.fromkeys(("gpus", "start_seconds", "progress_seconds"), WHOLE),
        **dict.fromkeys(("start_probes", "probe_seconds"), WHOLE),
        **dict.fromkeys(("cpu", "memory"), AMOUNT),
        "shared_memory": _text(re.compile(f"|{QUANTITY.pattern}"), "a quantity"),
        "gpu_nodes": FLAG,
        "metrics_path": ONE_LINE,
    },
    "chat_template_text": {"source": ONE_LINE, "text": TEMPLATE},
    "model_facts": {
        "name": ONE_LINE,
        "revision": ONE_LINE,
        "source": ONE_LINE,
        "note": ONE_LINE,
        "commit": _text(COMMIT, "a commit"),
        "digest": _text(COMMIT, "a digest"),
        "gated": FLAG,
        "chat_template": FLAG,
        "architecture": ONE_LINE,
        "model_type": ONE_LINE,
        "own_code": FLAG,
        "quantization": ONE_WORD,
        "kind": ONE_WORD,
    },
}


def check(answers: Mapping[str, Any], file: str) -> None:
    """Refuse stored answers that no question could have had. Raises InvalidAnswer, a line a problem."""
    found = [text for name, value in answers.items() if (text := _problem(name, value))]
    if found:
        lines = "\n".join(f"{file}: {text}" for text in found[:MOST])
        raise InvalidAnswer(f"{lines} Restore the file: git checkout {file}")


def _problem(name: str, value: Any) -> str:
    """Return the problem with a stored answer, or ''."""
    if name == "model_facts" and isinstance(value, Mapping) and value.get("shape"):
        value, shape = {**value, "shape": None}, value["shape"]
        try:
            facts.from_answer(shape)
        except (UnsizableModel, AttributeError) as error:
            return f"{error}."
        if not _plain(shape):
            return "model_facts.shape: a value is not made of numbers and lines of text."
    if name in FIELDS:
        return _of_fields(name, value)
    if name in answer_formats.FORMATS and name in questions.QUESTIONS:
        return answer_formats.problem(name, value)
    if name in answer_formats.NUMBERS:
        return answer_formats.whole_number(
            name, int(value) if re.fullmatch("[0-9]{1,9}", str(value)) else value
        )
    if name == "project_id":
        rule = _text(ID, "an id of lower-case letters, digits and dashes")
    elif name in SWITCHES:
        rule = FLAG
    elif name in questions.QUESTIONS:
        rule = ONE_LINE if name == "extra_arguments" else _text(WORD, "a word")
    elif name.startswith("_"):
        rule = ONE_LINE
    else:
        return ""  # of another version; it is not rendered
    return "" if rule[0](value) else f"{name}: {answer_formats.shown(name, value)} is not {rule[1]}."


def _of_fields(name: str, value: Any) -> str:
    if not isinstance(value, Mapping):
        return f"{name}: {answer_formats.shown(name, value)} is no mapping."
    for field, item in value.items():
        holds, what = FIELDS[name].get(str(field), ANYTHING)
        if not holds(item):
            return f"{name}.{redaction.masked(str(field))}: {redaction.shown(item)} is not {what}."
    return ""
