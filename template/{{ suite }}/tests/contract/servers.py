"""Starting, signalling and looking into a server: one that runs already, a local one, or a container."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from . import processes
from .client import Client, Failed, NotApplicable
from .processes import Listener, Process

START_SECONDS = 120


@dataclass(frozen=True)
class Setup:
    """What to start: `program` is the Python interpreter, or the engine that runs `image`."""

    program: str
    image: str = ""
    model: Path | None = None
    user: str = ""
    port: int = 0
    options: tuple[str, ...] = ()


class Server:
    """A server that runs already: it answers requests, but cannot be started, ended or looked into."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def start(self) -> None:
        """Start the server, or start it again."""

    def exit_code(self) -> int | None:
        """Return None while the server runs."""
        return None

    def log(self) -> str:
        """Return what the server has printed."""
        return ""

    def close(self) -> None:
        """End what was started and remove its files."""

    def responds(self) -> bool:
        """Return whether GET /ping answers 200."""
        with contextlib.suppress(OSError, HTTPException):
            return self.client.ping().status == 200
        return False

    def ready(self) -> float:
        """Return the seconds until /ping answers 200. Raises Failed when it never does."""
        started = time.perf_counter()
        while not self.responds():
            code, seconds = self.exit_code(), time.perf_counter() - started
            if code is not None or seconds > START_SECONDS:
                raise Failed(
                    f"no /ping 200 after {seconds:.0f} s, exit code {code}; log:\n{self.log()[-2000:]}"
                )
            time.sleep(0.05)
        return time.perf_counter() - started

    def wait(self, seconds: float) -> int | None:
        """Return the exit code once the server has ended, or None when it has not in this time."""
        deadline = time.monotonic() + seconds
        while (code := self.exit_code()) is None and time.monotonic() < deadline:
            time.sleep(0.02)
        return code


class LocalServer(Server):
    """`serving/serve serve` of the project in the current directory."""

    dropped_user = "nobody"

    def __init__(self, setup: Setup) -> None:
        if setup.options:
            raise NotApplicable("needs a container")
        self.setup, self.port = setup, setup.port or free_port()
        super().__init__(Client("127.0.0.1", self.port))
        self.user = setup.user or os.environ.get("SERVING_USER", "root")
        self.model_dir = str(Path(setup.model or "model").resolve())
        self.directory = Path(tempfile.mkdtemp(prefix="contract-"))
        self.directory.chmod(0o1777)  # a server that has dropped its privileges writes here, too
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server, or start it again."""
        own = {
            "SAGEMAKER_BIND_TO_PORT": str(self.port),
            "SERVING_USER": self.user,
            "MODEL_DIR": self.model_dir,
        }
        environment = {**os.environ, **own, "TMPDIR": str(self.directory)}
        command = [self.setup.program, "serving/serve", "serve"]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def exit_code(self) -> int | None:
        """Return None while the server runs."""
        return self.process.poll() if self.process else None

    def log(self) -> str:
        """Return what the server has printed."""
        return (self.directory / "log").read_text(errors="replace")

    def signal(self, which: signal.Signals) -> None:
        """Send a signal to the supervisor."""
        if self.process:
            self.process.send_signal(which)

    def kill(self, pid: int) -> None:
        """Kill one process of the server, if it is there."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def look(self) -> tuple[list[Process], list[Listener]]:
        """Return the server's processes and its listening sockets."""
        everything, family = processes.processes(), {self.process.pid if self.process else 0}
        if not everything:
            raise NotApplicable("needs /proc, which only Linux has")
        while children := {row["pid"] for row in everything if row["parent"] in family} - family:
            family |= children
        ours = [row for row in everything if row["pid"] in family]
        sockets = {name for row in ours for name in row["sockets"]}
        return ours, [row for row in processes.listeners() if row["socket"] in sockets]

    def leftovers(self, before: list[Process]) -> list[str]:
        """End and return the processes seen `before` that still run; also return temporary directories."""
        pids = {row["pid"] for row in before}
        alive = [row for row in processes.processes() if row["pid"] in pids and not row["zombie"]]
        for row in alive:
            self.kill(row["pid"])
        return [row["command"] for row in alive] + [path.name for path in self.directory.glob("serving-*")]

    def close(self) -> None:
        """End the server with everything it started, and remove its files."""
        if self.process and self.exit_code() is None:
            with contextlib.suppress(NotApplicable):
                family = self.look()[0]
            self.process.terminate()
            if self.wait(30) is None:
                for row in family:
                    self.kill(row["pid"])
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


class ContainerServer(Server):
    """A container, started as SageMaker does: `ENGINE run IMAGE serve`."""

    dropped_user = "serving"

    def __init__(self, setup: Setup) -> None:
        super().__init__(Client("127.0.0.1", free_port()))
        self.setup, self.port, self.user = setup, setup.port or 8080, setup.user
        self.model_dir, self.container = "/opt/ml/model", ""

    def engine(self, *arguments: str, stdin: str = "") -> str:
        """Return what an engine command prints. Raises Failed when it fails."""
        done = subprocess.run([self.setup.program, *arguments], input=stdin, capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"{self.setup.program} {arguments[0]}: {done.stderr.strip()[-500:]}")
        return (done.stdout + done.stderr if arguments[0] == "logs" else done.stdout).strip()

    def start(self) -> None:
        """Start the container, or start it again."""
        if self.container:
            self.engine("start", self.container)
            return
        options = [*self.setup.options, "-p", f"127.0.0.1:{self.client.port}:{self.port}"]
        options += ["-v", f"{self.setup.model.resolve()}:{self.model_dir}:ro"] if self.setup.model else []
        options += ["-e", f"SERVING_USER={self.user}"] if self.user else []
        options += ["-e", f"SAGEMAKER_BIND_TO_PORT={self.port}"] if self.setup.port else []
        self.container = self.engine("run", "-d", *options, self.setup.image, "serve")

    def exit_code(self) -> int | None:
        """Return None while the container runs."""
        state = self.engine("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", self.container)
        status, code = state.split()
        return int(code) if status in ("exited", "stopped", "dead") else None

    def log(self) -> str:
        """Return what the container has printed."""
        return self.engine("logs", self.container)

    def signal(self, which: signal.Signals) -> None:
        """Send a signal to the container's first process."""
        self.engine("kill", "-s", which.name, self.container)

    def python(self, source: str) -> str:
        """Return what Python source prints when root runs it inside the container."""
        return self.engine("exec", "-i", "-u", "0", self.container, "python3", "-", stdin=source)

    def kill(self, pid: int) -> None:
        """Kill one process of the server."""
        self.python(f"import os\nos.kill({pid}, 9)")

    def look(self) -> tuple[list[Process], list[Listener]]:
        """Return the container's processes and its listening sockets."""
        ours, listening = json.loads(self.python(Path(processes.__file__).read_text()))
        return ours, listening

    def close(self) -> None:
        """Remove the container, running or not."""
        if self.container:
            self.engine("rm", "-f", self.container)


OwnServer = LocalServer | ContainerServer


def free_port(wanted: int = 0) -> int:
    """Return `wanted` when nothing listens on it, or else any free port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", wanted))
            return int(probe.getsockname()[1])
    return free_port()
