"""CodeBuild in the fake AWS: the phases of a buildspec run, with the permissions of the project's role."""

from typing import Any

import pytest

from tests.fakes.aws.server import FakeAws
from tests.lifecycle.builds import log_of, project
from tests.lifecycle.deployment import refused

RIGHTS = [
    {"Effect": "Allow", "Action": "logs:*", "Resource": "arn:aws:logs:*:*:log-group:/aws/codebuild/demo*"},
    {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::sources/*"},
]
SPEC = """
version: 0.2
env:
  variables:
    GREETING: hello
phases:
  install:
    commands:
      - |
        TAG=v1
        cd sub
  pre_build:
    commands: ['echo "$GREETING $NAME $TAG"', ./tool]
  build:
    commands: [{build}]
  post_build:
    commands: ['echo "after, $CODEBUILD_BUILD_SUCCEEDING"']
"""  # fmt: skip


TOOL = "#!/bin/sh\necho tool runs\n"


def files(build: str = "'true'", spec: str = SPEC) -> dict[str, str]:
    return {"buildspec.yml": spec.replace("{build}", build), "sub/tool": TOOL}


def test_phases_run_in_one_shell_and_are_logged(aws: FakeAws) -> None:
    build = project(aws, files(), RIGHTS)()
    assert build["buildStatus"] == "SUCCEEDED", build
    phases = [phase["phaseType"] for phase in build["phases"]]
    assert phases[3:8] == ["DOWNLOAD_SOURCE", "INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD"]
    assert all(phase["phaseStatus"] == "SUCCEEDED" for phase in build["phases"][:-1])
    said = log_of(aws, build)
    assert "hello world v1" in said and "tool runs" in said and "after, 1" in said


@pytest.mark.parametrize(
    ("build", "phases", "reason"),
    [
        ("'false'", ["INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD"], "exit status 1"),
        ("'exit 3'", ["INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD"], "exit status 3"),
    ],
)
def test_after_a_failed_build_post_build_still_runs(
    aws: FakeAws, build: str, phases: list[str], reason: str
) -> None:
    ended = project(aws, files(build), RIGHTS)()
    assert ended["buildStatus"] == "FAILED"
    assert [phase["phaseType"] for phase in ended["phases"]][4:8] == phases
    failed = next(phase for phase in ended["phases"] if phase.get("phaseStatus") == "FAILED")
    assert failed["phaseType"] == "BUILD" and reason in failed["contexts"][0]["message"]
    assert "after, 0" in log_of(aws, ended)


def test_after_a_failed_pre_build_nothing_more_runs(aws: FakeAws) -> None:
    spec = "version: 0.2\nphases: {pre_build: {commands: [exit 2]}, build: {commands: [echo built]}}\n"
    ended = project(aws, files(), RIGHTS)(buildspecOverride=spec)
    assert [phase["phaseType"] for phase in ended["phases"]][4:] == [
        "INSTALL",
        "PRE_BUILD",
        "FINALIZING",
        "COMPLETED",
    ]
    assert "built" not in log_of(aws, ended)


@pytest.mark.parametrize(
    ("rights", "phase", "message"),
    [
        (RIGHTS[1:], "PROVISIONING", "does not allow AWS CodeBuild to create Amazon CloudWatch Logs"),
        (RIGHTS[:1], "DOWNLOAD_SOURCE", "AccessDenied"),
    ],
)
def test_a_build_may_what_its_role_may(aws: FakeAws, rights: list[Any], phase: str, message: str) -> None:
    ended = project(aws, files(), rights)()
    failed = next(seen for seen in ended["phases"] if seen.get("phaseStatus") == "FAILED")
    assert failed["phaseType"] == phase and message in failed["contexts"][0]["message"]


@pytest.mark.parametrize(
    "spec", ["version: 0.1\nphases: {}\n", "version: 0.2\nphases:\n  biuld: {commands: [a]}\n", "::"]
)
def test_a_buildspec_that_codebuild_does_not_take_fails_the_build(aws: FakeAws, spec: str) -> None:
    assert project(aws, files(spec=spec), RIGHTS)()["buildStatus"] == "FAILED"


def test_projects_are_updated_refused_and_found_by_tag(aws: FakeAws) -> None:
    project(aws, files(), RIGHTS)
    codebuild = aws.boto3_client("codebuild")
    described = codebuild.batch_get_projects(names=["demo", "none"])
    assert described["projectsNotFound"] == ["none"]
    role = described["projects"][0]["serviceRole"]
    codebuild.update_project(name="demo", description="changed")
    assert codebuild.batch_get_projects(names=["demo"])["projects"][0]["description"] == "changed"
    assert refused(lambda: codebuild.update_project(name="none"))[0] == "ResourceNotFoundException"
    other = role.replace("builder", "missing")
    assert "sts:AssumeRole" in refused(lambda: codebuild.update_project(name="demo", serviceRole=other))[1]
    artifacts = {"type": "S3", "location": "sources"}
    assert "no artifacts" in refused(lambda: codebuild.update_project(name="demo", artifacts=artifacts))[1]
    assert refused(lambda: codebuild.start_build(projectName="none"))[0] == "ResourceNotFoundException"
    tagging = aws.boto3_client("resourcegroupstaggingapi")
    found = tagging.get_resources(ResourceTypeFilters=["codebuild:project"])["ResourceTagMappingList"]
    assert len(found) == 1
    codebuild.delete_project(name="demo")
    assert codebuild.list_projects()["projects"] == []
