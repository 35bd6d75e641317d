"""Commands without AWS credentials or without a role, and before the first deployment."""

import contextlib
import os
import pty
import subprocess
import threading

import pytest

from tests.lifecycle.commands import Done, Project
from tests.lifecycle.deployed import configure

STACK = "aws cloudformation deploy --stack-name abalone-age"


def without_credentials(project: Project, *command: str, **variables: str) -> Done:
    environment = {**project.variables({}), "AWS_EC2_METADATA_DISABLED": "true", **variables}
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        environment.pop(name, None)
    done = subprocess.run(
        project.command(*command), env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert "Traceback" not in done.stderr
    return Done(done.returncode, done.stdout, done.stderr, 0.0)


@pytest.mark.parametrize("variables", [{}, {"AWS_PROFILE": "missing"}])
def test_a_plan_without_credentials_shows_the_first_deployment(
    project: Project, variables: dict[str, str]
) -> None:
    configure(project, role_arn='""', account='""')
    done = without_credentials(project, "plan", **variables)
    assert done.code == 3
    for line in ("create endpoint abalone-age", "create inference component abalone-age"):
        assert line in done.out
    assert "$0.10/h, $74/month (730 h) in us-east-1 for 1 x ml.c6i.large" in done.out
    assert "MiB of memory reserved for each copy (1 copy)" in done.out
    assert "no valid AWS credentials" in done.out and "aws sso login" in done.out
    assert STACK in done.out and "--region us-east-1" in done.out
    as_json = without_credentials(project, "plan", "--json").json
    assert [finding["id"] for finding in as_json["findings"]] == ["no-credentials", "role"]
    assert as_json["result"]["account"] == "" and len(as_json["result"]["steps"]) == 3


def test_a_plan_without_a_role_shows_how_to_create_it_and_stays_valid(project: Project) -> None:
    configure(project, role_arn='""')
    done = project.do("plan", "--json")
    assert done.code == 3 and [finding["id"] for finding in done.json["findings"]] == ["role"]
    assert STACK in done.json["next"][0]
    role = f"arn:aws:iam::123456789012:role/mcc-{project.id}-execution"
    assert done.json["result"]["steps"][0]["request"]["ExecutionRoleArn"] == role
    configure(project, role_arn=f'"{role}"')
    with_role = project.do("plan", "--json").json["result"]
    assert with_role["fingerprint"] == done.json["result"]["fingerprint"]


def test_clean_before_a_first_deployment_reports_it_in_one_line(project: Project) -> None:
    done = project.succeed("clean")
    assert done.out == "abalone-age was never deployed from here and has no resources in us-east-1\n"
    assert not (project.path / ".do").exists()


def test_clean_without_credentials_says_how_to_log_in(project: Project) -> None:
    done = without_credentials(project, "clean", "--yes")
    assert done.code == 3 and "no-credentials" in done.err and "aws sso login" in done.err
    left = [line for line in done.err.splitlines() if line.startswith("  left: ")]
    assert left == ["  left: resources of abalone-age might exist (could not verify)"]


def read_terminal(terminal: int, shown: bytearray) -> None:
    """Read a terminal until all of its writers have closed it, which Linux reports as an error."""
    with contextlib.suppress(OSError):
        while part := os.read(terminal, 65536):
            shown += part


def test_on_a_terminal_of_80_columns_lines_are_wrapped(project: Project) -> None:
    configure(project, role_arn='""')
    near, far = pty.openpty()
    shown = bytearray()
    reader = threading.Thread(target=read_terminal, args=(near, shown))
    reader.start()
    environment = {**project.variables({}), "COLUMNS": "80"}
    for command in (["plan"], ["deploy"], ["status"], ["clean"]):
        subprocess.run(project.command(*command), env=environment, stdout=far, stderr=far)
    os.close(far)
    reader.join()
    lines = shown.decode().replace("\r", "").splitlines()
    assert any(STACK in line for line in lines)
    assert [line for line in lines if len(line) > 80 and " " in line.strip()] == []


COMMANDS = ("build", "clean", "deploy", "doctor", "logs", "plan", "push", "run", "status", "test")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_80_columns(project: Project, command: str) -> None:
    lines = project.succeed(command, "--help", COLUMNS="80").out.splitlines()
    assert [line for line in lines if len(line) > 80] == []
