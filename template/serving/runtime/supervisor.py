# Part of the library: `copier update` replaces this file.
"""Run several processes that start and stop together."""

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
LAST_SECONDS = 4  # for a process if another used all of DRAIN_SECONDS; SageMaker sends SIGKILL after 30 s
PR_SET_PDEATHSIG = 1


class Child(NamedTuple):
    """A child process, and the signal that makes it finish its requests and exit.

    With `group`, its descendants get the signal, too: a shell does not forward signals. `explain` returns the
    reason of an unexpected end by its exit code, or "".
    """

    name: str
    process: subprocess.Popen[bytes]
    graceful: signal.Signals
    group: bool = False
    explain: Callable[[int], str] = lambda code: ""


def supervise(start_children: Callable[[Path], Iterable[Child]]) -> int:
    """Run until a signal arrives (exit code 0) or a child ends (its exit code, or 1).

    `start_children` receives a temporary directory for sockets and other files.
    """
    for stream in (1, 2):
        # A child can reopen its log. In append mode, the processes do not overwrite each other's lines.
        fcntl.fcntl(stream, fcntl.F_SETFL, fcntl.fcntl(stream, fcntl.F_GETFL) | os.O_APPEND)
    for expected in (signal.SIGTERM, signal.SIGINT):
        signal.signal(expected, stop)
    try:
        run_dir = Path(tempfile.mkdtemp(prefix="serving-"))
    except OSError as error:
        print(f"serve: cannot create a directory: {error.strerror}; mount a writable /tmp", file=sys.stderr)
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
    """Start a process in its own session, so that only this process receives Ctrl-C."""
    return subprocess.Popen(
        command, env=environment, stdout=stdout, start_new_session=True, preexec_fn=end_with_parent
    )


def end_with_parent() -> None:
    """On Linux, end this process if its parent is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def wait_for_any(children: list[Child]) -> int:
    """Wait until a child ends and return its exit code, or 1 if that is 0. Reap orphans meanwhile."""
    while True:
        pid, status = os.wait()
        for child in children:
            if child.process.pid == pid:
                child.process.returncode = os.waitstatus_to_exitcode(status)
                print(f"serve: {child.name} ended with code {child.process.returncode}", file=sys.stderr)
                if reason := child.explain(child.process.returncode):
                    print(f"serve: {reason}", file=sys.stderr)
                return max(child.process.returncode, 1)


def end(children: list[Child]) -> None:
    """Stop the children in order, each after its requests in flight, and their descendants."""
    deadline = time.monotonic() + DRAIN_SECONDS
    for number, child in enumerate(children):
        remaining = max(deadline - time.monotonic(), LAST_SECONDS if number else 0)
        group = child.process.pid
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if child.group:
                os.killpg(group, child.graceful)
            child.process.send_signal(child.graceful)
        group_deadline = time.monotonic() + remaining
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(remaining)
        while child.group and is_running(group) and time.monotonic() < group_deadline:
            time.sleep(0.05)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
        child.process.wait()


def is_running(group: int) -> bool:
    """Return True if a process of the group is still running. Reap adopted processes."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(-group, os.WNOHANG)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, 0)
        return True
    return False


def stop(signum: int, frame: FrameType | None) -> None:
    """Exit with code 0 and ignore further signals."""
    for expected in (signal.SIGTERM, signal.SIGINT):
        signal.signal(expected, signal.SIG_IGN)
    sys.exit(0)
