"""What the commands did in AWS, in .do/journal.jsonl: the intent before each call, then its result.

It is a hint for people and for do/clean. What exists, and whose it is, is asked of AWS.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from lifecycle.project import POLICY, PROJECT, Failure

DIRECTORY = PROJECT / ".do"
JOURNAL = DIRECTORY / "journal.jsonl"


def now() -> str:
    """Return the time in UTC as ISO 8601 has it."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def write(**entry: Any) -> None:
    """Append a line; it is on the disk when this returns."""
    DIRECTORY.mkdir(exist_ok=True)
    line = json.dumps({"time": now(), **entry}) + "\n"
    with JOURNAL.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else f"\n{line}"
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def read() -> list[dict[str, Any]]:
    """Return the entries, oldest first, without what a crash or an edit tore."""
    entries = []
    lines = JOURNAL.read_text("utf-8", errors="replace").splitlines() if JOURNAL.exists() else []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries


def save(kind: str, document: dict[str, Any]) -> Path:
    """Write a document of this moment to .do/ and return its path."""
    DIRECTORY.mkdir(exist_ok=True)
    path = DIRECTORY / f"{kind}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.json"
    path.write_text(json.dumps(document, indent=2, default=str) + "\n")
    return path


@contextmanager
def locked(verb: str) -> Iterator[None]:
    """Keep other commands from changing things meanwhile. Raises Failure (policy) when one is at it."""
    DIRECTORY.mkdir(exist_ok=True)
    with (DIRECTORY / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            what, seen = f"do/{verb} must not start now", f"{file.read().strip()} is running in this project"
            raise Failure(POLICY, "locked", what, seen, "wait until it has ended") from None
        file.truncate(0)
        file.write(f"do/{verb} (process {os.getpid()})\n")
        file.flush()
        yield
