"""Runs the phases of a buildspec like CodeBuild: in one shell, and post_build also after a failed build."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PHASES = ("install", "pre_build", "build", "post_build")
KNOWN_KEYS = {"version", "env", "phases", "cache"}
KNOWN_PHASE_KEYS = {"commands", "finally", "on-failure", "runtime-versions"}


class BuildspecError(Exception):
    """A buildspec that CodeBuild rejects, with the reason."""


def parse(text: str) -> dict[str, Any]:
    """Return a buildspec as a value. Raise BuildspecError if CodeBuild rejects it."""
    try:
        spec = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BuildspecError(f"YAML_FILE_ERROR: {error}") from None
    if not isinstance(spec, dict) or str(spec.get("version")) != "0.2":
        raise BuildspecError("YAML_FILE_ERROR: the fake reads version 0.2")
    unknown = set(spec) - KNOWN_KEYS | set(spec.get("phases") or {}) - set(PHASES)
    for phase in (spec.get("phases") or {}).values():
        unknown |= set(phase) - KNOWN_PHASE_KEYS
        wrong = [c for key in ("commands", "finally") for c in phase.get(key, []) if not isinstance(c, str)]
        if wrong:
            raise BuildspecError(f"YAML_FILE_ERROR: Expected Commands[0] to be of string type: {wrong[0]}")
    unknown |= set(spec.get("env") or {}) - {"variables", "shell", "exported-variables"}
    if unknown or not spec.get("phases"):
        raise BuildspecError(f"YAML_FILE_ERROR: unknown keys {sorted(unknown)}" if unknown else "no phases")
    return spec


@dataclass
class Shell:
    """A shell that keeps its variables and its directory between commands; `state` is a separate folder."""

    program: str
    folder: Path
    state: Path
    environment: dict[str, str]
    log: Callable[[str], None]
    deadline: float
    _process: "subprocess.Popen[bytes] | None" = None
    _reader: threading.Thread | None = None

    def run(self, command: str) -> int:
        """Run a command of one or more lines and return its status; 124 after the time limit."""
        if self._process is None or self._process.poll() is not None:
            self._start()
        process, script, status = self._process, self.state / "command", self.state / "status"
        assert process is not None and process.stdin is not None
        status.unlink(missing_ok=True)
        script.write_text(command + "\n")
        process.stdin.write(
            f'. "{script}" < /dev/null; echo "$?" > "{status}.new"; mv "{status}.new" "{status}"\n'.encode()
        )
        process.stdin.flush()
        while not status.exists():
            if process.poll() is not None:
                return process.returncode or 1
            if time.monotonic() > self.deadline:
                self.close()
                return 124
            time.sleep(0.01)
        return int(status.read_text())

    def close(self) -> None:
        """Stop the shell and all its processes."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._reader:
            self._reader.join(5)

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [self.program], cwd=self.folder, env=self.environment, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def _read(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.log(line.decode(errors="replace").rstrip("\n"))


def run(spec: dict[str, Any], shell: Shell) -> Iterator[tuple[str, str | None]]:
    """Run all phases; yield each with None before it runs, and with its failure ("" for none) afterward.

    After a failure in install or pre_build, no other phase runs; after one in build, post_build runs.
    """
    failed = False
    for name in PHASES:
        phase = spec["phases"].get(name) or {}
        if failed and name != "post_build":
            continue
        yield name, None
        shell.environment["CODEBUILD_BUILD_SUCCEEDING"] = "0" if failed else "1"
        shell.run(f"export CODEBUILD_BUILD_SUCCEEDING={0 if failed else 1}")
        failure = _run_phase(phase, shell)
        yield name, failure
        goes_on = phase.get("on-failure") == "CONTINUE"
        failed = failed or (bool(failure) and not goes_on)
        if failed and name in ("install", "pre_build"):
            return


def _run_phase(phase: dict[str, Any], shell: Shell) -> str:
    failure = ""
    for command in phase.get("commands", []):
        failure = _run_command(command, shell)
        if failure:
            break
    for command in phase.get("finally", []):
        failure = _run_command(command, shell) or failure
    return failure


def _run_command(command: str, shell: Shell) -> str:
    shell.log(f"[Container] Running command {command}")
    status = shell.run(command)
    if status:
        return f"Error while executing command: {command}. Reason: exit status {status}"
    return ""
