"""do/doctor finds each known problem, reports a fix, and changes nothing."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from extensions.mcc.models.s3 import digest
from extensions.mcc.models.s3_client import Object
from tests.fakes.aws.images import OCI_INDEX
from tests.fakes.aws.server import FakeAws
from tests.lifecycle.commands import NAME, ROLE, TRUST, Project, mutations
from tests.lifecycle.conftest import copied, render
from tests.lifecycle.deployment import Deployment
from tests.lifecycle.forks import Forks
from tests.lifecycle.projects import StubbedProject


@pytest.fixture
def project(rendered: Path, aws: FakeAws, tmp_path: Path, quick_commands: Forks) -> StubbedProject:
    """Return a valid project: a role, and an image here and in ECR."""
    project = StubbedProject(copied(rendered, tmp_path / NAME), aws, forks=quick_commands)
    roles = aws.boto3_client("iam")
    roles.create_role(Path="/service-role/", RoleName="exec", AssumeRolePolicyDocument=json.dumps(TRUST))
    assert project.do("push").code == 0
    aws.forget_calls()
    return project


def found(project: Project, *arguments: str, **variables: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Run do/doctor; return its exit code and its findings by id."""
    done = project.do("doctor", "--json", *arguments, **variables)
    return done.code, {check["id"]: check for check in done.json["result"]["checks"]}


def settings(project: Project, **values: str) -> list[str]:
    return [word for name, value in values.items() for word in ("--set", f"{name}={value}")]


def test_all_is_well_and_nothing_is_changed(project: StubbedProject) -> None:
    code, checks = found(project)
    assert code == 0
    wanted = ("python", "disk", "region", "engine", "image", "credentials", "pushed-image", "role", "quota")
    assert {checks[name]["severity"] for name in (*wanted, "model-source")} == {"ok"}
    assert project.aws.calls and mutations(project.aws) == []
    assert not {call[0] for call in project.engine_calls[-3:]} & {"push", "build", "tag", "login"}


def no_role(project: StubbedProject) -> None:
    project.aws.boto3_client("iam").delete_role(RoleName="exec")


def role_of_another_service(project: StubbedProject) -> None:
    trust = json.dumps(TRUST).replace("sagemaker", "lambda")
    project.aws.boto3_client("iam").update_assume_role_policy(RoleName="exec", PolicyDocument=trust)


def an_index(project: StubbedProject) -> None:
    project.aws.world.images.push(NAME, "latest", media_type=OCI_INDEX)  # type: ignore[attr-defined]


def for_arm(project: StubbedProject) -> None:
    project.aws.world.images.push(NAME, "latest", architecture="arm64")  # type: ignore[attr-defined]


def no_quota(project: StubbedProject) -> None:
    project.aws.settings.quotas["ml.c6i.large"] = 0


@pytest.mark.parametrize(
    ("break_it", "identity", "severity", "next_step"),
    [
        (no_role, "role", "error", "iam/stack.yml"),
        (role_of_another_service, "role", "error", "iam/stack.yml"),
        (an_index, "image-type", "error", "do/build"),
        (for_arm, "image-platform", "error", "do/build"),
        (no_quota, "quota", "error", "Service Quotas"),
    ],
)
def test_what_is_wrong_in_the_account_is_found(
    project: StubbedProject,
    break_it: Callable[[StubbedProject], None],
    identity: str,
    severity: str,
    next_step: str,
) -> None:
    break_it(project)
    code, checks = found(project)
    assert (code, checks[identity]["severity"]) == (3, severity)
    assert next_step in checks[identity]["next"] and checks[identity]["seen"]


@pytest.mark.parametrize(
    ("variables", "identity", "severity", "code"),
    [
        ({"STUB_IMAGE": "missing"}, "no-image", "warning", 0),
        ({"STUB_PLATFORM": "linux/arm64"}, "image", "error", 3),
        ({"AWS_REGION": "eu-west-1"}, "region", "warning", 0),
        ({"MCC_DO_ENGINE": "finch"}, "no-engine", "error", 3),
        ({"MCC_DO_ACCOUNT": "210987654321"}, "other-account", "error", 3),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "no-credentials", "error", 3),
        ({"MCC_DO_ROLE_ARN": ""}, "role", "error", 3),
        ({"MCC_DO_ROLE_ARN": "arn:aws:iam::210987654321:role/service-role/exec"}, "role", "error", 3),
        ({"MCC_DO_ROLE_ARN": "arn:aws:iam::123456789012:role/exec"}, "role", "error", 3),
        ({"MCC_DO_MAX_INSTANCE_COUNT": "9"}, "quota", "warning", 0),
        ({"MCC_DO_MODEL_DATA": "s3://nobody-has-this/model.tar.gz"}, "model-source", "not checked", 0),
    ],
)
def test_what_is_wrong_here_is_found(
    project: StubbedProject, variables: dict[str, str], identity: str, severity: str, code: int
) -> None:
    exit_code, checks = found(project, **variables)
    assert (exit_code, checks[identity]["severity"]) == (code, severity)
    assert checks[identity]["next"]


def test_a_model_on_s3_is_looked_for(project: StubbedProject) -> None:
    s3 = project.aws.boto3_client("s3")
    s3.create_bucket(Bucket="team-models")
    source = settings(project, model_data="s3://team-models/mine/")
    assert found(project, *source)[1]["model-source"]["severity"] == "error"
    s3.put_object(Bucket="team-models", Key="mine/config.json", Body=b"{}")
    assert found(project, *source)[1]["model-source"]["severity"] == "ok"


def test_files_on_s3_that_changed_since_the_copy_are_shown(
    template: Path, rendered: Path, aws: FakeAws, tmp_path: Path
) -> None:
    """By do/plan, with its own policy, also when nothing else changed."""
    address = "s3://team-models/mine/"
    s3_model = {"model_name": address, "model_parameters": "7", "offline": True}
    render(template, tmp_path / NAME, deployment_config="transformers-vllm", **s3_model)
    (tmp_path / NAME / ".venv").symlink_to(rendered / ".venv")
    project = StubbedProject(tmp_path / NAME, aws)
    s3 = aws.boto3_client("s3")
    s3.create_bucket(Bucket="team-models")
    for key in ("mine/config.json", "mine/model.safetensors", "mine/original/other.bin"):
        s3.put_object(Bucket="team-models", Key=key, Body=b"{}")
    listed = s3.list_objects_v2(Bucket="team-models", Prefix="mine/", Delimiter="/")["Contents"]
    objects = [Object(item["Key"], item["Size"], item["ETag"], "STANDARD") for item in listed]
    library = tmp_path / NAME / "do" / "lifecycle" / "chosen.py"
    pinned = f'MODEL_DIGEST = "{digest(objects)}"'
    library.write_text(library.read_text().replace('MODEL_DIGEST = ""', pinned))
    roles = aws.boto3_client("iam")
    roles.create_role(Path="/service-role/", RoleName="exec", AssumeRolePolicyDocument=json.dumps(TRUST))
    project.succeed("push")
    project.succeed("deploy")
    aws.enforce(project.succeed("doctor", "--policy", "plan", "--account", "123456789012").out)
    unchanged = project.succeed("plan").out
    assert "no changes" in unchanged and "changed since" not in unchanged
    aws.enforce()
    s3.put_object(Bucket="team-models", Key="mine/model.safetensors", Body=b"other")
    changed = " ".join(project.succeed("plan").out.split())
    assert "no changes" in changed and f"the files in {address} changed since the copy" in changed


def test_what_is_left_of_a_quota_is_told(project: StubbedProject) -> None:
    project.aws.settings.quotas["ml.c6i.large"] = 2
    others = Deployment(project.aws)
    for name, severity, used in (("one", "ok", "1 in use"), ("two", "warning", "2 in use")):
        others.config(name, instance_type="ml.c6i.large")
        others.endpoint(name, config=name)
        quota = found(project)[1]["quota"]
        assert quota["severity"] == severity and quota["seen"].endswith(f"is 2, {used}"), quota
    document = json.loads(project.succeed("doctor", "--policy", "doctor", "--account", "123456789012").out)
    for statement in document["Statement"]:
        statement["Action"] = [name for name in statement["Action"] if "GetMetric" not in name] or ["sts:X"]
    project.aws.enforce(document)
    quota = found(project)[1]["quota"]
    assert quota["severity"] == "ok" and quota["seen"].endswith(" is 2"), quota


def test_the_driver_must_be_as_new_as_the_image(project: StubbedProject) -> None:
    store: Any = project.aws.world.images
    store.push(NAME, "latest", environment=["CUDA_VERSION=12.8.1"])
    old = settings(project, ami="al2-ami-sagemaker-inference-gpu-3-1", ami_cuda="12.4")
    new = settings(project, ami="al2023-ami-sagemaker-inference-gpu-4-1", ami_cuda="13.0")
    assert found(project, *old)[1]["driver"]["severity"] == "warning"
    assert found(project, *new)[1]["driver"]["severity"] == "ok"


def test_without_rights_it_says_what_it_could_not_check(project: StubbedProject) -> None:
    project.aws.enforce({"Version": "2012-10-17", "Statement": []})
    code, checks = found(project)
    assert code == 0
    for name in ("pushed-image", "role", "quota"):
        assert checks[name]["severity"] == "not checked" and "not authorized" in checks[name]["seen"]


def test_without_a_network_it_goes_as_far_as_it_can(project: StubbedProject) -> None:
    code, checks = found(project, AWS_ENDPOINT_URL="http://127.0.0.1:1", MCC_DO_CALL_SECONDS="1")
    assert code == 3 and checks["aws-unreachable"]["severity"] == "error"
    assert checks["engine"]["severity"] == checks["image"]["severity"] == "ok"
    code, checks = found(project, "--offline", AWS_ENDPOINT_URL="http://127.0.0.1:1")
    assert code == 0 and "credentials" not in checks


def test_a_person_reads_what_to_do(project: StubbedProject) -> None:
    no_role(project)
    told = project.do("doctor").out
    assert re.search(
        r"^error +the role cannot be used: .*\n +Create it, then set role_arn", told, re.MULTILINE
    )
    assert ROLE in told
