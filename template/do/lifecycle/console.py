# Part of the library: `copier update` replaces this file.
"""Progress on stderr: a live line on a terminal, else a plain line at each change and every 30 s."""

import os
import re
import shutil
import sys
import textwrap
import time
from typing import TextIO

from lifecycle.project import USAGE, Failure, plain

QUIET_SECONDS = 30


# A label in a column of its own, which wrapped lines are indented to.
LABEL = re.compile(r" *\S.{0,18}? {2,}")


def fitted(text: str, stream: TextIO) -> str:
    """Return a text with its lines wrapped to the width of a terminal.

    A pipe or file gets whole lines, so that other programs can search them.
    """
    text = plain(text)
    if not stream.isatty():
        return text
    columns = shutil.get_terminal_size().columns
    return "\n".join(_wrapped(line, columns) for line in text.split("\n"))


def _wrapped(line: str, columns: int) -> str:
    label = LABEL.match(line)
    indent = label.end() if label else len(line) - len(line.lstrip()) + 2
    if len(line) <= columns:
        return line
    return textwrap.fill(
        line, columns, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )


def log(text: str) -> None:
    """Print a line of progress."""
    print(fitted(text, sys.stderr), file=sys.stderr, flush=True)


def dim(text: str) -> str:
    """Return a text in a weaker color, if standard error supports color."""
    return f"\x1b[2m{text}\x1b[0m" if sys.stderr.isatty() and "NO_COLOR" not in os.environ else text


def duration(seconds: float) -> str:
    """Return a time as 2:05, or 1:02:05."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def confirmed(question: str, verb: str) -> bool:
    """Ask the user and return whether the answer is yes. Raise Failure (usage) without a terminal."""
    if not sys.stdin.isatty():
        what, seen = "confirmation requires a terminal", "standard input is not a terminal"
        raise Failure(USAGE, "not-asked", what, seen, f"do/{verb} --yes")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


class Progress:
    """A phase of waiting, up to `limit` seconds: the elapsed time, and the last status from AWS."""

    def __init__(self, phase: str, limit: float) -> None:
        self.phase, self.limit, self.status = phase, limit, ""
        self.started = time.monotonic()
        self._shown = self.started - QUIET_SECONDS
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def show(self, status: str) -> None:
        """Show the current status."""
        changed, self.status = status != self.status, status
        if self._live:
            columns = os.get_terminal_size(sys.stderr.fileno()).columns
            print(f"\r\x1b[K{plain(self._line())[: columns - 1]}", end="", file=sys.stderr, flush=True)
        elif changed or time.monotonic() - self._shown >= QUIET_SECONDS:
            self._shown = time.monotonic()
            log(self._line())

    def line(self, text: str) -> None:
        """Print a separate line, such as one of a container's log."""
        self._clear()
        print(dim(plain(f"  | {text}")), file=sys.stderr, flush=True)

    def sleep(self, seconds: float) -> None:
        """Wait, and keep the elapsed time in the line current."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 1.0))
            self.show(self.status)

    def end(self, status: str) -> None:
        """Print the last line for good."""
        self.status = status
        self._clear()
        log(self._line())

    def _clear(self) -> None:
        if self._live:
            print("\r\x1b[K", end="", file=sys.stderr)

    def _line(self) -> str:
        return f"{self.phase}: {self.status}, {duration(self.elapsed)} (limit {duration(self.limit)})"
