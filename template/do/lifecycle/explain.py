# Part of the library: `copier update` replaces this file.
"""Why it failed: the last log lines and the failure reason, matched to the causes in causes/*.toml.

Each is named by its id. It has `patterns` (regular expressions, one of which must be found), `what` happened,
its `cause` and what to do `next`; the last two may name a group of the pattern, such as a number in the log.
One that is a `symptom` is told only when nothing else is found. An id may stand twice, for other patterns:
the first that is found counts.
"""

import re
from dataclasses import asdict, dataclass
from pathlib import Path

from lifecycle.project import read_toml

CAUSES = Path(__file__).resolve().parent / "causes"
LONGEST_LINE = 400


@dataclass(frozen=True)
class Cause:
    """A cause that is known: what happened, the line of the log that was `seen`, and what to do next."""

    id: str
    seen: str
    what: str
    cause: str
    next: str

    def as_json(self) -> dict[str, str]:
        """Return the cause as --json prints it."""
        return asdict(self)


def explain(log: str, reason: str = "", status: str = "") -> list[Cause]:
    """Return the causes of a failure that are known.

    `reason` and `status` are those that AWS gives for a resource, such as its FailureReason.
    """
    told = f"status: {status}\n{reason}\n{log}"
    found, symptoms = dict[str, Cause](), dict[str, Cause]()
    known = [item for file in sorted(CAUSES.glob("*.toml")) for item in read_toml(file).items()]
    for name, cause in ((name, cause) for name, causes in known for cause in causes):
        matches = (match for pattern in cause["patterns"] for match in re.finditer(pattern, told))
        if last := max(matches, key=lambda match: match.start(), default=None):
            start = told.rfind("\n", 0, last.start()) + 1
            seen = told[start:].partition("\n")[0].strip()[:LONGEST_LINE]
            texts = {key: cause[key].format(**last.groupdict()) for key in ("what", "cause", "next")}
            kind = symptoms if cause.get("symptom") else found
            kind.setdefault(name, Cause(name, seen, **texts))
    return list((found or symptoms).values())


def explained(log: str, otherwise: str, reason: str = "", status: str = "") -> tuple[str, str]:
    """Return the first cause of a failure and what to do; `otherwise` is what to do when none is known."""
    found = explain(log, reason, status)
    return (found[0].cause, found[0].next) if found else ("", otherwise)
