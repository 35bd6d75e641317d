"""do/push: the repository, the login, the tags, and what is checked of what arrived."""

import json
from pathlib import Path

import pytest

from tests.lifecycle.projects import Project, rendered, with_stubs
from tests.standins.aws.ecr import PASSWORD
from tests.standins.aws.images import OCI_INDEX, OCI_MANIFEST
from tests.standins.aws.server import AwsStandIn

REPOSITORY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/abalone-age"
TAG = "3f" * 6


@pytest.fixture(scope="module")
def folder(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rendered(template, tmp_path_factory.mktemp("push") / "abalone-age")


@pytest.fixture
def project(folder: Path, aws: AwsStandIn, tmp_path: Path) -> Project:
    return with_stubs(folder, aws, tmp_path)


def test_the_image_is_pushed_and_checked(project: Project) -> None:
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


def test_the_repository_scans_expires_and_is_tagged(project: Project, folder: Path) -> None:
    project.run("push")
    ecr = project.aws.boto3_client("ecr")
    repository = ecr.describe_repositories(repositoryNames=["abalone-age"])["repositories"][0]
    assert repository["imageScanningConfiguration"]["scanOnPush"]
    tags = ecr.list_tags_for_resource(resourceArn=repository["repositoryArn"])["tags"]
    assert {"Key": "mcc-project", "Value": "abalone-age"} in tags
    assert "mcc-project-id" in {tag["Key"] for tag in tags}
    rules = json.loads(ecr.get_lifecycle_policy(repositoryName="abalone-age")["lifecyclePolicyText"])["rules"]
    assert rules[0]["selection"]["countNumber"] == 20


def test_a_second_push_creates_nothing(project: Project) -> None:
    assert project.run("push").returncode == 0
    project.aws.forget_calls()
    assert project.run("push").returncode == 0
    assert project.aws.mutations == []


def test_a_push_that_was_interrupted_goes_on(project: Project) -> None:
    project.aws.fault("unavailable", "ecr", "PutLifecyclePolicy", times=None)
    assert project.run("push", "--set", "call_attempts=1").returncode == 4
    project.aws.forget_calls()
    assert project.run("push").returncode == 0
    ecr = project.aws.boto3_client("ecr")
    assert ecr.get_lifecycle_policy(repositoryName="abalone-age")


def test_somebody_elses_repository_is_left_alone(project: Project) -> None:
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
        ({"MCC_ACCOUNT": "210987654321"}, 7, "other-account"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, 3, "no-credentials"),
    ],
)
def test_it_is_refused_before_anything_changes(
    project: Project, variables: dict[str, str], code: int, identity: str
) -> None:
    answer = project.answer("push", **variables)
    assert (answer["code"], answer["findings"][0]["id"]) == (code, identity)
    assert project.aws.mutations == []


@pytest.mark.parametrize("media_type", [OCI_INDEX, OCI_MANIFEST])
def test_a_kind_of_image_that_sagemaker_refuses_is_told(project: Project, media_type: str) -> None:
    answer = project.answer("push", STUB_MEDIA_TYPE=media_type)
    assert (answer["code"], answer["findings"][0]["id"]) == (6, "image-type")
    assert media_type in answer["findings"][0]["seen"] and "do/build" in answer["findings"][0]["next"]


def test_a_push_that_fails_says_why(project: Project) -> None:
    answer = project.answer("push", STUB_PUSH_ERROR="denied: Your authorization token has expired.")
    finding = answer["findings"][0]
    assert (answer["code"], finding["id"]) == (4, "push-failed")
    assert "authorization token" in finding["seen"] and "no login" in finding["cause"]
    assert project.engine_calls[-1][0] == "logout"


def test_the_token_is_told_to_the_engine_alone(project: Project) -> None:
    done = project.run("push")
    traces = done.stdout + done.stderr + json.dumps(project.engine_calls)
    traces += (project.folder / ".do" / "journal.jsonl").read_text()
    assert PASSWORD not in traces


def test_another_command_at_work_is_respected(project: Project) -> None:
    import fcntl

    (project.folder / ".do").mkdir(exist_ok=True)
    with (project.folder / ".do" / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = project.answer("push")
    assert (answer["code"], answer["findings"][0]["id"]) == (7, "locked")
