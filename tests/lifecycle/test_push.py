"""do/push: the repository, the login, the tags, and the verification of the pushed image."""

import json
from pathlib import Path

import pytest

from tests.fakes.aws.ecr import PASSWORD
from tests.fakes.aws.images import OCI_INDEX, OCI_MANIFEST
from tests.fakes.aws.server import FakeAws
from tests.lifecycle.commands import NAME
from tests.lifecycle.conftest import copied
from tests.lifecycle.forks import Forks
from tests.lifecycle.projects import StubbedProject

REPOSITORY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/abalone-age"
TAG = "3f" * 6


@pytest.fixture
def project(rendered: Path, aws: FakeAws, tmp_path: Path, quick_commands: Forks) -> StubbedProject:
    return StubbedProject(copied(rendered, tmp_path / NAME), aws, forks=quick_commands)


def test_the_image_is_pushed_and_checked(project: StubbedProject) -> None:
    answer = project.answer("push")
    assert answer["code"] == 0, answer["stderr"]
    result = answer["result"]
    assert result["image"].startswith(f"{REPOSITORY}@sha256:")
    assert (result["platform"], result["tags"]) == ("linux/amd64", [TAG, "latest"])
    assert "account 123456789012, region us-east-1" in answer["stderr"]
    told = project.engine_calls
    host = REPOSITORY.partition("/")[0]
    assert ["login", "--username", "AWS", "--password-stdin", host, "right token"] in told
    assert [call for call in told if call[0] in ("tag", "push")] == [
        ["tag", "abalone-age:latest", f"{REPOSITORY}:{TAG}"],
        ["push", f"{REPOSITORY}:{TAG}"],
        ["tag", "abalone-age:latest", f"{REPOSITORY}:latest"],
        ["push", f"{REPOSITORY}:latest"],
    ]
    assert told[-1] == ["logout", host]


def test_the_repository_scans_expires_and_is_tagged(project: StubbedProject) -> None:
    project.do("push")
    ecr = project.aws.boto3_client("ecr")
    repository = ecr.describe_repositories(repositoryNames=["abalone-age"])["repositories"][0]
    assert repository["imageScanningConfiguration"]["scanOnPush"]
    tags = ecr.list_tags_for_resource(resourceArn=repository["repositoryArn"])["tags"]
    assert {"Key": "mcc-project", "Value": "abalone-age"} in tags
    assert "mcc-project-id" in {tag["Key"] for tag in tags}
    rules = json.loads(ecr.get_lifecycle_policy(repositoryName="abalone-age")["lifecyclePolicyText"])["rules"]
    assert rules[0]["selection"]["countNumber"] == 20


def test_a_second_push_creates_nothing(project: StubbedProject) -> None:
    assert project.do("push").code == 0
    project.aws.forget_calls()
    assert project.do("push").code == 0
    assert project.aws.mutations == []


def test_a_push_that_was_interrupted_goes_on(project: StubbedProject) -> None:
    project.aws.fault("unavailable", "ecr", "PutLifecyclePolicy", times=None)
    assert project.do("push", "--set", "call_attempts=1").code == 4
    project.aws.forget_calls()
    assert project.do("push").code == 0
    ecr = project.aws.boto3_client("ecr")
    assert ecr.get_lifecycle_policy(repositoryName="abalone-age")


def test_somebody_elses_repository_is_left_alone(project: StubbedProject) -> None:
    project.aws.boto3_client("ecr").create_repository(repositoryName="abalone-age")
    project.aws.forget_calls()
    answer = project.answer("push")
    assert (answer["code"], answer["findings"][0]["id"]) == (7, "not-ours")
    assert project.aws.mutations == [] and not [call for call in project.engine_calls if call[0] == "push"]


@pytest.mark.parametrize(
    ("variables", "code", "identity"),
    [
        ({"STUB_IMAGE": "missing"}, 3, "no-image"),
        ({"STUB_PLATFORM": "linux/arm64"}, 3, "image-platform"),
        ({"MCC_DO_ACCOUNT": "210987654321"}, 7, "other-account"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, 3, "no-credentials"),
    ],
)
def test_it_is_refused_before_anything_changes(
    project: StubbedProject, variables: dict[str, str], code: int, identity: str
) -> None:
    answer = project.answer("push", **variables)
    assert (answer["code"], answer["findings"][0]["id"]) == (code, identity)
    assert project.aws.mutations == []


@pytest.mark.parametrize("media_type", [OCI_INDEX, OCI_MANIFEST])
def test_a_kind_of_image_that_sagemaker_refuses_is_told(project: StubbedProject, media_type: str) -> None:
    answer = project.answer("push", STUB_MEDIA_TYPE=media_type)
    assert (answer["code"], answer["findings"][0]["id"]) == (6, "image-type")
    assert media_type in answer["findings"][0]["seen"] and "do/build" in answer["findings"][0]["next"]


def test_a_push_that_fails_says_why(project: StubbedProject) -> None:
    answer = project.answer("push", STUB_PUSH_ERROR="denied: Your authorization token has expired.")
    finding = answer["findings"][0]
    assert (answer["code"], finding["id"]) == (4, "push-failed")
    assert "authorization token" in finding["seen"] and "no login" in finding["cause"]
    assert project.engine_calls[-1][0] == "logout"


def test_the_token_is_told_to_the_engine_alone(project: StubbedProject) -> None:
    done = project.do("push")
    traces = done.out + done.err + json.dumps(project.engine_calls)
    traces += (project.path / ".do" / "journal.jsonl").read_text()
    assert PASSWORD not in traces


def test_another_command_at_work_is_respected(project: StubbedProject) -> None:
    import fcntl

    (project.path / ".do").mkdir(exist_ok=True)
    with (project.path / ".do" / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = project.answer("push")
    assert (answer["code"], answer["findings"][0]["id"]) == (7, "locked")
