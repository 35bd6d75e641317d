"""Secrets in the environment appear nowhere, and the commands start fast."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fakes.aws.server import SECRET_KEY
from tests.lifecycle.commands import Project, clean_environment
from tests.lifecycle.deployed import configure

CANARY = "hf_canary0123456789abcdefghijklmnopq"
VERBS = ("build", "clean", "deploy", "doctor", "logs", "plan", "push", "run", "status", "test")


def test_a_token_in_the_environment_is_found_nowhere(chat: Project) -> None:
    secrets = {"HF_TOKEN": CANARY, "HUGGING_FACE_HUB_TOKEN": CANARY}
    said, argv = [], set()
    for verb in (
        ["plan"],
        ["deploy"],
        ["status"],
        ["test", "--remote"],
        ["logs"],
        ["clean", "--yes", "--logs"],
    ):
        process = subprocess.Popen(
            chat.command(*verb), env=chat.variables(secrets), stdout=-1, stderr=-1, text=True, cwd=chat.path
        )
        while process.poll() is None:
            argv.add(command_line(process.pid))
        out, err = process.communicate()
        assert process.returncode == 0, err
        said += [out, err]
    told = [str(call.parameters) for call in chat.aws.calls]
    written = [path.read_text(errors="replace") for path in files(chat.path)]
    assert len(written) > 20 and any("create_endpoint" in text for text in written)
    for text in (*said, *argv, *told, *written, str(chat.aws.world.inventory())):
        assert CANARY not in text and SECRET_KEY not in text


def command_line(process: int) -> str:
    """Return the arguments of a process and of those that it started, "" after its end."""
    place = Path("/proc") / str(process)
    try:
        own = (place / "cmdline").read_text().replace("\0", " ")
        started = (place / "task" / str(process) / "children").read_text().split()
    except OSError:
        return ""
    return " ".join([own, *(command_line(int(child)) for child in started)])


def files(project: Path) -> list[Path]:
    return [path for path in project.rglob("*") if path.is_file() and ".venv" not in path.parts]


def test_what_looks_like_a_secret_is_refused_and_not_repeated(project: Project) -> None:
    configure(project, environment=f'{{HF_TOKEN = "{CANARY}"}}')
    done = project.do("deploy", "--json")
    assert done.code == 2 and "HF_TOKEN" in done.err and CANARY not in done.out + done.err
    configure(project, environment=f'{{HF_TOKEN = "{CANARY}", broken}}')
    done = project.do("deploy")
    assert done.code == 2 and CANARY not in done.out + done.err


@pytest.mark.parametrize("verb", VERBS)
def test_help_needs_no_aws_and_no_environment(rendered: Path, verb: str) -> None:
    """--help is fast because it imports no large modules; `make bench` measures the seconds."""
    done = subprocess.run(
        [str(rendered / "do" / verb), "--help"],
        env={**clean_environment(), "PYTHONPROFILEIMPORTTIME": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and done.stdout.startswith(f"usage: do/{verb}")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "lifecycle.cli" in imported
    assert not imported & {"boto3", "botocore", "yaml", "numpy", "asyncio", "http.server", "multiprocessing"}


def test_the_first_use_makes_its_environment(project: Project) -> None:
    (project.path / ".venv").unlink()
    done = project.do("status", PATH=clean_environment()["PATH"])
    assert done.code == 0 and "creating .venv" in done.err
    shutil.rmtree(project.path / ".venv")
