"""Invalid deployments are refused before any creation, with an exit code and the next step."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lifecycle.commands import NAME, Project, imported, mutations
from tests.lifecycle.deployed import configure


def edit(project: Project, old: str, new: str) -> None:
    file = project.path / "do" / "config.toml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


SEVENTEEN = "{" + ", ".join(f"A{number} = ''" for number in range(17)) + "}"
REFUSALS: dict[str, tuple[int, str, Callable[[Project], object]]] = {
    "an unknown key": (2, "config-unknown-key", lambda p: edit(p, "max_copies =", "max_copys =")),
    "a wrong type": (2, "config-wrong-type", lambda p: configure(p, copies='"one"')),
    "a negative number": (2, "config-wrong-type", lambda p: configure(p, max_usd_per_hour="-1.0")),
    "a missing key": (2, "config-missing-key", lambda p: edit(p, "scale_to_zero = false\n", "")),
    "broken TOML": (2, "config-unreadable", lambda p: edit(p, "copies = 1", "copies = ")),
    "another instance type": (2, "config-mismatch", lambda p: configure(p, instance_type='"ml.g5.xlarge"')),
    "more at least than at most": (2, "config-mismatch", lambda p: configure(p, copies="2")),
    "a limit out of range": (2, "config-mismatch", lambda p: configure(p, startup_seconds="7200")),
    "too short for instances": (2, "config-mismatch", lambda p: configure(p, provision_seconds="60")),
    "a region that needs an instance": (
        3, "components", lambda p: configure(p, region='"eu-west-3"', scale_to_zero="true"),
    ),
    "a secret": (2, "config-mismatch", lambda p: configure(p, environment='{HF_TOKEN = "hf_x"}')),
    "a region without a name": (2, "config-not-a-region", lambda p: configure(p, region='""')),
    "a large environment": (2, "config-mismatch", lambda p: configure(p, environment=SEVENTEEN)),
    "GPUs without a driver": (
        2, "config-mismatch", lambda p: configure(
            p, instance_type='"ml.g5.xlarge"', derived_for='"ml.g5.xlarge"', accelerators="1"
        ),
    ),
    "no role": (3, "no-role", lambda p: configure(p, role_arn='""')),
    "an image that is not there": (3, "no-image", lambda p: p.aws.world.images.delete(NAME, digest(p))),
    "an image for another processor": (3, "image-platform", lambda p: p.push("x", architecture="arm64")),
    "an image of another kind": (
        3, "image-type", lambda p: p.push("x", media_type="application/vnd.oci.image.manifest.v1+json"),
    ),
    "a quota of zero": (3, "quota", lambda p: p.aws.settings.quotas.update({"ml.c6i.large": 0})),
    "expired credentials": (3, "expired-credentials", lambda p: p.aws.fault("expire", times=None)),
    "no right to look": (4, "access-denied", lambda p: p.aws.fault("deny", "sagemaker", times=None)),
    "throttling without end": (4, "throttled", lambda p: p.aws.fault("throttle", "sagemaker", times=None)),
    "another account": (7, "other-account", lambda p: configure(p, account='"210987654321"')),
    "a price over the ceiling": (7, "too-dear", lambda p: configure(p, max_usd_per_hour="0.01")),
    "an unknown price under a ceiling": (7, "too-dear", lambda p: configure(p, usd_per_hour="0.0")),
}  # fmt: skip


def digest(project: Project) -> str:
    return project.aws.world.images.tags(NAME)["latest"]


@pytest.mark.parametrize("case", REFUSALS)
def test_a_deploy_is_refused_before_anything_is_made(project: Project, case: str) -> None:
    code, name, prepare = REFUSALS[case]
    prepare(project)
    before = mutations(project.aws)
    done = project.do("deploy", "--json")
    assert done.code == code, done.err
    finding = done.json["findings"][0]
    assert finding["id"].startswith(name) and finding["next"] and done.json["ok"] is False
    assert mutations(project.aws) == before and project.left() == []
    assert "Traceback" not in done.err and f"failed ({finding['id']})" in done.err


def test_a_flag_beats_the_environment_which_beats_the_file(project: Project) -> None:
    configure(project, max_usd_per_hour="0.01")
    assert project.do("plan").code == 7
    project.succeed("plan", MCC_DO_MAX_USD_PER_HOUR="5")
    assert project.do("plan", "--set", "max_usd_per_hour=0.01", MCC_DO_MAX_USD_PER_HOUR="5").code == 7
    assert project.do("plan", "--set", "max_usd_per_hour=much").code == 2
    assert project.do("plan", "--set", "max_usd=1").code == 2
    assert project.do("plan", MCC_DO_INSTANCE_COUNT="1.5").code == 2


def test_the_old_names_of_settings_in_the_environment_are_read_with_one_notice(project: Project) -> None:
    limits = {"MCC_MAX_USD_PER_HOUR": "0.01", "MCC_SHARED": "true"}
    done = project.do("plan", **limits)
    assert done.code == 7
    (notice,) = [line for line in done.err.splitlines() if line.startswith("notice: ")]
    assert "MCC_MAX_USD_PER_HOUR to MCC_DO_MAX_USD_PER_HOUR" in notice and "MCC_DO_SHARED" in notice
    done = project.succeed("plan", **limits, MCC_DO_MAX_USD_PER_HOUR="5", MCC_DO_SHARED="true")
    assert "notice: " not in done.err


def test_without_credentials_it_says_how_to_log_in(project: Project) -> None:
    variables = project.variables({})
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        del variables[name]
    done = subprocess.run(project.command("deploy"), env=variables, capture_output=True, text=True)
    assert done.returncode == 3 and "no-credentials" in done.stderr and "aws sso login" in done.stderr


def test_there_is_no_default_region(project: Project) -> None:
    edit(project, 'region = "us-east-1"\n', "")
    done = project.do("plan", AWS_REGION="eu-west-1")
    assert done.code == 2 and "region missing" in done.err


def test_an_endpoint_is_not_made_when_there_is_nothing_to_ask_it(project: Project) -> None:
    (project.path / "model" / "examples.json").unlink()
    done = project.do("deploy")
    assert done.code == 2 and "--data FILE" in done.err and project.left() == []
    row = project.path / "row.csv"
    row.write_text("1,2,3\n")
    project.succeed("deploy", "--data", str(row))


def test_two_at_a_time_are_refused(project: Project) -> None:
    project.aws.settings.endpoint_seconds = 2
    with subprocess.Popen(
        project.command("deploy"), env=project.variables({}), stderr=subprocess.PIPE, text=True
    ) as first:
        while not any(call.operation == "CreateEndpoint" for call in project.aws.mutations):
            assert first.poll() is None
        second = project.do("deploy")
        assert second.code == 7 and "locked" in second.err and "do/deploy" in second.err
        first.communicate()
    assert first.returncode == 0


COLLEAGUE = "arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_Dev_0123456789abcdef/ana@example.com"


@pytest.mark.parametrize("verb", ["deploy", "plan", "clean"])
def test_what_another_identity_created_is_left_alone_unless_it_is_shared(project: Project, verb: str) -> None:
    project.succeed("deploy")
    project.push("two")
    region = project.aws.world.region("us-east-1")
    region.endpoints[NAME].tags["mcc-created-by"] = COLLEAGUE
    before, arguments = mutations(project.aws), ["--yes"] if verb == "clean" else []
    refused = project.do(verb, "--json", *arguments)
    assert (refused.code, refused.json["findings"][0]["id"]) == (7, "other-creator"), refused.err
    assert COLLEAGUE in refused.err and "shared = true" in refused.err and mutations(project.aws) == before
    project.succeed(verb, "--set", "shared=true", *arguments)
    if verb == "deploy":
        assert region.endpoints[NAME].tags["mcc-created-by"] == COLLEAGUE


def test_sessions_of_a_role_are_one_identity_and_people_are_not(rendered: Path) -> None:
    role = "arn:aws:sts::123456789012:assumed-role/pipeline"
    with imported(rendered, "aws") as lifecycle:
        person = lifecycle.aws.principal
        assert person(f"{role}/run-1") == person(f"{role}/run-2") != person(f"{role}-2/run-1")
        assert person(COLLEAGUE) != person(COLLEAGUE.replace("ana", "ben"))
        users = {person(f"arn:aws:iam::123456789012:user/{name}") for name in ("ana", "ben")}
        assert len(users) == 2
        tag = lifecycle.aws.creator_tag(
            "arn:aws:iam::123456789012:user/Doe,Ana"
        )  # IAM accepts commas, tags do not
        assert tag == "arn:aws:iam::123456789012:user/Doe_Ana"


def test_an_account_that_is_not_set_is_the_one_used_first(project: Project) -> None:
    configure(project, account='""')
    kept = project.path / ".do" / "account"
    project.succeed("plan")
    assert not kept.exists(), "nothing is changed by a plan"
    project.succeed("deploy")
    assert kept.read_text() == "123456789012\n"
    kept.write_text("210987654321\n")  # simulates credentials of another account
    before = mutations(project.aws)
    for command in (["deploy"], ["plan"], ["clean", "--yes"]):
        refused = project.do(*command)
        assert refused.code == 7 and "210987654321 was used before (.do/account)" in refused.err
        assert 'account = "123456789012" in do/config.toml' in refused.err
    assert mutations(project.aws) == before
    configure(project, account='"123456789012"')
    project.succeed("clean", "--yes")


@pytest.mark.parametrize("link", [".do", ".do/lock", ".do/journal.jsonl", ".do/account"])
def test_a_link_in_place_of_a_file_of_the_commands_is_not_followed(
    project: Project, tmp_path: Path, link: str
) -> None:
    target = tmp_path / "target"
    if link == ".do":
        target.mkdir()
    else:
        target.write_text("precious")
        (project.path / ".do").mkdir()
    (project.path / link).symlink_to(target)
    before = mutations(project.aws)
    refused = project.do("deploy")
    assert refused.code == 7 and "symbolic-link" in refused.err and "rm " in refused.err, refused.err
    assert mutations(project.aws) == before
    assert list(target.iterdir()) == [] if link == ".do" else target.read_text() == "precious"


@pytest.mark.parametrize("way", ["setting", "environment", "path"])
def test_only_a_known_container_engine_is_started(project: Project, tmp_path: Path, way: str) -> None:
    program, started = tmp_path / "evil", tmp_path / "started"
    program.write_text(f"#!/bin/sh\ntouch {started}\n")
    program.chmod(0o755)
    if way == "setting":
        configure(project, engine=f'"{program}"')
    variables = {"MCC_DO_ENGINE": str(program)} if way == "environment" else {}
    options = ["--set", f"engine={tmp_path}/bin/../evil"] if way == "path" else []
    (project.path / "model" / "model.pkl").write_bytes(b"x")
    for verb in ("build", "run", "push"):
        refused = project.do(verb, *options, **variables)
        assert refused.code == 2 and "unknown-engine" in refused.err and "nerdctl" in refused.err
    assert "unknown-engine" in project.do("doctor", "--offline", *options, **variables).out + refused.err
    assert not started.exists()


def test_a_defect_of_ours_has_its_own_code(project: Project, tmp_path: Path) -> None:
    engine = tmp_path / "bin" / "docker"
    engine.parent.mkdir()
    engine.write_text('#!/bin/sh\n[ "$1" = info ]\n')
    engine.chmod(0o755)
    (project.path / "model" / "model.pkl").write_bytes(b"x")
    path = f"{engine.parent}{os.pathsep}{os.environ['PATH']}"
    done = project.do("build", PATH=path)
    assert done.code == 1 and "build-failed" in done.err


CODES = {
    "sagemaker:ResourceLimitExceeded": "quota-exceeded",
    "codebuild:AccountLimitExceededException": "quota-exceeded",
    "iam:LimitExceeded": "quota-exceeded",
    "ecr:LimitExceededException": "quota-exceeded",
    "application-autoscaling:LimitExceededException": "quota-exceeded",
    "cloudwatch:LimitExceeded": "quota-exceeded",
    "s3:TooManyBuckets": "quota-exceeded",
    "logs:ServiceQuotaExceededException": "quota-exceeded",
    "eks:ResourceLimitExceededException": "quota-exceeded",
    "sagemaker:ThrottlingException": "throttled",
    "iam:Throttling": "throttled",
    "s3:SlowDown": "throttled",
    "ec2:RequestLimitExceeded": "throttled",
    "service-quotas:TooManyRequestsException": "throttled",
    "resourcegroupstaggingapi:ThrottledException": "throttled",
    "s3:403": "access-denied",
    "iam:ExpiredToken": "expired-credentials",
    "sagemaker:ValidationException": "aws-refused",
}


def test_quotas_are_told_from_throttling_by_service_and_code(rendered: Path) -> None:
    with imported(rendered, "aws") as lifecycle:
        found = {code: lifecycle.aws.refusal(*code.split(":"))[1] for code in CODES}
    assert found == CODES


@pytest.mark.parametrize(
    ("operation", "words"),
    [("CreateEndpoint", "set another instance_type"), ("PutMetricAlarm", "Service Quotas")],
)
def test_a_quota_that_a_call_meets_is_no_throttling(project: Project, operation: str, words: str) -> None:
    project.aws.fault("limit", operation=operation, times=None)
    done = project.do("deploy", "--json", "--set", "scale_to_zero=true")
    finding = done.json["findings"][0]
    assert (done.code, finding["id"]) == (3, "quota-exceeded") and words in finding["next"], done.err
