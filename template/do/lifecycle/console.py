# Part of the library: `copier update` replaces this file.
"""Progress on stderr: a live line on a terminal, else a plain line at each change and every half minute."""

import os
import sys
import time

from lifecycle.project import USAGE, Failure, plain

QUIET_SECONDS = 30


def say(text: str) -> None:
    """Print a line of progress."""
    print(plain(text), file=sys.stderr, flush=True)


def dim(text: str) -> str:
    """Return a text in a weaker colour, where colours are wanted."""
    return f"\x1b[2m{text}\x1b[0m" if sys.stderr.isatty() and "NO_COLOR" not in os.environ else text


def duration(seconds: float) -> str:
    """Return a time as 2:05, or 1:02:05."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def confirmed(question: str, verb: str) -> bool:
    """Ask a person, and return whether the answer is yes. Raises Failure (usage) when nobody is there."""
    if not sys.stdin.isatty():
        what, seen = "nobody is there to be asked", "standard input is no terminal"
        raise Failure(USAGE, "not-asked", what, seen, f"do/{verb} --yes")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


class Progress:
    """One phase of waiting, of `limit` seconds at most: how long it has taken, and what AWS said last."""

    def __init__(self, phase: str, limit: float) -> None:
        self.phase, self.limit, self.status = phase, limit, ""
        self.started = time.monotonic()
        self._told = self.started - QUIET_SECONDS
        self._live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def show(self, status: str) -> None:
        """Tell what AWS says now."""
        changed, self.status = status != self.status, status
        if self._live:
            columns = os.get_terminal_size(sys.stderr.fileno()).columns
            print(f"\r\x1b[K{plain(self._line())[: columns - 1]}", end="", file=sys.stderr, flush=True)
        elif changed or time.monotonic() - self._told >= QUIET_SECONDS:
            self._told = time.monotonic()
            say(self._line())

    def line(self, text: str) -> None:
        """Print a line of its own, such as one of a container's log."""
        self._clear()
        print(dim(plain(f"  | {text}")), file=sys.stderr, flush=True)

    def sleep(self, seconds: float) -> None:
        """Wait; the line goes on to tell the time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 1.0))
            self.show(self.status)

    def end(self, status: str) -> None:
        """Leave the last line standing."""
        self.status = status
        self._clear()
        say(self._line())

    def _clear(self) -> None:
        if self._live:
            print("\r\x1b[K", end="", file=sys.stderr)

    def _line(self) -> str:
        return f"{self.phase}: {self.status}, {duration(self.elapsed)} of at most {duration(self.limit)}"
