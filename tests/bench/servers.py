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

import copier

REPOSITORY = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
WORK = REPOSITORY / ".demo" / "bench"
FORMATS = {"sklearn": "pkl", "xgboost": "ubj", "tensorflow": "keras"}
SERVERS = ("http-flask", "http-fastapi")
START_SECONDS = 60
PORTS = {"plain": 8190, "http-flask": 8191, "http-fastapi": 8192}


def project(server: str, framework: str) -> Path:
    """Return a rendered project with its sample model trained, made once and kept."""
    path = WORK / f"{framework}-{server}"
    if not (path / "model" / "examples.json").exists():
        shutil.rmtree(path, ignore_errors=True)
        data = {"deployment_config": server, "framework": framework, "model_format": FORMATS[framework]}
        copier.run_copy(
            str(REPOSITORY), path, data=data, defaults=True, unsafe=True, quiet=True, vcs_ref="HEAD"
        )
    return path


@contextmanager
def running(
    command: list[str], environment: dict[str, str], folder: Path, port: int
) -> Iterator[tuple[int, float]]:
    """Run a server while the block runs; give its process id and the seconds until its first /ping 200."""
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
            yield process.pid, _wait(process, port, started, log)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(40)


def _wait(process: "subprocess.Popen[bytes]", port: int, started: float, log: io.BufferedRandom) -> float:
    while process.poll() is None and time.perf_counter() - started < START_SECONDS:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=10):
                return time.perf_counter() - started
        except OSError:
            time.sleep(0.01)
    log.seek(0)
    raise RuntimeError(log.read().decode())


def server_command(name: str, framework: str, folder: Path, workers: int) -> tuple[list[str], dict[str, str]]:
    """Return how to start the plain stack, or the project in `folder`."""
    python = str(folder / ".venv-model" / "bin" / "python")
    model = next(path for path in (folder / "model").iterdir() if path.name != "README.md")
    if name == "plain":
        environment = {"FRAMEWORK": framework, "MODEL": str(model), "PYTHONPATH": str(HERE)}
        bind = f"127.0.0.1:{PORTS[name]}"
        command = [python, "-m", "gunicorn", "--workers", str(workers), "--bind", bind, "--no-control-socket"]
        return [*command, "plain:app"], {**environment, "TF_CPP_MIN_LOG_LEVEL": "2"}
    environment = {"MODEL_DIR": str(folder / "model"), "SAGEMAKER_BIND_TO_PORT": str(PORTS[name])}
    return [python, "serving/serve", "serve"], {**environment, "SERVING_WORKERS": str(workers)}


def processor_seconds(server: int) -> float:
    """Return the processor time that a process and those below it have taken."""
    parents, ticks = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            pid = int(path.parent.name)
            parents[pid], ticks[pid] = int(fields[1]), int(fields[11]) + int(fields[12])

    def is_below(pid: int) -> bool:
        return pid == server or (pid in parents and is_below(parents[pid]))

    return sum(ticks[pid] for pid in ticks if is_below(pid)) / os.sysconf("SC_CLK_TCK")
