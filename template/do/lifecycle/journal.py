# Part of the library: `copier update` replaces this file.
"""The AWS calls of the commands, in .do/journal.jsonl: the intent before each call, then its result.

The journal is a hint for users and for do/clean. The existing resources and their owners come from AWS.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from lifecycle.project import POLICY, PROJECT, Failure, writing

DIRECTORY = PROJECT / ".do"
JOURNAL = DIRECTORY / "journal.jsonl"
ACCOUNT = DIRECTORY / "account"


def now() -> str:
    """Return the time in UTC in ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write(**entry: Any) -> None:
    """Append a line and flush it to the disk. Raise Failure if it cannot be written."""
    line = json.dumps({"time": now(), **entry}) + "\n"
    with writing(JOURNAL), _opened(JOURNAL, os.O_APPEND) as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else f"\n{line}"
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def read() -> list[dict[str, Any]]:
    """Return the valid entries, oldest first."""
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
    """Write a document with a timestamp to .do/ and return its path."""
    path = DIRECTORY / f"{kind}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.json"
    with writing(path), _opened(path) as file:
        file.write(json.dumps(document, indent=2, default=str).encode() + b"\n")
    return path


def account() -> str:
    """Return the account of the first change by these commands, "" if there is none yet."""
    return ACCOUNT.read_text("utf-8", errors="replace").strip() if ACCOUNT.exists() else ""


def keep_account(number: str) -> None:
    """Store the number of the account that is changed now, unless one is stored already."""
    with writing(ACCOUNT), _opened(ACCOUNT) as file:
        if not file.read().strip():
            file.write(f"{number}\n".encode())


@contextmanager
def locked(verb: str) -> Iterator[None]:
    """Hold the lock of the project. Raise Failure (policy) if another command holds it."""
    with _opened(DIRECTORY / "lock") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            what, seen = (
                "another command holds the lock",
                f"{file.read().decode(errors='replace').strip()} is running in this project",
            )
            raise Failure(POLICY, "locked", what, seen, f"wait until it ends, then run do/{verb}") from None
        with writing(DIRECTORY / "lock"):
            file.truncate(0)
            file.write(f"do/{verb} (process {os.getpid()})\n".encode())
            file.flush()
        yield


@contextmanager
def _opened(path: Path, flags: int = 0) -> Iterator[BinaryIO]:
    """Open a file of .do/ to read and write. Raise Failure (policy) for a link."""
    if DIRECTORY.is_symlink() or path.is_symlink():
        link = DIRECTORY if DIRECTORY.is_symlink() else path
        what, seen = "a file in .do/ is a link", f"{link} is a link"
        raise Failure(POLICY, "symbolic-link", what, seen, f"rm {link}")
    DIRECTORY.mkdir(exist_ok=True)
    opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | flags, 0o666)
    with os.fdopen(opened, "a+b" if flags & os.O_APPEND else "r+b") as file:
        yield file
