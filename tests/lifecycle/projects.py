"""Projects whose do/ commands run unmodified, as subprocesses, against the AWS stand-in."""

import json
import os
import subprocess
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import copier

from tests.standins import engine_stub
from tests.standins.aws.ecr import PASSWORD
from tests.standins.aws.images import Manifest, MemoryStore
from tests.standins.aws.server import AwsStandIn

ROLE = "arn:aws:iam::123456789012:role/hosting"


class PushedStore(MemoryStore):
    """The images that a stub has pushed into a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder / "pushed"

    def tags(self, repository: str) -> dict[str, str]:
        self._take()
        return super().tags(repository)

    def manifest(self, repository: str, reference: str) -> Manifest | None:
        self._take()
        return super().manifest(repository, reference)

    def _take(self) -> None:
        for file in sorted(self._folder.glob("*")):
            image, described = urllib.parse.unquote(file.name), json.loads(file.read_text())
            repository, _, tag = image.partition("/")[2].rpartition(":")
            self.push(repository, tag, **described)
            file.unlink()


@dataclass
class Project:
    """A rendered project, and the AWS and engine that its commands see."""

    folder: Path
    aws: AwsStandIn
    engine: Path
    environment: dict[str, str] = field(default_factory=dict)

    def variables(self) -> dict[str, str]:
        """Return the environment that its commands see."""
        path = f"{self.engine / 'bin'}{os.pathsep}{os.environ['PATH']}"
        stub = {"STUB_FOLDER": str(self.engine), "STUB_TOKEN": PASSWORD}
        return self.aws.environment(PATH=path, **stub, **self.environment)

    def start(self, verb: str, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        """Start a command of the project."""
        command, out = [str(self.folder / "do" / verb), *arguments], subprocess.PIPE
        environment = self.variables() | variables
        return subprocess.Popen(
            command, env=environment, cwd=self.folder.parent, stdout=out, stderr=out, text=True
        )

    def run(self, verb: str, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of the project and return what it said."""
        with self.start(verb, *arguments, **variables) as process:
            out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def answer(self, verb: str, *arguments: str, **variables: str) -> dict[str, Any]:
        """Run a command with --json; return its document, with the exit code as `code`."""
        done = self.run(verb, *arguments, "--json", **variables)
        assert done.stdout, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return {**document, "code": done.returncode, "stderr": done.stderr}

    @property
    def engine_calls(self) -> list[list[str]]:
        """Return what the engine was told."""
        return engine_stub.calls(self.engine)


def rendered(template: Path, folder: Path, **answers: Any) -> Path:
    """Render a project into a folder, quick to poll, and return it."""
    options: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}
    copier.run_copy(str(template), folder, data={"role_arn": ROLE, **answers}, **options)
    config = folder / "do" / "config.toml"
    config.write_text(config.read_text().replace("poll_seconds = 10.0", "poll_seconds = 0.1"))
    return folder


def with_stubs(folder: Path, aws: AwsStandIn, work: Path) -> Project:
    """Return a project that sees an AWS and, instead of a container engine, the stub."""
    engine = work / "engine"
    engine_stub.install(engine)
    aws.world.images = PushedStore(engine)
    return Project(folder, aws, engine)
