"""Projects with the stub as container engine, which have nothing in AWS before they push."""

import json
import os
import subprocess
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes import engine_stub
from tests.fakes.aws.ecr import PASSWORD
from tests.fakes.aws.images import Manifest, MemoryStore
from tests.lifecycle.commands import Project


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
class StubbedProject(Project):
    """A rendered project whose container engine is a stub that records its calls."""

    def __post_init__(self) -> None:
        self.engine = self.path.parent / "engine"
        programs = engine_stub.install(self.engine)
        self.environment = {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "STUB_FOLDER": str(self.engine),
            "STUB_TOKEN": PASSWORD,
        }
        self.aws.world.images = PushedStore(self.engine)

    def answer(self, verb: str, *arguments: str, **variables: str) -> dict[str, Any]:
        """Run a command with --json; return its document, with `code` and `stderr`."""
        done = self.do(verb, *arguments, "--json", **variables)
        assert done.out, done.err
        return {**done.json, "code": done.code, "stderr": done.err}

    def start(self, verb: str, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command without waiting for its end."""
        out, environment = subprocess.PIPE, self.variables({})
        return subprocess.Popen(
            self.command(verb, *arguments), env=environment, stdout=out, stderr=out, text=True
        )

    @property
    def engine_calls(self) -> list[list[str]]:
        """Return the calls of the container engine."""
        return engine_stub.calls(self.engine)
