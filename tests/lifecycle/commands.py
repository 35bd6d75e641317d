"""Runs the commands of a rendered project as users run them, against the fake AWS."""

import importlib
import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tests.fakes.aws.server import FakeAws

if TYPE_CHECKING:
    from tests.lifecycle.forks import Forks

NAME = "abalone-age"
ROLE = "arn:aws:iam::123456789012:role/service-role/exec"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
SERVING = ("endpoint", "endpoint-config", "inference-component", "model", "scalable-target", "alarm")
QUICK = {"MCC_DO_POLL_SECONDS": "0.05", "MCC_DO_CALL_SECONDS": "3", "MCC_DO_CALL_ATTEMPTS": "3"}


@contextmanager
def imported(project: Path, *modules: str) -> Iterator[ModuleType]:
    """Yield a project's package `lifecycle` with some of its modules, and unload it afterward."""

    def forget() -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == "lifecycle"]:
            del sys.modules[name]

    forget()
    sys.path.insert(0, str(project / "do"))
    try:
        for name in modules:
            importlib.import_module(f"lifecycle.{name}")
        yield sys.modules["lifecycle"]
    finally:
        sys.path.remove(str(project / "do"))
        forget()


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def json(self) -> dict[str, Any]:
        """Return the document that --json printed."""
        document: dict[str, Any] = json.loads(self.out)
        return document


@dataclass
class Project:
    """A rendered project with an image in ECR and a role, and the environment of its commands.

    With `forks`, commands run in a process that has read boto3 already, where this makes no difference.
    """

    path: Path
    aws: FakeAws
    environment: dict[str, str] = field(default_factory=dict)
    forks: "Forks | None" = None
    made_by_the_test: list[str] = field(init=False)

    def __post_init__(self) -> None:
        roles = self.aws.boto3_client("iam")
        roles.create_role(Path="/service-role/", RoleName="exec", AssumeRolePolicyDocument=json.dumps(TRUST))
        tags = [{"Key": "mcc-project", "Value": NAME}, {"Key": "mcc-project-id", "Value": self.id}]
        self.aws.boto3_client("ecr").create_repository(repositoryName=NAME, tags=tags)
        self.push("one")
        self.made_by_the_test = mutations(self.aws)

    @property
    def id(self) -> str:
        """Return the id, which differs between projects of the same name."""
        found: str = tomllib.loads((self.path / "do" / "config.toml").read_text())["project_id"]
        return found

    def push(self, content: str, **details: str) -> str:
        """Add an image to ECR like do/push, and return its digest."""
        return self.aws.push(NAME, "latest", content=content, **details)

    def do(self, verb: str, *arguments: str, **environment: str) -> Done:
        """Run a command and wait for its end."""
        command, variables = self.command(verb, *arguments), self.variables(environment)
        if self.forks and (done := self.forks.run_in_turn(command, variables, self.path)):
            return done
        started = time.monotonic()
        process = subprocess.run(
            command,
            env=variables,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            cwd=self.path,
        )
        return Done(process.returncode, process.stdout, process.stderr, time.monotonic() - started)

    def command(self, verb: str, *arguments: str) -> list[str]:
        return [str(self.path / "do" / verb), *arguments]

    def variables(self, environment: dict[str, str]) -> dict[str, str]:
        return self.aws.environment(**{**QUICK, **self.environment, **environment})

    def succeed(self, verb: str, *arguments: str, **environment: str) -> Done:
        """Run a command that must succeed."""
        done = self.do(verb, *arguments, **environment)
        assert done.code == 0, done.err + done.out
        return done

    def left(self) -> list[str]:
        """Return the ARNs of the resources that serve the model."""
        return serving(self.aws.resources())

    def journal(self) -> list[dict[str, Any]]:
        """Return the lines of the journal."""
        file = self.path / ".do" / "journal.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def serving(arns: Iterable[str]) -> list[str]:
    """Return the ARNs of endpoints, their parts, and their scaling."""
    return [arn for arn in arns if any(f":{kind}/" in arn or f":{kind}:" in arn for kind in SERVING)]


def mutations(aws: FakeAws) -> list[str]:
    """Return the operations that changed a resource, in order."""
    return [call.operation for call in aws.mutations]


def clean_environment() -> dict[str, str]:
    """Return this environment without settings, and with uv, which creates environments quickly."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MCC_"))}
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
