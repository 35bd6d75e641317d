# Part of the library: `copier update` replaces this file.
"""Known issues: the causes in causes/*.toml that match the last log lines and the failure reason.

The key of an issue is its id. It has `patterns` (regular expressions, one of which must match), `what`
happened, its `cause` and the `next` step; these texts can contain groups of the pattern, such as a number in
the log. An issue with `symptom` is reported only if there is no other. An id can have several entries with
different patterns: the first match applies.
"""

import contextlib
import re
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lifecycle.project import read_toml

CAUSES = Path(__file__).resolve().parent / "causes"
LONGEST_LINE = 400
LAST_LINES = 40


@dataclass(frozen=True)
class Cause:
    """A known cause: what happened, the line of the log (`seen`), and the next step."""

    id: str
    seen: str
    what: str
    cause: str
    next: str

    def as_json(self) -> dict[str, str]:
        """Return the cause as --json prints it."""
        return asdict(self)


def explain(log: str, reason: str = "", status: str = "") -> list[Cause]:
    """Return the known causes of a failure.

    `reason` and `status` are those of the AWS resource, such as its FailureReason.
    """
    text = f"status: {status}\n{reason}\n{log}"
    found, symptoms = dict[str, Cause](), dict[str, Cause]()
    known = [item for file in sorted(CAUSES.glob("*.toml")) for item in read_toml(file).items()]
    for name, cause in ((name, cause) for name, causes in known for cause in causes):
        matches = (match for pattern in cause["patterns"] for match in re.finditer(pattern, text))
        if last := max(matches, key=lambda match: match.start(), default=None):
            start = text.rfind("\n", 0, last.start()) + 1
            seen = text[start:].partition("\n")[0].strip()[:LONGEST_LINE]
            texts = {key: cause[key].format(**last.groupdict()) for key in ("what", "cause", "next")}
            kind = symptoms if cause.get("symptom") else found
            kind.setdefault(name, Cause(name, seen, **texts))
    return list((found or symptoms).values())


def explained(log: str, otherwise: str, reason: str = "", status: str = "") -> tuple[str, str]:
    """Return the first known cause of a failure and the next step, which is `otherwise` without a cause."""
    found = explain(log, reason, status)
    return (found[0].cause, found[0].next) if found else ("", otherwise)


def followed(
    command: Sequence[str | Path],
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    keep_open: tuple[int, ...] = (),
) -> tuple[int, list[str]]:
    """Run a command that prints to standard error; return its exit code and last lines, for `explained`.

    It inherits the files in `keep_open`. Ctrl-C stops it, also if the signal reaches this process alone.
    """
    pipe, lines = subprocess.PIPE, deque[str](maxlen=LAST_LINES)
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=pipe,
        stdout=pipe,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=keep_open,
    ) as process:
        assert process.stdin and process.stdout
        try:
            with contextlib.suppress(BrokenPipeError):  # it ended before it read everything
                process.stdin.write(stdin)
                process.stdin.close()
            for line in process.stdout:
                print(line, end="", file=sys.stderr, flush=True)
                lines.append(line.rstrip())
        except KeyboardInterrupt:
            process.terminate()
            raise
    return process.returncode, list(lines)
