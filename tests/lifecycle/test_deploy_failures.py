"""A failed deployment reports the failure, and the resources that still incur charges."""

import os
import pty
import resource
import signal
import subprocess
import time

import pytest

from tests.fakes.aws.containers import Answer
from tests.lifecycle.commands import NAME, Project
from tests.lifecycle.deployed import configure, image_of

IMAGE = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{NAME}"


def test_more_memory_than_an_instance_has_is_explained(project: Project) -> None:
    configure(project, memory_mib="4000")
    failed = project.do("deploy")
    assert failed.code == 4 and "There is not enough hardware resources" in failed.err
    assert "next: reduce memory_mib in do/config.toml" in failed.err


def test_a_container_that_does_not_start_is_explained_and_can_be_mended(project: Project) -> None:
    project.aws.light.exits_saying = "exec /app/serving/serve: exec format error"
    failed = project.do("deploy")
    assert failed.code == 4
    for word in ("ping health check", "exec format error", "cause:", "do/clean", "left: endpoint"):
        assert word in failed.err, failed.err
    assert "$0.10/h" in failed.err
    explained = project.succeed("logs", "--explain").out
    assert "exec format error" in explained and "do/build" in explained
    assert project.do("status").out.count("Failed") == 1
    project.aws.light.exits_saying = None
    mended = project.succeed("deploy")
    assert "delete inference component" in mended.out
    project.succeed("clean", "--yes")
    assert project.left() == []


@pytest.mark.parametrize(("options", "answer", "deleted"), [
    ([], None, False), (["--yes"], None, True), ([], "y", True), ([], "n", False),
])  # fmt: skip
def test_a_first_deploy_that_fails_offers_to_delete_the_endpoint(
    project: Project, options: list[str], answer: str | None, deleted: bool
) -> None:
    project.aws.light.exits_saying = "exec format error"
    if answer is None:
        failed = project.do("deploy", *options)
        code, shown = failed.code, failed.err
    else:
        code, shown = in_terminal(project, f"{answer}\n", "deploy", *options)
        assert "The first deployment failed. Delete these resources? [y/N]" in shown
    assert code == 4 and "exec format error" in shown and "$0.10/h" in shown
    assert (project.left() == []) == deleted and ("left: endpoint" in shown) != deleted


def test_instances_that_do_not_come_end_the_deploy_and_are_not_billed(project: Project) -> None:
    """An endpoint stayed Creating for 35 minutes without an instance or a log: the time limit ends that."""
    project.aws.settings.provision_second = 0.001
    failed = project.do("deploy", "--yes", "--set", "provision_seconds=300", "--set", "wait_seconds=30")
    assert failed.code == 4 and "Unable to provision requested ML compute capacity" in failed.err
    assert "set another instance_type or region" in failed.err and project.left() == []


def test_a_later_deploy_that_fails_deletes_nothing(project: Project) -> None:
    project.succeed("deploy")
    project.push("two")
    project.aws.light.exits_saying = "exec format error"
    failed = project.do("deploy", "--yes")
    assert failed.code == 4 and len(project.left()) == 3
    project.succeed("clean", "--yes")
    project.aws.light.exits_saying, project.aws.settings.quotas = None, {}
    project.aws.settings.endpoint_seconds = 2
    late = project.do("deploy", "--yes", "--set", "wait_seconds=0.2")
    assert late.code == 5 and "left: endpoint" in late.err, "it is still being created"


def in_terminal(project: Project, typed: str, *command: str) -> tuple[int, str]:
    """Run a command whose input is a terminal; return its exit code and output."""
    parent, child = pty.openpty()
    os.write(parent, typed.encode())
    process = subprocess.Popen(
        project.command(*command),
        env=project.variables({}),
        stdin=child,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    shown, _ = process.communicate(timeout=60)
    os.close(parent)
    os.close(child)
    return process.returncode, shown


HOSTILE = "ready \x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m \x9b31m\u202etxt\x08\x00 \x1bcend"


def test_lines_of_a_container_cannot_command_a_terminal(project: Project) -> None:
    project.aws.light.exits_saying = HOSTILE
    failed = project.do("deploy")
    assert failed.code == 4 and "ready red" in failed.err
    shown = [failed.err, failed.out, project.succeed("logs").out, project.succeed("logs", "--explain").out]
    shown.append(project.do("logs", "--json").out)
    for text in shown:
        assert not set(text) & set("\x1b\x07\x9b\x08\x00\u202e"), ascii(text)
    assert "ready red 31mtxt end" in shown[2]


def test_an_update_that_does_not_start_leaves_the_old_one_serving(project: Project) -> None:
    project.succeed("deploy")
    old = image_of(project)
    project.push("two")
    project.aws.light.healthy = False
    project.aws.settings.startup_limit_seconds = 0.3
    failed = project.do("deploy")
    assert failed.code == 4 and "failed (rolled-back): AWS rolled back the update" in failed.err
    assert f"serves {IMAGE}@{old} again" in failed.err and "  | " in failed.err
    assert image_of(project) == old
    assert project.succeed("test", "--remote").code == 0


def test_a_wrong_answer_is_told_and_nothing_is_deleted(project: Project) -> None:
    def broken(content_type: str, accept: str, body: bytes) -> Answer:
        return 500, "application/json", b'{"error": "boom"}'

    project.aws.light.model = broken
    failed = project.do("deploy", "--json")
    assert failed.code == 6 and "boom" in failed.json["findings"][0]["seen"]
    assert len(project.left()) == 3 and len(failed.json["result"]["left"]) == 3
    assert project.do("deploy").code == 6, "a second deploy does not call it good either"
    assert project.do("test", "--remote").code == 6


def test_a_deploy_that_takes_too_long_stops_waiting(project: Project) -> None:
    project.aws.settings.endpoint_seconds = 2
    failed = project.do("deploy", "--set", "wait_seconds=0.2")
    assert failed.code == 5 and "still Creating" in failed.err and "left: endpoint" in failed.err
    project.succeed("deploy")


def test_ctrl_c_stops_waiting_and_says_what_is_billed(project: Project) -> None:
    project.aws.settings.endpoint_seconds = 30
    process = subprocess.Popen(
        project.command("deploy"),
        env=project.variables({}),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=project.path,
    )
    while not any(call.operation == "CreateEndpoint" for call in project.aws.mutations):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 130, told
    assert f"left: endpoint {NAME} (Creating): $0.10/h" in told and "do/clean" in told
    project.aws.world.region("us-east-1").endpoints[NAME].due = 0.0
    project.succeed("clean", "--yes")
    assert project.left() == []


@pytest.mark.parametrize("size", [100, 700, 1700])
def test_a_disk_without_space_for_the_journal_is_a_failure_and_names_what_is_left(
    project: Project, size: int
) -> None:
    """The limit of the size of a file, in bytes, stops the journal before or after the first resources."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        project.command("deploy"),
        env=project.variables({}),
        stdout=pipe,
        stderr=pipe,
        text=True,
        cwd=project.path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )
    _, told = process.communicate(timeout=60)
    assert process.returncode == 3 and "failed (not-written): journal.jsonl cannot be written" in told, told
    assert "Traceback" not in told and "  next: free disk space" in told
    left = [name for line in told.splitlines() if (name := line.removeprefix("  left: ")) != line]
    assert bool(project.left()) == (size > 100) and len(left) >= len(project.left()), told
    project.succeed("clean", "--yes")
    assert project.left() == []
