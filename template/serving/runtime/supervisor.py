# Part of the library: `copier update` replaces this file.
"""Processes that are started together and end together."""

import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import FrameType
from typing import IO, NamedTuple

DRAIN_SECONDS = 25  # for requests in flight
LAST_SECONDS = 4  # for a process that ends after another took all of them; SIGKILL comes at 30
PR_SET_PDEATHSIG = 1


class Child(NamedTuple):
    """A process started here, and the signal that makes it finish its requests and end.

    With `group` all that it has started get the signal: a shell passes none on.
    """

    name: str
    process: subprocess.Popen[bytes]
    graceful: signal.Signals
    group: bool = False


def supervise(start_children: Callable[[Path], Iterable[Child]]) -> int:
    """Run until a signal arrives (exit code 0) or a child dies (its code, or 1).

    `start_children` is given a directory of its own for sockets and the like.
    """
    for stream in (1, 2):
        # A child may open its log anew: appending keeps it and other writers from overwriting each other.
        fcntl.fcntl(stream, fcntl.F_SETFL, fcntl.fcntl(stream, fcntl.F_GETFL) | os.O_APPEND)
    for expected in (signal.SIGTERM, signal.SIGINT):
        signal.signal(expected, stop)
    try:
        run_dir = Path(tempfile.mkdtemp(prefix="serving-"))
    except OSError as error:
        print(f"serve: no directory for sockets: {error.strerror}; mount a writable /tmp", file=sys.stderr)
        return 2
    children: list[Child] = []
    try:
        for child in start_children(run_dir):
            children.append(child)
        return wait_for_any(children)
    finally:
        end(children)
        shutil.rmtree(run_dir, ignore_errors=True)


def start(
    command: list[str], environment: Mapping[str, str] | None = None, stdout: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, so that only this one receives Ctrl-C."""
    return subprocess.Popen(
        command, env=environment, stdout=stdout, start_new_session=True, preexec_fn=end_with_parent
    )


def end_with_parent() -> None:
    """Have Linux end this process when the one that started it is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def wait_for_any(children: list[Child]) -> int:
    """Wait until a child ends and return a non-zero code for it; reap orphans on the way."""
    while True:
        pid, status = os.wait()
        for child in children:
            if child.process.pid == pid:
                child.process.returncode = os.waitstatus_to_exitcode(status)
                print(f"serve: {child.name} ended with code {child.process.returncode}", file=sys.stderr)
                return max(child.process.returncode, 1)


def end(children: list[Child]) -> None:
    """Finish the requests in flight, the first child's first; end all with what they have started."""
    deadline = time.monotonic() + DRAIN_SECONDS
    for number, child in enumerate(children):
        left = max(deadline - time.monotonic(), LAST_SECONDS if number else 0)
        group = child.process.pid
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if child.group:
                os.killpg(group, child.graceful)
            child.process.send_signal(child.graceful)
        over = time.monotonic() + left
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(left)
        while child.group and is_running(group) and time.monotonic() < over:
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
        child.process.wait()


def is_running(group: int) -> bool:
    """Return whether a process of a group is left; reap those that were adopted."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(-group, os.WNOHANG)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, 0)
        return True
    return False


def stop(signum: int, frame: FrameType | None) -> None:
    """Leave supervise with exit code 0, once."""
    for expected in (signal.SIGTERM, signal.SIGINT):
        signal.signal(expected, signal.SIG_IGN)
    sys.exit(0)
