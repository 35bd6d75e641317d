"""The policies in iam/ are valid and minimal, and match the CloudFormation stack."""

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from parliament import analyze_policy_string

from tests.lifecycle.commands import NAME, Done
from tests.lifecycle.conftest import lend_environment, render
from tests.lifecycle.forks import Forks
from tests.lifecycle.stack import template_of

ACCOUNT = "123456789012"
Doctor = Callable[..., Done]
PROJECTS: dict[str, dict[str, Any]] = {
    "predictive": {"build_target": "codebuild"},
    "language_model": {
        "deployment_config": "transformers-vllm",
        "offline": True,
        "model_name": "s3://team-models/mine/",
        "model_parameters": "7",
        "hf_token_secret_arn": f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:hf-token-a1b2c3",
    },
    "company": {
        "subnets": "subnet-0123456789abcdef0 subnet-0123456789abcdef1",
        "security_groups": "sg-0123456789abcdef0",
        "kms_key": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "tags": "CostCenter=1234 Owner=ml/team",
    },
    "serverless": {"deployment_target": "serverless-inference"},
    "batch": {"deployment_target": "batch-transform"},
    "base_image_of_ecr": {
        "build_target": "codebuild",
        "base_image": "763104351884.dkr.ecr.us-west-2.amazonaws.com/python:3.12-slim",
    },
}
# Actions that AWS does not restrict to resources.
WITHOUT_RESOURCE = {
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricStatistics",
    "cloudwatch:PutMetricData",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcEndpoints",
    "ec2:DescribeVpcs",
    "ecr:GetAuthorizationToken",
    "logs:DescribeLogGroups",
    "sagemaker:CallWithBearerToken",
    "sagemaker:ListEndpointConfigs",
    "sagemaker:ListModels",
    "sagemaker:ListTransformJobs",
    "servicequotas:ListAWSDefaultServiceQuotas",
    "servicequotas:ListServiceQuotas",
    "tag:GetResources",
}
# Some accounts check cloudwatch:DescribeAlarms by name against all alarms; it only reads.
KNOWN = {holder: ["RESOURCE_STAR"] for holder in ("plan", "deploy", "status", "clean")}
HOLDERS = ["clean", "deploy", "doctor", "execution-role", "logs", "plan", "push", "status", "test"]
OTHERS = {
    "predictive": ["codebuild-role", "submit"],
    "language_model": ["token"],
    "company": [],
    "serverless": [],
    "batch": ["batch"],
    "base_image_of_ecr": ["build", "codebuild-role", "pin", "submit"],
}


# One process asks for the policies of a kind.
@pytest.fixture(scope="module", params=[pytest.param(k, marks=pytest.mark.xdist_group(k)) for k in PROJECTS])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def project(kind: str, template: Path, rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(kind) / NAME
    render(template, folder, **PROJECTS[kind])
    lend_environment(rendered, folder)
    return folder


@pytest.fixture(scope="module")
def doctor(project: Path, quick_commands: Forks) -> Doctor:
    """Return a function that runs do/doctor for the account."""

    def run(*options: str) -> Done:
        command = [str(project / "do" / "doctor"), "--account", ACCOUNT, *options]
        return quick_commands.run(command, dict(os.environ), project)

    return run


def policy(doctor: Doctor, holder: str, *options: str) -> dict[str, Any]:
    done = doctor("--policy", holder, "--json", *options)
    assert done.code == 0, done.err
    document: dict[str, Any] = done.json["result"]["policy"]
    return document


@pytest.fixture(scope="module")
def policies(doctor: Doctor, kind: str) -> dict[str, dict[str, Any]]:
    return {holder: policy(doctor, holder) for holder in [*HOLDERS, *OTHERS[kind]]}


def known(holder: str, document: dict[str, Any]) -> list[str]:
    """Return the expected findings of a policy; one action is newer than the list of parliament."""
    actions = [action for statement in document["Statement"] for action in statement["Action"]]
    newer = ["UNKNOWN_ACTION"] if "sagemaker:CallWithBearerToken" in actions else []
    return [*KNOWN.get(holder, []), *newer]


def test_every_policy_is_valid(policies: dict[str, dict[str, Any]]) -> None:
    for holder, document in policies.items():
        text = json.dumps(document)
        assert "{" not in "".join(re.findall(r'"arn:[^"]*"', text)), f"{holder}: {text}"
        analyzed = analyze_policy_string(text)
        assert [finding.issue for finding in analyzed.findings] == known(holder, document), holder
        sids = [statement["Sid"] for statement in document["Statement"]]
        assert len(sids) == len(set(sids)), holder


def test_every_policy_is_the_least(policies: dict[str, dict[str, Any]]) -> None:
    for holder, document in policies.items():
        for statement in document["Statement"]:
            assert statement["Effect"] == "Allow"
            assert not [action for action in statement["Action"] if "*" in action], holder
            if statement["Resource"] == "*":
                assert set(statement["Action"]) <= WITHOUT_RESOURCE, holder
            else:
                assert not set(statement["Action"]) & WITHOUT_RESOURCE, holder
        passing = [s for s in document["Statement"] if "iam:PassRole" in s["Action"]]
        assert all("iam:PassedToService" in s["Condition"]["StringEquals"] for s in passing), holder


def test_every_policy_is_short_enough_for_iam(policies: dict[str, dict[str, Any]]) -> None:
    """IAM accepts 6,144 characters without spaces in a policy of `aws iam create-policy`."""
    for holder, document in policies.items():
        text = "".join(json.dumps(document).split()).replace(NAME, "n" * 63)
        assert len(text) <= 6144, (holder, len(text))
        resources = [json.dumps([s["Resource"], s.get("Condition")]) for s in document["Statement"]]
        assert holder.endswith("-role") or len(resources) == len(set(resources)), holder


def test_a_star_has_its_reason_beside_it(project: Path) -> None:
    for file in (project / "iam").glob("*.toml"):
        lines = file.read_text().splitlines()
        for number, line in enumerate(lines):
            if line.startswith('Resource = "*"'):
                start = max(place for place in range(number) if lines[place] == "[[statements]]")
                assert "#" in line or lines[start - 1].startswith("#"), f"{file.name}:{number + 1}"


def test_the_role_reads_what_the_project_has_and_no_more(kind: str, policies: dict[str, Any]) -> None:
    actions = {action for s in policies["execution-role"]["Statement"] for action in s["Action"]}
    assert ("secretsmanager:GetSecretValue" in actions) == (kind == "language_model")
    assert ("s3:GetObject" in actions) == (kind in ("language_model", "batch"))
    assert ("s3:PutObject" in actions) == (kind == "batch")
    if kind == "language_model":
        by_sid = {s["Sid"]: s["Resource"] for s in policies["execution-role"]["Statement"]}
        assert by_sid["ListModel"] == "arn:aws:s3:::team-models"
        assert by_sid["ReadModel"] == "arn:aws:s3:::team-models/mine/*"
    elif "codebuild-role" in policies:
        base = [s for s in policies["codebuild-role"]["Statement"] if s["Sid"] == "BaseImage"]
        wanted = "arn:aws:ecr:us-west-2:763104351884:repository/python"
        assert [s["Resource"] for s in base] == ([wanted] if kind == "base_image_of_ecr" else [])


def test_nothing_speaks_of_commands_that_are_not_there(project: Path, kind: str) -> None:
    statements = [
        s for f in (project / "iam").glob("*.toml") for s in tomllib.loads(f.read_text())["statements"]
    ]
    named = {holder for statement in statements for holder in statement["for"]}
    assert named == {*HOLDERS, *OTHERS[kind]}


def test_names_that_cannot_be_filled_in_are_told(doctor: Doctor) -> None:
    done = doctor("--policy", "depoly")
    assert done.code == 2 and "available: deploy" in done.err


def test_a_policy_without_the_role_that_it_names_is_refused(doctor: Doctor) -> None:
    for holder in ("deploy", "plan", "doctor", "execution-role", "clean", "push"):
        done = doctor("--json", "--set", "role_arn=", "--policy", holder)
        if holder in ("deploy", "plan", "doctor"):
            assert done.code == 3 and '"policy"' not in done.out and "set role_arn" in done.err
        else:
            assert done.code == 0, done.err
            for statement in done.json["result"]["policy"]["Statement"]:
                assert statement["Resource"], statement


def test_all_policies_are_written_for_review(
    doctor: Doctor, policies: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    folder = tmp_path / "review"
    written = doctor("--policies", str(folder))
    assert written.code == 0, written.err
    assert {path.stem: json.loads(path.read_text()) for path in folder.glob("*")} == policies
    (folder / "deploy.json").write_text("mine")
    (folder / "clean.json").unlink()
    done = doctor("--policies", str(folder))
    assert done.code == 2 and "--force" in done.err and not (folder / "clean.json").exists()


def test_the_stack_is_clean(project: Path) -> None:
    command = ["cfn-lint", "--include-checks", "W", "I", "--", str(project / "iam" / "stack.yml")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_stack_gives_builds_what_iam_says(project: Path, kind: str, policies: dict[str, Any]) -> None:
    resources = template_of(project)["Resources"]
    assert ("BuildRole" in resources) == ("codebuild-role" in policies)
    if "BuildRole" not in resources:
        return
    role = resources["BuildRole"]["Properties"]
    (only,) = role["Policies"]
    assert only["PolicyDocument"] == policies["codebuild-role"]
    assert role["Path"] == "RolePath" and role["PermissionsBoundary"][0] == "HasBoundary"
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "codebuild.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_scaling_is_limited_to_inference_components(policies: dict[str, dict[str, Any]]) -> None:
    """The names of scalable targets are those of AWS, so that only conditions keep other services out."""
    prefix = "application-autoscaling:"
    wanted = {
        f"{prefix}service-namespace": "sagemaker",
        f"{prefix}scalable-dimension": "sagemaker:inference-component:DesiredCopyCount",
    }
    limited = {
        action: statement.get("Condition", {}).get("StringEquals")
        for holder in ("deploy", "clean")
        for statement in policies[holder]["Statement"]
        for action in statement["Action"]
        if re.match(f"{prefix}(Put|Register|Delete|Deregister)", action)
    }
    assert set(limited) >= {f"{prefix}DeleteScalingPolicy", f"{prefix}DeregisterScalableTarget"}
    assert {action for action, conditions in limited.items() if conditions != wanted} == set()


def test_no_command_can_create_or_change_a_role(policies: dict[str, dict[str, Any]]) -> None:
    """Such a command could give itself any right: the roles come from the stack."""
    for holder, document in policies.items():
        actions = {action for statement in document["Statement"] for action in statement["Action"]}
        changing = {action for action in actions if re.match("iam:(Create|Put|Attach|Update|Tag)", action)}
        assert changing <= {"iam:CreateServiceLinkedRole"}, holder


def test_the_stack_gives_the_role_what_iam_says(
    project: Path, kind: str, doctor: Doctor, policies: dict[str, Any]
) -> None:
    stack = template_of(project)
    role = stack["Resources"]["ExecutionRole"]["Properties"]
    assert role["RoleName"] == "RoleName" and role["Path"] == "RolePath"
    assert role["PermissionsBoundary"] == ["HasBoundary", "PermissionsBoundary", "AWS::NoValue"]
    wanted = [{**s, "Effect": "Allow"} for s in policies["execution-role"]["Statement"]]
    assert role["Policies"][0]["PolicyDocument"]["Statement"] == wanted
    if kind in ("serverless", "batch"):
        assert len(role["Policies"]) == 1 and "Alarms" not in stack["Parameters"]
    else:
        condition, alarms, _ = role["Policies"][1]
        assert condition == "HasAlarms" and stack["Parameters"]["Alarms"]["Default"] == "false"
        with_alarms = policy(doctor, "execution-role", "--set", "alarm_latency_ms=500")["Statement"]
        before = policies["execution-role"]["Statement"]
        added = [{**s, "Effect": "Allow"} for s in with_alarms if s not in before]
        assert alarms["PolicyDocument"]["Statement"] == added and len(added) == 1
    tags = {tag["Key"]: tag["Value"] for tag in stack["Resources"]["Repository"]["Properties"]["Tags"]}
    config = (project / "do" / "config.toml").read_text()
    company = {"CostCenter": "1234", "Owner": "ml/team"} if kind == "company" else {}
    assert {name: value for name, value in tags.items() if not name.startswith("mcc-")} == company
    assert tags["mcc-stack"] == "abalone-age"
    assert role.get("Tags", []) == [{"Key": key, "Value": company[key]} for key in company]
    (only,) = stack["Resources"]["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert only["Effect"] == "Deny" and only["Condition"] == {"Bool": {"aws:SecureTransport": False}}
    assert tags["mcc-project"] == "abalone-age" and f'project_id = "{tags["mcc-project-id"]}"' in config
