"""Runs commands of projects quickly, with fork_server.py."""

import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from tests.lifecycle.commands import Done

AT_START = ("PYTHON", "LC_", "LANG", "TZ")  # variables that Python reads when it starts
SERVER = Path(__file__).with_name("fork_server.py")


class Forks:
    """Runs commands with the Python of a .venv, one after the other; those of `project` are quickest."""

    def __init__(self, python: Path, project: Path) -> None:
        pipe, command = subprocess.PIPE, [str(python), str(SERVER), str(project)]
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self._venv = python.parent.parent
        self._busy = threading.Lock()

    def run_in_turn(self, command: list[str], environment: Mapping[str, str], directory: Path) -> Done | None:
        """Run a command as `run` does; return None if it must be a process of its own.

        That is so for a project with another .venv, for variables that Python reads when it starts, and for a
        second command at the same time.
        """
        own = (directory / ".venv").resolve() == self._venv.resolve()
        read = [name for name in {**os.environ, **environment} if name.startswith(AT_START)]
        if not own or any(os.environ.get(name) != environment.get(name) for name in read):
            return None
        if not self._busy.acquire(blocking=False):
            return None
        try:
            return self.run(command, dict(environment), directory)
        finally:
            self._busy.release()

    def run(
        self, command: list[str], environment: dict[str, str], directory: Path, kill_after: int = 0
    ) -> Done:
        """Run a command and wait for its end; a signal that ended it is a negative code.

        With `kill_after`, it is killed when its journal has this number of lines.
        """
        assert self._process.stdin and self._process.stdout
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder) / "out", Path(folder) / "err"
            task = {
                "command": command,
                "environment": environment,
                "directory": str(directory),
                "out": str(out),
                "err": str(err),
                "kill_after": kill_after,
            }
            self._process.stdin.write(json.dumps(task) + "\n")
            self._process.stdin.flush()
            code = int(self._process.stdout.readline())
            return Done(code, out.read_text(), err.read_text(), time.monotonic() - started)

    def close(self) -> None:
        """Stop."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)
