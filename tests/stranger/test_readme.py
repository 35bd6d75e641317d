"""The commands in README.md on a new machine, with the newest releases and nothing else installed.

The commands are read from README.md, so the two cannot differ.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.conftest import REPOSITORY, git, release
from tests.fakes.hub import Hub, Model
from tests.servers import free_port, wait_until_ready
from tests.unit.test_facts import LLAMA

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("stranger")]
SECONDS = 900  # for one command, on a busy machine
UV = Path(sys.executable).with_name("uv")
MODEL = Model(files={"config.json": LLAMA}, safetensors={"BF16": 1_000_000})


def commands() -> list[str]:
    """Return the lines of the shell blocks of README.md, without comments, and the commands of its goals."""
    text = (REPOSITORY / "README.md").read_text("utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```", text, re.S | re.M)
    lines = [re.sub(r"\s+#.*", "", line) for block in blocks for line in block.splitlines()]
    lines += goals().values()
    return [line for line in lines if line.strip()]


def goals() -> dict[str, str]:
    """Return the commands in the table of goals in README.md."""
    text = (REPOSITORY / "README.md").read_text("utf-8")
    table = text.partition("| goal | command |\n")[2].partition("\n\n")[0]
    return dict(re.findall(r"^\| (.+?) \| `(.+)` \|$", table, re.M))


def command(start: str) -> str:
    """Return the only command in README.md with this beginning."""
    found = [line for line in commands() if line.startswith(start)]
    assert len(found) == 1, f"README.md has {len(found)} commands that start with {start!r}"
    return found[0]


def copy_command(words: str) -> str:
    """Return the only `copier copy` in README.md with this text."""
    found = [line for line in commands() if line.startswith("copier copy ") and words in line]
    assert len(found) == 1, f"README.md has {len(found)} copies with {words!r}"
    return found[0]


@dataclass(frozen=True)
class Stranger:
    """A user with a clone of this repository and a shell."""

    clone: Path
    environment: Mapping[str, str]

    def run(self, line: str, folder: Path | None = None) -> str:
        """Run a command line and return its output. Fail if the command fails."""
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=folder or self.clone,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}"
        assert "Traceback" not in done.stdout, done.stdout
        return done.stdout

    def answers(self, project: str) -> dict[str, object]:
        """Return the stored answers of a project next to the clone."""
        text = (self.clone.parent / project / ".copier-answers.yml").read_text("utf-8")
        return dict(yaml.safe_load(text))


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub({"meta-llama/Llama-3.1-8B-Instruct": MODEL}) as server:
        yield server


@pytest.fixture
def stranger(tmp_path: Path, hub: Hub) -> Stranger:
    """Return a user whose PATH has only uv from the environment of this repository."""
    clone, tools = tmp_path / "ml-container-creator", tmp_path / "tools"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, clone / name)
    git(clone, "init")
    release(clone, "v1.0.0")
    tools.mkdir()
    for name in ("uv", "uvx"):
        (tools / name).symlink_to(UV.with_name(name))
    path = [folder for folder in os.environ["PATH"].split(":") if not folder.startswith(str(REPOSITORY))]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}
    kept |= {"PATH": ":".join([str(tools), *path]), "HF_ENDPOINT": hub.url}
    kept |= {"PIPX_HOME": str(tmp_path / "pipx"), "PIPX_BIN_DIR": str(tools)}
    kept |= {"PIPX_DEFAULT_PYTHON": sys.executable, "UV_PYTHON": sys.executable}
    return Stranger(clone, kept)


def with_venv(stranger: Stranger, *, python: str = sys.executable, options: str = "") -> Stranger:
    """Return a user with a new virtual environment, first in PATH."""
    venv = stranger.clone.parent / "venv"
    stranger.run(f"{shlex.quote(python)} -m venv {options} {venv}")
    return Stranger(
        stranger.clone,
        {**stranger.environment, "PATH": f"{venv / 'bin'}:{stranger.environment['PATH']}"},
    )


def copies_both(
    stranger: Stranger, hub: Hub, start: str = "copier copy ", options: str = "--skip-tasks"
) -> None:
    """Copy the predictive project and the language model in README.md, with the installer in `start`."""
    for words, project in (("../my-model", "my-model"), ("../chat", "chat")):
        line = copy_command(words).removeprefix("copier copy ")
        stranger.run(f"{start}--defaults {options if project == 'my-model' else ''} {line}")
    assert stranger.answers("my-model")["_commit"] == "v1.0.0"
    found = stranger.answers("chat")["model_facts"]
    assert isinstance(found, dict) and found["commit"] == MODEL.commit, found
    assert hub.requests


def the_example_requests_work(stranger: Stranger, project: Path, url: str) -> None:
    """Send the requests in a rendered README with curl and with Python."""
    readme = (project / "README.md").read_text("utf-8").replace("http://127.0.0.1:8080", url)
    [curl] = re.findall(r"^```bash\n(curl .*?)^```", readme, re.S | re.M)
    [python] = re.findall(r"^```python\n(.*?)^```", readme, re.S | re.M)
    by_curl = stranger.run(f"{curl.strip()} --silent --show-error")
    by_python = stranger.run(shlex.join([sys.executable, "-c", f"{python}\nprint(predictions)"]))
    assert by_curl.startswith('{"predictions":[')
    assert yaml.safe_load(by_curl)["predictions"] == yaml.safe_load(by_python)


def test_pip_then_every_step_to_predictions(stranger: Stranger, hub: Hub) -> None:
    stranger = with_venv(stranger)
    stranger.run(command("pip install copier"))
    copies_both(stranger, hub, options="")
    project, port = stranger.clone.parent / "my-model", free_port()
    assert any(path.name != "README.md" for path in (project / "model").iterdir()), "no sample model"
    server = subprocess.Popen(
        shlex.split(f"{command('do/run --local')} --port {port}"), cwd=project, env=stranger.environment
    )
    try:
        wait_until_ready(server, port, SECONDS)
        call = "do/test"
        assert call in commands()
        answered = stranger.run(f"{call} --url http://127.0.0.1:{port}", project)
        assert "predicted" in answered
        the_example_requests_work(stranger, project, f"http://127.0.0.1:{port}")
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0


def test_pipx(stranger: Stranger, hub: Hub, tmp_path: Path) -> None:
    stranger.run(f"uv venv --quiet {tmp_path / 'of-pipx'}")
    stranger.run(f"uv pip install --quiet --python {tmp_path / 'of-pipx' / 'bin' / 'python'} pipx")
    (tmp_path / "tools" / "pipx").symlink_to(tmp_path / "of-pipx" / "bin" / "pipx")
    stranger.run(command("pipx install copier"))
    copies_both(stranger, hub)


def test_uvx(stranger: Stranger, hub: Hub) -> None:
    start, copy, rest = command("uvx ").partition(" copier copy ")
    assert copy and copy_command("../my-model").endswith(rest), "the uvx command copies something else"
    copies_both(stranger, hub, start + copy)


def interpreters() -> list[str]:
    """Return the supported Pythons of this machine, one of each minor version."""
    found: dict[str, str] = {}
    for minor in (11, 12, 13, 14):
        versions = sorted(Path("~/.pyenv/versions").expanduser().glob(f"3.{minor}.*/bin/python"))
        program = shutil.which(f"python3.{minor}", path="/usr/local/bin:/usr/bin:/opt/homebrew/bin")
        if program or versions:
            found[f"3.{minor}"] = program or str(versions[-1])
    return list(found.values()) or [sys.executable]


@pytest.mark.parametrize("python", interpreters())
def test_every_python_of_this_machine_copies(stranger: Stranger, hub: Hub, python: str) -> None:
    stranger = with_venv(stranger, python=python, options="--without-pip")
    install = command("pip install copier").removeprefix("pip install ")
    stranger.run(
        f"uv pip install --quiet --python {stranger.clone.parent / 'venv' / 'bin' / 'python'} {install}"
    )
    copies_both(stranger, hub)
