"""do/submit: the source, the bucket, the role and the project, and the build with buildspec.yml."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes.aws.server import FakeAws
from tests.lifecycle import stack
from tests.lifecycle.commands import NAME
from tests.lifecycle.conftest import copied, lend_environment, render
from tests.lifecycle.forks import Forks
from tests.lifecycle.projects import StubbedProject


@pytest.fixture(scope="module")
def folder(template: Path, rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_in_codebuild(template, rendered, tmp_path_factory.mktemp("submit") / NAME)


@pytest.fixture
def project(folder: Path, aws: FakeAws, tmp_path: Path, quick_commands: Forks) -> Iterator[StubbedProject]:
    stack.create(aws, folder)
    with ready(StubbedProject(copied(folder, tmp_path / NAME), aws, forks=quick_commands)) as project:
        yield project


def built_in_codebuild(template: Path, rendered: Path, folder: Path, **answers: str) -> Path:
    """Render a project with a model that CodeBuild builds."""
    render(template, folder, build_target="codebuild", **answers)
    lend_environment(rendered, folder)
    (folder / "model" / "model.pkl").write_bytes(b"a model")
    return folder


@contextmanager
def ready(project: StubbedProject) -> Iterator[StubbedProject]:
    """Let builds, which run in this process, use the stubs in PATH."""
    stub = {name: value for name, value in project.environment.items() if name.startswith("STUB_")}
    project.aws.settings.build_environment.update(stub)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", project.environment["PATH"])
        yield project


def described(project: StubbedProject) -> tuple[str, dict[str, Any]]:
    """Return the name of the bucket and the CodeBuild project."""
    codebuild = project.aws.boto3_client("codebuild")
    found = codebuild.batch_get_projects(names=["abalone-age"])["projects"][0]
    return found["source"]["location"].partition("/")[0], found


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ("StartBuild", "or run do/build and do/push here"),
        ("CreateRepository", "delete repositories or images"),
    ],
)
def test_a_quota_is_reported_as_one(project: StubbedProject, operation: str, words: str) -> None:
    project.aws.fault("limit", operation=operation, times=None)
    answer = project.answer("submit", MCC_DO_CALL_ATTEMPTS="1")
    finding = answer["findings"][0]
    assert (answer["code"], finding["id"]) == (3, "quota-exceeded"), answer["stderr"]
    assert words in finding["next"]


def test_a_build_is_followed_and_its_image_checked(project: StubbedProject) -> None:
    answer = project.answer("submit")
    assert answer["code"] == 0, answer["stderr"]
    result = answer["result"]
    assert result["image"].startswith("123456789012.dkr.ecr.us-east-1.amazonaws.com/abalone-age@sha256:")
    assert result["platform"] == "linux/amd64" and result["tags"][1] == "latest"
    for phase in ("DOWNLOAD_SOURCE", "PRE_BUILD", "BUILD", "POST_BUILD"):
        assert f"{phase} SUCCEEDED" in answer["stderr"]
    assert "Running command docker push" in answer["stderr"]
    host = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
    assert ["login", "--username", "AWS", "--password-stdin", host, "right token"] in project.engine_calls
    built = next(call for call in project.engine_calls if call[0] == "build")
    assert built[1:3] == ["--platform", "linux/amd64"] and f"{host}/abalone-age:{result['tags'][0]}" in built


@pytest.mark.parametrize("missing", ["role", "bucket"])
def test_without_the_stack_nothing_changes(project: StubbedProject, missing: str) -> None:
    bucket = f"mcc-{project.id}-123456789012-us-east-1"
    if missing == "role":
        stack.delete(project.aws, project.path)
    else:
        project.aws.boto3_client("s3").delete_bucket(Bucket=bucket)
    project.aws.forget_calls()
    answer = project.answer("submit")
    finding = answer["findings"][0]
    assert (answer["code"], finding["id"]) == (3, "no-stack") and missing in finding["what"]
    assert "aws cloudformation deploy --stack-name abalone-age" in finding["next"]
    assert {call.operation for call in project.aws.mutations} <= {"CreateRepository", "PutLifecyclePolicy"}


@pytest.mark.parametrize("missing", ["", "role", "bucket"])
def test_doctor_finds_the_stack_of_builds(project: StubbedProject, missing: str) -> None:
    if missing == "role":
        stack.delete(project.aws, project.path)
    elif missing:
        project.aws.boto3_client("s3").delete_bucket(Bucket=f"mcc-{project.id}-123456789012-us-east-1")
    project.aws.enforce(project.do("doctor", "--policy", "doctor", "--account", "123456789012").out)
    checks = project.answer("doctor")["result"]["checks"]
    (found,) = [check for check in checks if check["id"] in ("build-stack", "no-stack")]
    assert found["severity"] == ("warning" if missing else "ok")
    assert bool(missing) == ("aws cloudformation deploy --stack-name abalone-age" in found["next"])


def test_clean_leaves_what_the_stack_created_to_the_stack(project: StubbedProject) -> None:
    project.do("submit")
    bucket, _ = described(project)
    result = project.answer("clean", "--yes", "--images")["result"]
    assert result["left"] == [] and len(result["kept"]) == 2
    command = "aws cloudformation delete-stack --region us-east-1 --stack-name abalone-age"
    assert all(command in reason for reason in result["kept"])
    assert result["removed"] == [
        "build project abalone-age",
        f"build source {bucket}/source/",
        "image repository abalone-age",
    ]
    stack.delete(project.aws, project.path)
    assert project.answer("clean", "--yes")["result"]["kept"] == []


def test_the_source_is_what_the_builder_may_see(project: StubbedProject) -> None:
    project.do("submit")
    bucket, found = described(project)
    key = found["source"]["location"].partition("/")[2]
    body = project.aws.boto3_client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        names = set(archive.namelist())
        assert archive.getinfo("serving/serve").external_attr >> 16 & 0o111
    assert {"Dockerfile", "do/buildspec.yml", ".dockerignore", "requirements.txt", "model/model.pkl"} <= names
    left_out = [name for name in names if name.startswith(("do/", ".venv/", ".do/", "tests/", "iam/"))]
    assert left_out == ["do/buildspec.yml"]


def test_the_build_has_the_role_of_the_stack(project: StubbedProject) -> None:
    project.do("submit")
    role = f"arn:aws:iam::123456789012:role/builds/mcc-{project.id}-codebuild"
    assert described(project)[1]["serviceRole"] == role


def test_a_new_role_that_is_not_known_yet_is_waited_for(project: StubbedProject) -> None:
    project.aws.settings.role_usable_after_seconds = 1.5
    assert project.answer("submit")["code"] == 0


def test_a_second_submit_updates_what_is_there(project: StubbedProject) -> None:
    first = project.answer("submit")["result"]["tags"][0]
    assert project.answer("submit")["result"]["tags"][0] == first
    (project.path / "model" / "model.pkl").write_bytes(b"another model")
    project.aws.forget_calls()
    second = project.answer("submit", "--compute-type", "BUILD_GENERAL1_LARGE")
    assert second["code"] == 0 and second["result"]["tags"][0] != first
    done = {call.operation for call in project.aws.mutations}
    assert not {"CreateBucket", "CreateRole", "CreateProject", "CreateRepository"} & done
    assert described(project)[1]["environment"]["computeType"] == "BUILD_GENERAL1_LARGE"


def test_a_failed_build_names_the_phase_and_the_cause(project: StubbedProject) -> None:
    said = "#2 ERROR: 429 Too Many Requests - Server message: toomanyrequests: You have reached your limit."
    project.aws.settings.build_environment["STUB_BUILD_ERROR"] = said
    answer = project.answer("submit")
    finding = answer["findings"][0]
    assert (answer["code"], finding["id"]) == (4, "build-failed")
    assert "phase BUILD FAILED" in finding["seen"] and "docker build" in finding["seen"]
    assert "Docker Hub limits pulls" in finding["cause"]
    assert said in answer["stderr"]
    assert not [call for call in project.engine_calls if call[0] == "push"]


def test_what_arrived_is_checked(project: StubbedProject) -> None:
    project.aws.settings.build_environment["STUB_PLATFORM"] = "linux/arm64"
    answer = project.answer("submit")
    assert (answer["code"], answer["findings"][0]["id"]) == (6, "image-platform")


def test_graviton_is_built_on_graviton(template: Path, rendered: Path, aws: FakeAws, tmp_path: Path) -> None:
    folder = built_in_codebuild(template, rendered, tmp_path / NAME, instance_type="ml.c7g.large")
    stack.create(aws, folder)
    with ready(StubbedProject(folder, aws)) as project:
        aws.settings.build_environment["STUB_PLATFORM"] = "linux/arm64"
        assert project.answer("submit")["code"] == 0
        environment = described(project)[1]["environment"]
    assert environment["type"] == "ARM_CONTAINER" and "aarch64" in environment["image"]
    assert environment["privilegedMode"]


@pytest.mark.parametrize("kind", ["bucket", "role", "project"])
def test_what_belongs_to_somebody_else_is_left_alone(project: StubbedProject, kind: str) -> None:
    project.do("submit")
    bucket, found = described(project)
    other = {"mcc-project": "abalone-age", "mcc-project-id": "00000000"}
    tags = [{"Key": key, "Value": value} for key, value in other.items()]
    if kind == "bucket":
        project.aws.boto3_client("s3").put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    elif kind == "role":
        name = found["serviceRole"].rpartition("/")[2]
        project.aws.boto3_client("iam").tag_role(RoleName=name, Tags=tags)
    else:
        lower = [{"key": tag["Key"], "value": tag["Value"]} for tag in tags]
        project.aws.boto3_client("codebuild").update_project(name="abalone-age", tags=lower)
    answer = project.answer("submit")
    assert (answer["code"], answer["findings"][0]["id"]) == (7, "not-ours")
    assert kind in answer["findings"][0]["what"]


def test_ctrl_c_says_what_goes_on(project: StubbedProject) -> None:
    import signal

    project.aws.settings.build_environment["STUB_BUILD_SECONDS"] = "20"
    process = project.start("submit")
    for _ in range(600):
        if any(call.operation == "StartBuild" for call in project.aws.calls):
            break
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "aws codebuild stop-build --region us-east-1 --id abalone-age:" in said


def test_the_buildspec_logs_in_to_the_registries_of_base_images(folder: Path) -> None:
    spec = yaml.safe_load((folder / "do/buildspec.yml").read_text())
    command = spec["phases"]["pre_build"]["commands"][0]
    assert "get-login-password --region" in command and "--password-stdin" in command
    assert json.dumps(spec).count("docker push") == 2
