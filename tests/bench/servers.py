"""The servers that are measured: how each is made and started, and what it takes."""

import io
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import copier

REPOSITORY = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
WORK = REPOSITORY / ".demo" / "bench"
FORMATS = {"sklearn": "pkl", "xgboost": "ubj", "tensorflow": "keras", "lightgbm": "txt"}
SERVERS = ("http-flask", "http-fastapi")
START_SECONDS = 60
PORTS = {"plain": 8190, "http-flask": 8191, "http-fastapi": 8192}


def project(server: str, framework: str, name: str = "", **more: Any) -> Path:
    """Return a rendered project with its sample model trained, made once and kept by its name."""
    path = WORK / f"{name or framework}-{server}"
    if not (path / "model" / "examples.json").exists():
        shutil.rmtree(path, ignore_errors=True)
        data = {"deployment_config": server, "framework": framework, "model_format": FORMATS[framework]}
        data |= more
        copier.run_copy(
            str(REPOSITORY), path, data=data, defaults=True, unsafe=True, quiet=True, vcs_ref="HEAD"
        )
    return path


@contextmanager
def running(
    command: list[str], environment: dict[str, str], folder: Path, port: int, health: str = "/ping"
) -> Iterator[tuple[int, float]]:
    """Run a server while the block runs; give its process id and the seconds until it is healthy."""
    with tempfile.TemporaryFile() as log:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield process.pid, _wait(process, f"http://127.0.0.1:{port}{health}", started, log)
        finally:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(40)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _wait(process: "subprocess.Popen[bytes]", url: str, started: float, log: io.BufferedRandom) -> float:
    while process.poll() is None and time.perf_counter() - started < START_SECONDS:
        try:
            with urllib.request.urlopen(url, timeout=10):
                return time.perf_counter() - started
        except OSError:
            time.sleep(0.01)
    log.seek(0)
    raise RuntimeError(log.read().decode())


def server_command(name: str, framework: str, folder: Path, workers: int) -> tuple[list[str], dict[str, str]]:
    """Return how to start the plain stack, or the project in `folder`."""
    python = str(folder / ".venv-model" / "bin" / "python")
    model = folder / "model" / f"model.{FORMATS[framework]}"
    if name == "plain":
        environment = {"FRAMEWORK": framework, "MODEL": str(model), "PYTHONPATH": str(HERE)}
        bind = f"127.0.0.1:{PORTS[name]}"
        command = [python, "-m", "gunicorn", "--workers", str(workers), "--bind", bind, "--no-control-socket"]
        return [*command, "plain:app"], {**environment, "TF_CPP_MIN_LOG_LEVEL": "2"}
    environment = {"MODEL_DIR": str(folder / "model"), "SAGEMAKER_BIND_TO_PORT": str(PORTS[name])}
    return [python, "serving/serve", "serve"], {**environment, "SERVING_WORKERS": str(workers)}


def processor_seconds(*servers: int) -> float:
    """Return the processor time that processes and those below them have taken."""
    return sum(process.ticks for process in _below(*servers)) / os.sysconf("SC_CLK_TCK")


def memory_of(*servers: int) -> float:
    """Return the proportional set size of processes and those below them, in MB."""
    total = 0
    for process in _below(*servers):
        with suppress(OSError):
            rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
            total += int(rollup.split("Pss:")[1].split()[0])
    return total / 1024


class _Process(NamedTuple):
    pid: int
    parent: int
    ticks: int


def _below(*servers: int) -> list[_Process]:
    """Return processes and those below them."""
    found: dict[int, _Process] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            pid = int(path.parent.name)
            found[pid] = _Process(pid, int(fields[1]), int(fields[11]) + int(fields[12]))

    def is_below(pid: int) -> bool:
        return pid in servers or (pid in found and is_below(found[pid].parent))

    return [process for pid, process in found.items() if is_below(pid)]
