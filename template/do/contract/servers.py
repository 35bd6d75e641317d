# Part of the library: `copier update` replaces this file.
"""Starting, signalling and looking into a server: one that runs already, a local one, or a container."""

import contextlib
import inspect
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
from typing import Any

from .client import Client, Failed, NotApplicable

START_SECONDS, LOG_LINES = 120, 20
Process = dict[str, Any]


class Server:
    """A server that runs already: it answers requests, but cannot be started, ended or looked into."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def close(self) -> None: ...

    def exit_code(self) -> int | None:
        return None

    def log(self) -> str:
        return ""

    def responds(self) -> bool:
        with contextlib.suppress(OSError, HTTPException):
            return self.client.ping().status == 200
        return False

    def ready(self) -> float:
        """Return the seconds until /ping answers 200. Raises Failed when it never does."""
        started = time.perf_counter()
        while not self.responds():
            code, seconds = self.exit_code(), time.perf_counter() - started
            if code is not None or seconds > START_SECONDS:
                log = "\n".join(self.log().splitlines()[-LOG_LINES:])
                raise Failed(f"no /ping 200 after {seconds:.0f} s, exit code {code}; log:\n{log}")
            time.sleep(0.05)
        return time.perf_counter() - started

    def wait(self, seconds: float) -> int | None:
        """Return the exit code once the server has ended, or None when it has not in this time."""
        deadline = time.monotonic() + seconds
        while (code := self.exit_code()) is None and time.monotonic() < deadline:
            time.sleep(0.02)
        return code


@dataclass
class LocalServer(Server):
    """`serving/serve serve` of the project in the current directory; like a Popen, it starts when made."""

    python: str
    model: Path
    user: str = os.environ.get("SERVING_USER", "root")
    port: int = 0
    options: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.options:
            raise NotApplicable("needs a container")
        super().__init__(Client("127.0.0.1", self.port or free_port()))
        self.listens_on, self.model_dir = self.client.port, str(self.model.resolve())
        self.directory = Path(tempfile.mkdtemp(prefix="contract-"))
        self.directory.chmod(0o1777)  # a server that has dropped its privileges writes here, too
        self.start()

    def start(self) -> None:
        env = os.environ | {"SAGEMAKER_BIND_TO_PORT": str(self.listens_on), "SERVING_USER": self.user}
        env |= {"MODEL_DIR": self.model_dir, "TMPDIR": str(self.directory), **dict(self.variables)}
        serve = [self.python, "serving/serve", "serve"]
        with (self.directory / "log").open("ab") as out:
            self.process = subprocess.Popen(serve, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def exit_code(self) -> int | None:
        return self.process.poll()

    def log(self) -> str:
        return (self.directory / "log").read_text(errors="replace")

    def labels(self) -> str:
        return Path("Dockerfile").read_text() if Path("Dockerfile").exists() else ""

    def copy_model(self, target: Path) -> None:
        shutil.copytree(self.model_dir, target)

    def signal(self, which: signal.Signals) -> None:
        self.process.send_signal(which)

    def kill(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def look(self) -> tuple[list[Process], list[int]]:
        """Return the server's processes, and the ports on which they listen off loopback."""
        everything, ports = read_proc()
        if not everything:
            raise NotApplicable("needs /proc, which only Linux has")
        family = {self.process.pid}
        while children := {row["pid"] for row in everything if row["parent"] in family} - family:
            family |= children
        ours = [row for row in everything if row["pid"] in family]
        return ours, [ports[name] for row in ours for name in row["sockets"] if name in ports]

    def orphans(self) -> list[Process]:
        return self.look()[0]

    def unprivileged(self, imports: str) -> str:
        """Return the user to drop to, who may import this. Raises NotApplicable when there is none here."""
        if os.getuid() != 0:
            raise NotApplicable("the suite does not run as root, so there is nothing to drop")
        command = [self.python, "-c", f"{imports}\nopen('serving/serve')"]
        with contextlib.suppress(OSError):
            if subprocess.run(command, user="nobody", capture_output=True).returncode == 0:
                return "nobody"
        raise NotApplicable(f"the user nobody may not read {self.python} or this project")

    def leftovers(self, before: list[Process]) -> list[str]:
        """End and return the processes seen `before` that still run; also return temporary directories."""
        pids = {row["pid"] for row in before}
        alive = [row for row in read_proc()[0] if row["pid"] in pids and row["command"]]
        for row in alive:
            self.kill(row["pid"])
        return [row["command"] for row in alive] + [path.name for path in self.directory.glob("serving-*")]

    def close(self) -> None:
        self.process.terminate()
        if self.wait(30) is None:
            with contextlib.suppress(NotApplicable):
                for row in self.look()[0]:
                    self.kill(row["pid"])
            self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


@dataclass
class ContainerServer(Server):
    """A container, started when made, as SageMaker does: `PROGRAM run IMAGE serve`."""

    program: str
    image: str
    model: Path | None = None
    user: str = ""
    port: int = 0
    options: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        super().__init__(Client("127.0.0.1", free_port()))
        self.listens_on, self.model_dir, self.container = self.port or 8080, "/opt/ml/model", ""
        self.start()

    def engine(self, *arguments: str, stdin: str = "") -> str:
        done = subprocess.run([self.program, *arguments], input=stdin, capture_output=True, text=True)
        if done.returncode:
            raise Failed(f"{self.program} {arguments[0]}: {done.stderr.strip()[-500:]}")
        return (done.stdout + done.stderr if arguments[0] == "logs" else done.stdout).strip()

    def start(self) -> None:
        if self.container:
            self.engine("start", self.container)
            return
        options = [*self.options, "-p", f"127.0.0.1:{self.client.port}:{self.listens_on}"]
        options += ["-v", f"{self.model.resolve()}:{self.model_dir}:ro"] if self.model else []
        options += ["-e", f"SERVING_USER={self.user}"] if self.user else []
        options += ["-e", f"SAGEMAKER_BIND_TO_PORT={self.port}"] if self.port else []
        options += [word for name, value in self.variables for word in ("-e", f"{name}={value}")]
        self.container = self.engine("run", "-d", *options, self.image, "serve")

    def exit_code(self) -> int | None:
        state = self.engine("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", self.container)
        status, code = state.split()
        return int(code) if status in ("exited", "stopped", "dead") else None

    def log(self) -> str:
        return self.engine("logs", self.container)

    def labels(self) -> str:
        return self.engine("image", "inspect", "--format", "{{json .Config.Labels}}", self.image)

    def copy_model(self, target: Path) -> None:
        self.engine("cp", f"{self.container}:{self.model_dir}", str(target))

    def signal(self, which: signal.Signals) -> None:
        self.engine("kill", "-s", which.name, self.container)

    def kill(self, pid: int) -> None:
        self.engine("exec", "-u", "0", self.container, "sh", "-c", f"kill -9 {pid}")

    def look(self) -> tuple[list[Process], list[int]]:
        """Return the container's processes, and the ports on which it listens off loopback."""
        imports = "import contextlib, json, os\nfrom pathlib import Path\nProcess = dict\n"
        source = f"{imports}{inspect.getsource(read_proc)}\nprint(json.dumps(read_proc()))"
        run = ("exec", "-i", "-u", "0", self.container, "python3", "-")
        processes, ports = json.loads(self.engine(*run, stdin=source))
        return processes, list(ports.values())

    def unprivileged(self, imports: str) -> str:
        return "serving"

    def orphans(self) -> list[Process]:
        """Leave a process without a parent, which only the container's first process can reap."""
        self.engine("exec", self.container, "sh", "-c", "(sleep 0.2 &); sleep 0.5")
        return self.look()[0]

    def leftovers(self, before: list[Process]) -> list[str]:
        """Return the zombies seen `before`."""
        return [f"zombie {row['pid']}" for row in before if not row["command"]]

    def close(self) -> None:
        self.engine("rm", "-f", self.container)


OwnServer = LocalServer | ContainerServer


def read_proc() -> tuple[list[Process], dict[str, int]]:
    """Return all other processes (a zombie has no command), and the ports that listen off loopback."""
    processes, ports = [], {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            lines = (path / "status").read_text().splitlines()
            status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
            process: Process = {"pid": int(path.name), "parent": int(status["PPid"][0]), "sockets": []}
            process |= {"user": int(status["Uid"][1]), "kb": int(status.get("VmRSS", ["0"])[0])}
            process["command"] = (path / "cmdline").read_text(errors="replace").replace("\0", " ")
            processes.append(process)
            process["sockets"] = [os.readlink(link) for link in (path / "fd").iterdir()]
    for table in filter(Path.exists, (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))):
        for row in [line.split() for line in table.read_text().splitlines()[1:]]:
            address, port = row[1].split(":")
            # 0A is listening; 127.0.0.1, also within IPv6, and ::1 end like this.
            if row[3] == "0A" and not address.endswith(("7F", "01000000")):
                ports[f"socket:[{row[9]}]"] = int(port, 16)
    return [process for process in processes if process["pid"] != os.getpid()], ports


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
