"""Runs the image of an inference component in Docker, pulled from the registry and started with `serve`."""

import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from datetime import datetime
from pathlib import Path

from moto.s3.models import s3_backends

from tests.fakes.aws.containers import Container, Launch, StartError
from tests.fakes.aws.ecr import PASSWORD
from tests.fakes.aws.registry_store import HOST
from tests.fakes.aws.wire import ACCOUNT

PORT = 8080
STOP_SECONDS = 30  # between SIGTERM and SIGKILL, like SageMaker
PULL_SECONDS = 300
LABEL = "mcc-fake"


class DockerRunner:
    """Starts containers with the container engine of `environment`."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._settings = Path(tempfile.mkdtemp(prefix="fake-docker-"))
        self._environment = environment | {"DOCKER_CONFIG": str(self._settings)}
        self._logged_in = False

    def start(self, launch: Launch) -> Container:
        """Pull and start an image. Raise StartError with the message of the container engine."""
        if launch.image.startswith(HOST):
            self._pull(launch.image)
        folder = _unpacked(launch.model_data) if launch.model_data else None
        mount = ["--volume", f"{folder}:/opt/ml/model:ro"] if folder else []
        memory = ["--memory", f"{launch.memory_mb}m"] if launch.memory_mb else []
        names = [part for name in launch.environment for part in ("--env", name)]
        options = ["--detach", "--label", LABEL, "--publish", f"127.0.0.1::{PORT}", *memory, *mount, *names]
        container = self._docker("run", *options, launch.image, "serve", **launch.environment).strip()
        published = self._run(
            "port", container, f"{PORT}/tcp"
        ).stdout.strip()  # no port if it ended immediately
        port = published.rsplit(":", 1)[-1] or "0"

        def stop() -> None:
            self._docker("stop", "--time", str(STOP_SECONDS), container)
            self._docker("rm", "--force", container)
            if folder:
                shutil.rmtree(folder, ignore_errors=True)

        return Container(
            f"http://127.0.0.1:{port}", stop, lambda: self._ended(container), lambda: self._lines(container)
        )

    def close(self) -> None:
        """Remove the login."""
        shutil.rmtree(self._settings, ignore_errors=True)

    def _pull(self, image: str) -> None:
        if not self._logged_in:
            self._docker("login", "--username", "AWS", "--password-stdin", HOST, stdin=PASSWORD)
            self._logged_in = True
        self._docker("pull", "--quiet", image)

    def _ended(self, container: str) -> str | None:
        state = self._docker(
            "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", container
        ).split()
        return f"exited with status {state[1]}" if state[0] in ("exited", "dead") else None

    def _lines(self, container: str) -> list[tuple[int, str]]:
        answer = self._run("logs", "--timestamps", container)
        lines = []
        for line in (answer.stdout + answer.stderr).splitlines():
            moment, _, text = line.partition(" ")
            try:
                at = datetime.fromisoformat(moment[:26] + "+00:00")
            except ValueError:
                continue
            lines.append((int(at.timestamp() * 1000), text))
        return sorted(lines, key=lambda line: line[0])

    def _docker(self, *arguments: str, stdin: str | None = None, **variables: str) -> str:
        answer = self._run(*arguments, stdin=stdin, **variables)
        if answer.returncode:
            raise StartError(answer.stderr.strip() or f"docker {arguments[0]} failed")
        return answer.stdout

    def _run(
        self, *arguments: str, stdin: str | None = None, **variables: str
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["docker", *arguments],
            env={"PATH": os.environ["PATH"], **self._environment, **variables},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PULL_SECONDS,
        )


def _unpacked(url: str) -> Path:
    """Return a folder with the content of a .tar.gz in S3. Raise StartError if it is missing or invalid."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    store = s3_backends[ACCOUNT]["aws"]
    found = store.get_object(bucket, key) if bucket in store.buckets else None
    if found is None:
        raise StartError(f"Could not find model data at {url}.")
    folder = Path(tempfile.mkdtemp(prefix="fake-model-"))
    try:
        with tarfile.open(fileobj=io.BytesIO(found.value), mode="r:gz") as archive:
            archive.extractall(folder, filter="data")
    except tarfile.TarError as error:
        raise StartError(f"Failed to extract model data archive from {url}: {error}") from None
    return folder
