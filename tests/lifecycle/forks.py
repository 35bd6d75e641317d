"""Runs a project's commands in forks of a process that has their libraries loaded: a tenth of the time.

A command sees what it would see in a process of its own: its directory, environment, arguments and files.
"""

import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

LIBRARIES = ("tests.lifecycle.preloaded", "argparse", "json", "pytest", __name__)
SECONDS = 120


def run(
    project: Path, verb: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[int, str, str]:
    """Run do/VERB to its end; return its exit code and what it wrote to stdout and stderr."""
    with tempfile.TemporaryDirectory() as folder:
        request = (str(project), verb, list(arguments), dict(environment), folder)
        process = _server().Process(target=_command, args=request)
        process.start()
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"do/{verb} does not end")
        texts = [(Path(folder) / name).read_text() for name in ("stdout", "stderr")]
    return process.exitcode, texts[0], texts[1]


@lru_cache
def _server() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(LIBRARIES))
    return context


def _command(project: str, verb: str, arguments: list[str], environment: dict[str, str], folder: str) -> None:
    """Become a command: this runs in the fork."""
    os.chdir(project)
    os.environ.clear()
    os.environ.update(environment)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(Path(folder) / name, os.O_WRONLY | os.O_CREAT), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    script = str(Path(project) / "do" / verb)
    sys.argv = [script, *arguments]
    sys.path.insert(0, str(Path(script).parent))
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
