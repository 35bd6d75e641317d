"""How an engine's end and the container's go together."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.conftest import Render
from tests.servers import free_port
from tests.serving import llm
from tests.serving.language_models import ask, each_server, serving


@each_server
def test_when_the_engine_dies_ping_fails_and_the_container_ends(render: Render, config: str) -> None:
    project = render("chat", deployment_config=config, offline=True)
    with serving(project) as (process, port):
        os.kill(llm.record(project)["pid"], signal.SIGKILL)
        assert process.wait(5) not in (0, None)
        assert ask(port, "/ping")[0] == 0


@each_server
def test_sigterm_reaches_the_engine(render: Render, config: str) -> None:
    project = render("chat", deployment_config=config, offline=True)
    with serving(project) as (process, _):
        engine = llm.record(project)["pid"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert not Path(f"/proc/{engine}").exists()


def container(project: Path, port: int, **changes: str) -> "subprocess.Popen[str]":
    """Start a project's serve as the first process of a namespace, as in a container."""
    own = [] if os.getuid() == 0 else ["--map-root-user"]
    return subprocess.Popen(
        ["unshare", *own, "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "serving/serve"],
        cwd=project,
        env=llm.variables(project, SAGEMAKER_BIND_TO_PORT=str(port), **changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def is_alive(pid: int) -> bool:
    """Return whether a process is still running; one that only waits to be reaped is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def descendants(pid: int) -> list[int]:
    """Return the processes below one, children before theirs."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += [int(child), *descendants(int(child))]
    return found


@each_server
def test_an_early_sigterm_ends_the_container_and_all_in_it(render: Render, config: str) -> None:
    """A first process gets only signals it handles, and the engine handles none while it imports packages."""
    project = render("chat", deployment_config=config, offline=True)
    process = container(project, free_port(), STUB_IMPORT_SECONDS="60")
    try:
        deadline = time.monotonic() + 30
        while not llm.record(project) and time.monotonic() < deadline:
            time.sleep(0.05)
        below = descendants(process.pid)
        os.kill(below[0], signal.SIGTERM)
        assert process.wait(20) == 0
        assert not [pid for pid in below if is_alive(pid)]
    finally:
        process.kill()
        process.communicate()


@each_server
def test_nothing_that_the_engine_started_outlives_it(render: Render, config: str) -> None:
    project = render("chat", deployment_config=config, offline=True)
    with serving(project, STUB_WORKERS="2") as (process, _):
        engine = llm.record(project)["pid"]
        workers = [int(pid) for pid in Path(f"/proc/{engine}/task/{engine}/children").read_text().split()]
        assert len(workers) == 2
        os.kill(engine, signal.SIGKILL)
        assert process.wait(20) not in (0, None)
        assert not [pid for pid in workers if is_alive(pid)]
