"""A Hugging Face token is used for its lookup and is stored nowhere, however it was given."""

import json
import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.conftest import git, release
from tests.fakes.hub import Hub, Model
from tests.unit.test_facts import LLAMA

SMUGGLED = "$(touch${IFS}pwned)`id`'\"%s\\;&|{{7}}"
FIRST, SECOND = "team/first", "team/second"


class Processes:
    """Watches the command lines of this machine; `seen` are those with the mark."""

    def __init__(self, mark: str) -> None:
        self.mark = mark.encode()
        self.seen: set[bytes] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    line = (process / "cmdline").read_bytes()
                except OSError:  # it has ended
                    continue
                if self.mark in line:
                    self.seen.add(line)


class Person:
    """A separate home and temp folder in which copier runs; all output is kept."""

    def __init__(self, folder: Path, hub: Hub) -> None:
        self.folder, self.said = folder, ""
        self.mark = f"CANARY{uuid.uuid4().hex}"  # another test may show its own while this one looks
        self.token = f"hf_{self.mark}{SMUGGLED}"
        self.home, self.temp = folder / "home", folder / "temp"
        self.home.mkdir()
        self.temp.mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MCC_"))}
        own = {"HOME": self.home, "TMPDIR": self.temp, "XDG_CACHE_HOME": self.home / ".cache"}
        self.environ = {**kept, **{name: str(path) for name, path in own.items()}, "HF_ENDPOINT": hub.url}
        self.showing: set[bytes] = set()

    def copier(self, *arguments: str | Path, environ: Mapping[str, str], cwd: Path) -> int:
        """Run copier to its end and return its exit code."""
        command = [sys.executable, "-m", "copier", *map(str, arguments)]
        with Processes(self.mark) as processes:
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env={**self.environ, **environ},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            self.said += process.communicate()[0]
        # The process shows its arguments, and so does a child until it has become git.
        typed = b"\0".join(word.encode() for word in command) + b"\0"
        assert (typed in processes.seen) == (self.mark.encode() in typed), "the watch does not see"
        self.showing |= processes.seen - {typed}
        return process.returncode

    def traces(self, *repositories: Path) -> list[str]:
        """Return where the mark is found: files, objects of git, command lines of children, output."""
        files = (path for path in self.folder.rglob("*") if path.is_file() and path.name != "given.json")
        found = [str(path) for path in files if self.mark.encode() in path.read_bytes()]
        for repository in repositories:
            objects = ["git", "cat-file", "--batch-all-objects", "--batch"]
            content = subprocess.run(objects, cwd=repository, capture_output=True, check=True).stdout
            assert len(content) > 10_000
            found += [f"git history of {repository}"] * (self.mark.encode() in content)
        return found + [repr(line) for line in self.showing] + ["output"] * (self.mark in self.said)


Given = tuple[list[str | Path], dict[str, str]]


def by_flag(token: str, _: Path) -> Given:
    return ["-d", f"hf_token={token}"], {}


def by_environment(token: str, _: Path) -> Given:
    return [], {"HF_TOKEN": token}


def by_data_file(token: str, folder: Path) -> Given:
    (folder / "given.json").write_text(json.dumps({"hf_token": token}))
    return ["--data-file", folder / "given.json"], {}


def by_setting(token: str, _: Path) -> Given:
    return [], {"MCC_HF_TOKEN": token}


def by_reference(token: str, folder: Path) -> Given:
    (folder / "mcc.yml").write_text("hf_token: $TEAM_SECRET\n")
    return [], {"MCC_CONFIG": str(folder / "mcc.yml"), "TEAM_SECRET": token}


@pytest.mark.parametrize("give", [by_flag, by_environment, by_data_file, by_setting, by_reference])
def test_a_token_is_found_nowhere(template: Path, tmp_path: Path, give: Callable[[str, Path], Given]) -> None:
    source, project = tmp_path / "source", tmp_path / "chat"
    subprocess.run(["cp", "-r", str(template), str(source)], check=True)
    git(source, "init")
    release(source, "v1")
    models = {name: Model(files={"config.json": LLAMA}, private=True) for name in (FIRST, SECOND)}
    with Hub(models) as hub:
        person = Person(tmp_path, hub)
        hub.tokens = {person.token}
        arguments, environ = give(person.token, tmp_path)
        given = ["--trust", "--defaults", *arguments]
        model = ["-d", "deployment_config=transformers-vllm", "-d", f"model_name={FIRST}"]
        assert person.copier("copy", *given, *model, source, project, environ=environ, cwd=tmp_path) == 0
        assert {request.authorization for request in hub.requests} == {f"Bearer {person.token}"}
        git(project, "init")
        git(project, "add", "--all")
        git(project, "commit", "--message", "made")
        assert person.traces(project) == []

        asked = len(hub.requests)
        (source / "NOTES").write_text("a new version\n")
        release(source, "v2")
        model = ["-d", f"model_name={SECOND}"]
        assert person.copier("update", *given, *model, environ=environ, cwd=project) == 0
        sent = {request.authorization for request in hub.requests[asked:]}
        assert sent == {f"Bearer {person.token}"}, person.said
        git(project, "add", "--all")
        git(project, "commit", "--message", "updated")
        assert SECOND in (project / ".copier-answers.yml").read_text()
        assert person.traces(project) == []
        assert not list(tmp_path.rglob("pwned")) and not list(person.temp.iterdir())


@pytest.mark.parametrize("ending", ["", " malformed", "\x1b"])
def test_a_token_that_fails_is_not_told(template: Path, tmp_path: Path, ending: str) -> None:
    with Hub({FIRST: Model(files={"config.json": LLAMA}, private=True)}) as hub:
        person = Person(tmp_path, hub)
        (tmp_path / "given.json").write_text(
            json.dumps(
                {
                    "hf_token": person.token + ending,
                    "deployment_config": "transformers-vllm",
                    "model_name": FIRST,
                }
            )
        )
        given: list[str | Path] = ["--trust", "--defaults", "--data-file", tmp_path / "given.json"]
        code = person.copier("copy", *given, template, tmp_path / "chat", environ={}, cwd=tmp_path)
    assert code == 1 and "Traceback" not in person.said and "token" in person.said
    assert person.traces() == [] and not (tmp_path / "chat").exists()
