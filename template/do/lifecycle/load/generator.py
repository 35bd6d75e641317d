# Part of the library: `copier update` replaces this file.
"""The process of a load generator, in an environment of its own that is created on first use."""

import argparse
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from lifecycle import environment
from lifecycle.console import Progress, confirmed
from lifecycle.project import INTERNAL_ERROR, PRECONDITION, PROJECT, TIMED_OUT, Failure, writing

DIRECTORY = PROJECT / ".venv-benchmark"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
RUNS = PROJECT / ".do" / "benchmark"
STOP_SECONDS = 10
LAST_LINES = 15


class Generator(NamedTuple):
    """A load generator: its name, and its size when installed."""

    name: str
    mib: int


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the option to install the generator without a question."""
    parser.add_argument("--yes", action="store_true", help="install the load generator without a question")


def python(generator: Generator, arguments: argparse.Namespace) -> Path:
    """Return the Python of the generator's environment; create it after a question.

    Raise Failure if the user declines, or if it cannot be created.
    """
    installed = DIRECTORY / "installed.txt"
    current = installed.exists() and installed.read_text() == REQUIREMENTS.read_text()
    question = f"Install {generator.name} ({generator.mib} MiB) in {DIRECTORY.name}?"
    if not current and not arguments.yes and not confirmed(question, "benchmark"):
        what, seen = f"do/benchmark requires {generator.name}", "the installation was declined"
        raise Failure(PRECONDITION, "no-generator", what, seen, "do/benchmark --yes")
    return environment.made(DIRECTORY, REQUIREMENTS)


def folder(concurrency: int) -> Path:
    """Return an empty folder for the files of a run. Raise Failure if it cannot be written."""
    directory = RUNS / str(concurrency)
    shutil.rmtree(directory, ignore_errors=True)
    with writing(directory):
        directory.mkdir(parents=True)
    return directory


def run(command: list[str], directory: Path, variables: Mapping[str, str], progress: Progress) -> int:
    """Run a generator until it ends, show the progress, and return its exit code.

    Its output goes to a file in `directory`. `variables` can have secrets: they are not logged. Raise Failure
    if it takes too long. Ctrl-C stops it, with the processes that it started.
    """
    log = directory / "output.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that Ctrl-C reaches this process alone, which then stops all of its
        )
        with _stopped_at_end(process):
            while process.poll() is None:
                progress.sleep(0.5)
                if progress.elapsed > progress.limit:
                    what, seen = "the load generator did not end", f"it ran for {progress.elapsed:.0f} s"
                    next_step = f"read {_shown(log)}, or send fewer requests"
                    raise Failure(TIMED_OUT, "generator-timeout", what, seen, next_step)
    return process.returncode


def failed(seen: str, directory: Path) -> Failure:
    """Return the failure of a generator, with the last lines of its output."""
    log = directory / "output.log"
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    observed = "\n    ".join([seen, *lines[-LAST_LINES:]])
    return Failure(
        INTERNAL_ERROR, "generator-failed", "the load generator failed", observed, f"read {_shown(log)}"
    )


@contextmanager
def _stopped_at_end(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Stop a process and those that it started at the end of the block."""
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _shown(path: Path) -> str:
    return str(path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path)
