"""Checks before the first question: the destination and the answers from -d and --data-file."""

import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from . import answers, copier_run, defaults, stored


def check_answers(conf: Mapping[str, Any]) -> str:
    """Refuse a used destination and unusable answers before the first question."""
    given = dict(conf["data"])
    if copier_run.made_by_update(conf):
        stored.check(given, conf["answers_file"])
        return ""
    last = copier_run.last_answers(conf)
    stored.check(last, conf["answers_file"])
    if copier_run.is_new_project(conf):
        answers.check_destination(Path(conf["dst_path"]))
    answers.check(given, last)
    if conf["defaults"]:
        answers.check_complete({**defaults.of_run().outside.values, **last, **given})
    if note := answers.dropped_type(last, given):
        report(note)
    if copier_run.is_new_project(conf):
        asks = not copier_run.is_offline(given)
        for note in defaults.check(given, asks):
            print(note, file=sys.stderr)
    return ""


@cache
def report(line: str) -> None:
    """Print a line on stderr, once however often Copier evaluates a question."""
    print(line, file=sys.stderr)
