"""The workflow files of projects are clean, and their test job runs."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from extensions.mcc.catalog.pipelines import pipelines
from tests.conftest import Render

BINARIES = Path(sys.executable).parent
RULES = "line-length: {max: 120}, document-start: disable, truthy: {check-keys: false}"
YAML = f"{{extends: default, rules: {{{RULES}}}}}"
AUDIT = ("--offline", "--no-config", "--no-progress", "--persona=auditor")
FILES = {"github": ".github/workflows/deliver.yml", "gitlab": ".gitlab-ci.yml"}
CHAT = {"deployment_config": "transformers-vllm", "offline": True, "build_target": "codebuild"}
PROJECTS: dict[str, dict[str, Any]] = {
    "predictive on github": {"ci": "github"},
    "predictive on gitlab": {"ci": "gitlab", "include_tests": False, "instance_type": "ml.c7g.large"},
    "chat on github": {"ci": "github", **CHAT},
    "chat on gitlab": {"ci": "gitlab", **CHAT},
    "triton on github": {"ci": "github", "deployment_config": "triton-fil", "build_target": "codebuild"},
}


def run(*command: str, **options: Any) -> None:
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr


def jobs(project: Path, ci: str) -> dict[str, list[str]]:
    """Return the shell commands of each job."""
    read = yaml.safe_load((project / FILES[ci]).read_text())
    if ci == "gitlab":
        return {name: read[name]["script"] for name in ("test", "deliver", "expire")}
    return {
        name: [step["run"] for step in job["steps"] if "run" in step] for name, job in read["jobs"].items()
    }


@pytest.mark.parametrize("name", PROJECTS)
def test_the_files_are_clean(render: Render, tmp_path: Path, name: str) -> None:
    answers = PROJECTS[name]
    project, ci = render(**answers), answers["ci"]
    assert {file for file in FILES.values() if (project / file).exists()} == {FILES[ci]}
    text = (project / FILES[ci]).read_text()
    run(str(BINARIES / "yamllint"), "--strict", "-d", YAML, str(project / FILES[ci]))
    run(str(BINARIES / "cfn-lint"), "--include-checks", "W", "I", "--", str(project / "iam/delivery.yml"))
    if ci == "github":
        run(str(BINARIES / "zizmor"), *AUDIT, str(project / ".github"))
        uses = re.findall(r"uses: (.+)", text)
        assert set(uses) == set(pipelines()["github"].actions.values())
        assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}  # v[0-9.]+", use) for use in uses)
    script = "\n".join(command for commands in jobs(project, ci).values() for command in commands)
    (tmp_path / "script.sh").write_text(f"#!/usr/bin/env bash\n{script}\n")
    run(str(BINARIES / "shellcheck"), str(tmp_path / "script.sh"))
    stack = (project / "iam" / "delivery.yml").read_text()
    attached = re.findall(r"policy/mcc-[0-9a-f]{8}-(\w+)", stack)
    assert set(attached) == set(re.findall(r"do/(submit|push|plan|deploy|logs|clean)\b", script))
    deliver = "\n".join(jobs(project, ci)["deliver"])
    steps = [deliver.index(f"do/{verb}\n") for verb in (attached[0], "plan")]
    assert steps == sorted(steps) and deliver.index("do/plan") < deliver.index("do/deploy")
    pattern = re.search(r'AllowedPattern: "(.+)"', stack)
    assert pattern and re.fullmatch(pattern[1], "my-team/models.v2")
    with_ids = re.fullmatch(pattern[1], "my-team@123456/models.v2@456789")  # since 2026-07-15
    assert bool(with_ids) == ("Repository=OWNER@ID/REPOSITORY@ID" in stack) == (ci == "github")
    bad = (
        "my-team/*",
        "*",
        "my-team",
        "my-team/a*",
        "my-team/a?",
        "",
        "a/b:environment:x",
        "a@*/b",
        "a@1/b@",
    )
    assert not [text for text in bad if re.fullmatch(pattern[1], text)]


def test_nothing_is_rendered_that_was_not_asked_for(render: Render) -> None:
    project = render()
    absent = [*FILES.values(), "iam/delivery.yml", "iam/delivery.toml", "do/lifecycle/pipeline_role.py"]
    assert [name for name in absent if (project / name).exists()] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["chat on github"])
def test_the_commands_of_the_test_job_run(render: Render, name: str) -> None:
    """A server starts without a container and answers, with the shell options of the CI services."""
    answers = PROJECTS[name]
    project = render(**answers)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = "\n".join(jobs(project, answers["ci"])["test"])
    for command, with_port in (
        (":8080", f":{port}"),
        ("do/run ", f"do/run --port {port} "),
        ("do/test\n", f"do/test --url http://127.0.0.1:{port}\n"),
    ):
        assert command in script
        script = script.replace(command, with_port)
    path = f"{BINARIES}{os.pathsep}{os.environ['PATH']}{os.pathsep}/usr/sbin"
    shell = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script)
    run(*shell, cwd=project, env={**os.environ, "PATH": path})
