"""A running server of a project for Triton, and what it answers."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import tritonserver
from tests.servers import free_port
from tests.serving.triton_projects import environment

CONFIG, FORMAT, NAME = "triton-python", "joblib", "abalone-age"
VARIABLE = "SAGEMAKER_TRITON_DEFAULT_MODEL_NAME"
# serve, on a machine that has no nginx.
WITHOUT_NGINX = """
import runpy, sys
sys.path.insert(0, "serving")
from runtime import nginx
nginx.find = lambda: None
sys.argv = ["serve", "serve"]
runpy.run_path("serving/serve", run_name="__main__")
"""
SERVE = ("serving/serve", "serve")


class Answer:
    """What a server answered."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """A running serve."""

    def __init__(self, url: str, process: "subprocess.Popen[str]") -> None:
        self.url, self.process = url, process

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(self.url + path, body, named), timeout=60
            ) as reply:
                return Answer(reply.status, reply.headers, reply.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())


@contextmanager
def served(
    project: Path, *command: str, models: Path | None = None, environ: dict[str, str] | None = None
) -> Iterator[Served]:
    """Run serve until it is ready; end it afterwards."""
    port, log = free_port(), project.parent / f"log-{time.monotonic_ns()}"
    variables = tritonserver.on_path(models or environment(CONFIG, FORMAT))
    variables |= {
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "MODEL_DIR": str(project / "model_repository"),
        **(environ or {}),
    }
    with log.open("w") as out:
        words = [sys.executable, *(command or SERVE)]
        process = subprocess.Popen(words, cwd=project, env=variables, stdout=out, stderr=out, text=True)
    server = Served(f"http://127.0.0.1:{port}", process)
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                if server.ask("/ping").status == 200:
                    break
            except OSError:
                pass
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def refused(project: Path, repository: Path, **environ: str) -> tuple[int, str]:
    """Return the exit code and the one line of a serve that does not start."""
    variables = {**os.environ, "MODEL_DIR": str(repository), **environ}
    done = subprocess.run(
        [sys.executable, "serving/serve", "serve"], cwd=project, env=variables, capture_output=True, text=True
    )
    assert done.stderr.count("\n") == 1 and not done.stdout, done.stderr
    return done.returncode, done.stderr
