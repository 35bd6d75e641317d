"""Why it failed: the last log lines and the failure reason, matched to the causes in causes/*.toml.

A cause has an `id`, `patterns` (regular expressions, one of which must be found), `what` happened, its
`cause` and what to do `next`; the last two may name a group of the pattern, such as a number in the log. One
that is a `symptom` is told only when nothing else is found. An id may stand twice, for other patterns: the
first that is found counts.
"""

import re
from pathlib import Path
from typing import Any

from lifecycle.project import read_toml

CAUSES = Path(__file__).resolve().parent / "causes"
LONGEST_LINE = 400


def explain(log: str, reason: str = "", status: str = "") -> list[dict[str, str]]:
    """Return what is known of a failure, each with id, what, seen (the line), cause and next.

    `reason` and `status` are those that AWS gives for a resource, such as its FailureReason.
    """
    told = f"status: {status}\n{reason}\n{log}"
    found: dict[str, dict[str, str]] = {}
    symptoms: dict[str, dict[str, str]] = {}
    for cause in _causes():
        matches = (match for pattern in cause["patterns"] for match in re.finditer(pattern, told))
        last = max(matches, key=lambda match: match.start(), default=None)
        if last:
            kind = symptoms if cause.get("symptom") else found
            kind.setdefault(cause["id"], _finding(cause, last))
    return list((found or symptoms).values())


def explained(log: str, otherwise: str) -> tuple[str, str]:
    """Return the first cause of a failure and what to do; `otherwise` is what to do when none is known."""
    found = explain(log)
    return (found[0]["cause"], found[0]["next"]) if found else ("", otherwise)


def _finding(cause: dict[str, Any], match: re.Match[str]) -> dict[str, str]:
    start = match.string.rfind("\n", 0, match.start()) + 1
    line = match.string[start:].partition("\n")[0].strip()
    told = {name: cause[name].format(**match.groupdict()) for name in ("what", "cause", "next")}
    return {"id": cause["id"], "seen": line[:LONGEST_LINE], **told}


def _causes() -> list[dict[str, Any]]:
    return [cause for file in sorted(CAUSES.glob("*.toml")) for cause in read_toml(file)["causes"]]
