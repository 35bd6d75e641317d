"""Faults while do/benchmark creates the environment of its load generator, with the real uv and a fake index.

After each fault, the command names the cause, writes no figures, and works when it is run again.
"""

import json
import os
import re
import signal
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes import wheel_index
from tests.fakes.aws.containers import Answer, Container, Launch, LightRunner, plausible
from tests.fakes.wheel_index import Fault, WheelIndex
from tests.lifecycle.commands import NAME, Done, clean_environment
from tests.lifecycle.conftest import copied
from tests.lifecycle.forks import Forks
from tests.load_generators import FAKES

pytestmark = pytest.mark.xdist_group("benchmark-environment")  # its wheels and its server are made once
NO_SPACE = "failed to copy file to .venv-benchmark: No space left on device (os error 28)"


@dataclass
class Setup:
    """A project whose load generator is not installed, a server of its model, and an index."""

    project: Path
    server: Container
    index: WheelIndex
    forks: Forks
    tools: Path

    @property
    def command(self) -> list[str]:
        load = ["--seconds", "0.1", "--concurrency", "1", "--yes"]
        return [str(self.project / "do" / "benchmark"), "--url", self.server.url, *load]

    def variables(self, **more: str) -> dict[str, str]:
        own = {"UV_DEFAULT_INDEX": self.index.url, "UV_CACHE_DIR": str(self.tools / "cache")}
        own |= {"UV_HTTP_RETRIES": "0", "UV_PYTHON_DOWNLOADS": "never", "NO_PROXY": "127.0.0.1"}
        return {**clean_environment(), **own, **more}

    def run(self, **more: str) -> Done:
        return self.forks.run(self.command, self.variables(**more), self.project)

    def start(self) -> "subprocess.Popen[str]":
        """Start the command in a process group of its own, until its download hangs."""
        process = self.popen()
        assert self.index.held.wait(60), process.communicate()
        return process

    def popen(self) -> "subprocess.Popen[str]":
        command = [str(self.project / ".venv" / "bin" / "python"), *self.command]
        out, err, variables = subprocess.DEVNULL, subprocess.PIPE, self.variables()
        return subprocess.Popen(
            command,
            cwd=self.project,
            env=variables,
            stdout=out,
            stderr=err,
            text=True,
            start_new_session=True,
        )

    @property
    def figures(self) -> Path:
        return self.project / "benchmark.json"

    @property
    def environment(self) -> Path:
        return self.project / ".venv-benchmark"

    def repair(self) -> None:
        """Run the command without a fault: it measures, with a complete environment."""
        self.index.fault = ""
        done = self.run()
        assert done.code == 0, done.err
        assert [level["errors"] for level in json.loads(self.figures.read_text())["levels"]] == [0]
        requirements = self.project / "do" / "lifecycle" / "load" / "requirements.txt"
        assert (self.environment / "installed.txt").read_text() == requirements.read_text()
        installed = self.environment.glob("lib/*/site-packages/*.dist-info")
        assert len(list(installed)) == len(self.index.pins) > 40


def slowly(content_type: str, accept: str, body: bytes) -> Answer:
    """Respond like a model that needs 20 ms, so that the load does not occupy a processor."""
    time.sleep(0.02)
    return plausible(content_type, accept, body)


@pytest.fixture(scope="module")
def ready(rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    folder = tmp_path_factory.mktemp("environment")
    project = copied(rendered, folder / NAME)
    requirements = project / "do" / "lifecycle" / "load" / "requirements.txt"
    server = LightRunner(model=slowly).start(Launch("model", {}))
    forks = Forks(rendered / ".venv" / "bin" / "python", project)
    with wheel_index.serving(requirements, str(FAKES), sysconfig.get_path("purelib")) as index:
        requirements.write_text(index.requirements())
        yield Setup(project, server, index, forks, folder)
    forks.close()
    server.stop()


@pytest.fixture
def setup(ready: Setup) -> Setup:
    """Return a project without the environment, without figures and without a cache."""
    for directory in (ready.environment, ready.tools / "cache"):
        subprocess.run(["rm", "-rf", str(directory)], check=True)
    ready.figures.unlink(missing_ok=True)
    ready.index.reset()
    return ready


def require_end(group: int) -> None:
    """Assert that no process of a group is left; one that got a signal may need a moment."""
    deadline = time.monotonic() + 10
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.02)


def require_no_environment(setup: Setup, done: Done, cause: str) -> None:
    """Assert that a command ended with a cause, and that nothing passes for an environment."""
    assert done.code == 3 and "Traceback" not in done.err, done.err
    assert re.findall(r"^failed \(([\w-]+)\)", done.err, re.MULTILINE) == ["no-environment"], done.err
    assert cause in done.err and "  next: " in done.err, done.err
    assert not setup.figures.exists()
    installed = setup.environment / "installed.txt"
    assert not installed.exists() or installed.is_symlink()


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("unavailable", "it responded with 503 Service Unavailable"),
        ("cut", "the connection to the package index broke or timed out"),
        ("other Python", "has no wheel for the Python version"),
        ("other file", "the index has other files than the one of do/lock"),
    ],
)
def test_a_fault_of_the_index_is_named(setup: Setup, fault: Fault, cause: str) -> None:
    setup.index.fault = fault
    require_no_environment(setup, setup.run(), cause)
    setup.repair()


def test_without_network_nothing_is_installed(setup: Setup) -> None:
    done = setup.run(UV_DEFAULT_INDEX="http://127.0.0.1:9/simple")
    require_no_environment(setup, done, "no network, or a proxy or VPN blocks it")
    setup.repair()


@pytest.mark.parametrize(
    "script",
    [
        f"echo '{NO_SPACE}' >&2; exit 2",
        # An environment is created, and the disk is full when its requirements are noted.
        'mkdir -p "$6/bin"; touch "$6/bin/python"; ln -s /dev/full "$6/installed.txt"',
    ],
    ids=["while installing", "afterward"],
)
def test_a_full_disk_is_named(setup: Setup, script: str) -> None:
    tools = setup.tools / "full"
    tools.mkdir(exist_ok=True)
    (tools / "uv").write_text(f'#!/bin/sh\n[ "$1" = venv ] || exit 0\n{script}\n')
    (tools / "uv").chmod(0o755)
    done = setup.run(PATH=f"{tools}{os.pathsep}{os.environ['PATH']}")
    require_no_environment(setup, done, "images, layers or downloads fill the disk")
    (setup.environment / "installed.txt").unlink(missing_ok=True)  # nothing can read /dev/full to its end
    setup.repair()


@pytest.mark.parametrize("file", ["benchmark.json", "benchmark.svg"])
def test_figures_that_cannot_be_written_are_a_failure(setup: Setup, file: str) -> None:
    new = setup.project / f".{file}.new"
    new.symlink_to("/dev/full")
    done = setup.run()
    new.unlink()
    assert done.code == 3 and f"failed (not-written): {file} cannot be written" in done.err, done.err
    assert "No space left on device" in done.err and not setup.figures.exists()
    setup.repair()


def test_an_environment_of_a_python_that_was_removed_is_created_again(setup: Setup) -> None:
    setup.repair()
    python = setup.environment / "bin" / "python"
    python.unlink()
    python.symlink_to("/usr/lib/no/python")
    setup.figures.unlink()
    setup.repair()
    assert python.exists()


@pytest.mark.parametrize("whole_group", [True, False], ids=["terminal", "kill"])
def test_ctrl_c_stops_the_installation(setup: Setup, whole_group: bool) -> None:
    setup.index.fault = "hang"
    process = setup.start()
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "stopped" in err and "Traceback" not in err, err
    require_end(process.pid)
    assert not setup.figures.exists()
    setup.repair()


def test_after_a_kill_the_next_command_waits_for_the_installer_that_is_left(setup: Setup) -> None:
    setup.index.fault = "hang"
    killed = setup.start()
    killed.kill()
    killed.wait(30)
    os.killpg(killed.pid, 0)  # raises ProcessLookupError if no installer is left
    again = setup.popen()
    assert again.stderr
    lines = [again.stderr.readline()]
    while "waiting for another command that creates .venv-benchmark" not in lines[-1]:
        assert lines[-1], f"it did not wait: {lines}"
        lines.append(again.stderr.readline())
    setup.index.fault = ""
    setup.index.released.set()
    _, err = again.communicate(timeout=60)
    assert again.returncode == 0, err
    require_end(killed.pid)
    assert killed.stderr
    killed.stderr.close()
    setup.figures.unlink()
    setup.repair()
