"""The facts about a model as text, and their meaning for a project."""

import shlex
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import redaction
from . import about, choices
from .findings import Findings, Tensor

WIDTH, LABEL, LINES = 80, 12, 15
SHOWN = 6  # names in a line
NO_BREAK = "\u00a0"  # a space at which no line is broken


@dataclass(frozen=True)
class Inspected:
    """A model that was inspected, the answers for it, and the reason that it cannot be served."""

    path: str
    found: Findings
    answers: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the facts, the answers, warnings and the problem, as JSON has them."""
        rest = {"answers": dict(self.answers), "warnings": warnings(self.found), "problem": self.problem}
        return {"path": self.path, **about.facts(self.found), **{k: v for k, v in rest.items() if v}}


def text(inspected: Inspected) -> str:
    """Return at most 15 lines of 80 columns."""
    found, path = inspected.found, inspected.path
    name = choices.shown(path, found)
    lines = _wrapped("", f"{name}: {choices.described(found) if found.is_understood else 'not understood'}")
    for label, value in _rows(found):
        lines += _wrapped(label, value)[:2]
    for warning in warnings(found):
        lines += _wrapped("Warning", warning)
    if inspected.problem:
        return "\n".join([*lines[: LINES - 4], *_wrapped("Problem", inspected.problem)][:LINES])
    options = " ".join(f"-d{NO_BREAK}{name}={value}" for name, value in inspected.answers.items())
    last = [*_wrapped("Answers", options), *_command(inspected)]
    return "\n".join([*lines[: LINES - len(last)], *last]).replace(NO_BREAK, " ")


def _command(inspected: Inspected) -> list[str]:
    """Return the command that makes the project, to be copied as it is."""
    config = inspected.answers.get("deployment_config")
    given = ([f"-d deployment_config={config}"] if config else []) + [
        f"-d model_path={shlex.quote(inspected.path)}"
    ]
    whole = ["copier copy --trust", *given, '"$PWD" ../my-model']
    if len("  ".join(["", " ".join(whole)])) <= WIDTH:
        return ["", "  " + " ".join(whole)]
    return ["", "  " + " \\\n    ".join(whole)]


def one_line(found: Findings) -> str:
    """Return a model's class, library, inputs and classes in one line."""
    parts = [choices.described(found), inputs(found)]
    parts += [f"classes {_listed(found.classes)}"] if found.classes else []
    return ", ".join(part for part in parts if part)


def warnings(found: Findings) -> list[str]:
    """Return a line for each thing that a project needs in addition to the model's file."""
    lines = []
    if found.custom:
        lines.append(_custom(found))
    if found.packages:
        lines.append(f"the file needs {_listed(found.packages)}. Add it to requirements.in, and run do/lock.")
    if found.is_script:
        lines.append("code/inference.py is copied, too: its functions answer the requests.")
    elif found.handler:
        lines.append(
            f"code/inference.py ({', '.join(found.handler)}) is not used: it has no model_fn. Move its code "
            "to serving/model_handler.py."
        )
    return lines


def _custom(found: Findings) -> str:
    """Return the next step for classes that are not in the file."""
    names = _listed(found.custom, 3)
    needed = f"the file needs code that is not in it: {names}."
    if found.artifact.library == "keras":
        return f'{needed} Export the model, which then needs none: model.export("SavedModel").'
    if any(name.startswith("__main__.") for name in found.custom):
        return f"{needed} Define it in serving/custom.py."
    return f"{needed} Copy the module to serving/."


def inputs(found: Findings) -> str:
    """Return the inputs in a phrase, '' if they are not stated."""
    if not found.inputs:
        return f"{found.input_count} columns" if found.input_count else ""
    named = [_input(each) for each in found.inputs[:SHOWN]]
    more = f" and {len(found.inputs) - SHOWN:,} more" if len(found.inputs) > SHOWN else ""
    count = f"{len(found.inputs):,} inputs: " if len(found.inputs) > 1 else "input: "
    return f"{count}{', '.join(named)}{more}"


def _rows(found: Findings) -> list[tuple[str, str]]:
    made = [f"{name} {version}" for name, version in found.libraries.items()]
    made += [f"Python {found.python}"] if found.python else []
    needed = (
        f"numpy {'.'.join(map(str, found.artifact.needs_numpy))} or newer"
        if found.artifact.needs_numpy
        else ""
    )
    outputs = ", ".join(_input(each) for each in found.outputs[:SHOWN])
    rows = [
        ("Inputs", inputs(found)),
        ("Outputs", outputs),
        ("Classes", _listed(found.classes)),
        ("Objective", found.objective),
        ("Saved with", ", ".join(made)),
        ("Needs", needed),
        ("Example", found.sample),
        ("Files", _listed(found.files)),
        ("Note", "" if found.artifact.complete else "the file was not read to its end"),
    ]
    return [(label, value) for label, value in rows if value]


def _input(tensor: Tensor) -> str:
    shape = f"[{', '.join(str(size or '?') for size in tensor.shape)}]" if tensor.shape else ""
    values = f" of {len(tensor.values)} values" if tensor.values else ""
    kind = f"{tensor.type}{shape}{values}"
    return redaction.masked(f"{tensor.name} ({kind})" if tensor.name and kind else tensor.name or kind)[:60]


def _listed(names: tuple[str, ...], count: int = SHOWN) -> str:
    more = f" and {len(names) - count:,} more" if len(names) > count else ""
    return ", ".join(redaction.masked(name[:60]) for name in names[:count]) + more


def _wrapped(label: str, value: str) -> list[str]:
    first = f"  {label}:".ljust(LABEL + 2) if label else ""
    printable = "".join(each if each.isprintable() or each == NO_BREAK else "?" for each in value)
    return textwrap.wrap(
        printable,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first) if label else "  ",
        break_on_hyphens=False,
        break_long_words=True,
    )
