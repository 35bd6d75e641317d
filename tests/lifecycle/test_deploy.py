"""From a project to an endpoint and back, by its own commands."""

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.lifecycle.commands import NAME, ROLE, Project, mutations
from tests.standins.aws.containers import Answer

IMAGE = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{NAME}"


def described(project: Project) -> dict[str, object]:
    sagemaker = project.aws.boto3_client("sagemaker")
    found: dict[str, object] = sagemaker.describe_inference_component(InferenceComponentName=NAME)
    return found


def image_of(project: Project) -> str:
    specification: dict[str, dict[str, dict[str, str]]] = described(project)["Specification"]  # type: ignore[assignment]
    return specification["Container"]["DeployedImage"]["SpecifiedImage"].partition("@")[2]


def configure(project: Project, **settings: str) -> None:
    """Write settings into do/config.toml as a person does."""
    file = project.path / "do" / "config.toml"
    text = file.read_text()
    for name, value in settings.items():
        text, count = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
        assert count == 1, name
    file.write_text(text)


def test_from_nothing_to_an_endpoint_and_back(project: Project) -> None:
    planned = project.succeed("plan", "--json").json["result"]
    assert [step["action"] for step in planned["steps"]] == ["create"] * 3
    assert planned["usd"]["per_hour"] == pytest.approx(0.102)
    assert not planned["usd"]["estimated"]
    assert mutations(project.aws) == project.made_by_the_test and not (project.path / ".do").exists()

    first = project.succeed("deploy", "--json").json["result"]
    assert [step.partition(" ")[0] for step in first["steps"]] == ["create"] * 3
    assert first["test"]["predictions"] == [1.5]
    names = {"mcc-project": NAME, "mcc-created-by": "arn:aws:sts::123456789012:user/moto"}
    for arn, tags in project.aws.world.inventory().items():
        if arn in project.left():
            assert names.items() <= tags.items() and len(tags["mcc-project-id"]) == 8
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", tags["mcc-expires-at"])
    assert project.succeed("test", "--remote", "--json").json["result"]["predictions"] == [1.5]

    before = mutations(project.aws)
    assert project.succeed("deploy").out.startswith("nothing to do")
    assert mutations(project.aws) == before

    digest = project.push("two")
    updated = project.succeed("deploy")
    assert mutations(project.aws)[len(before) :] == ["UpdateInferenceComponent", "AddTags"]
    assert image_of(project) == digest and "Specification" not in updated.out
    assert "DeploymentConfig" not in project.aws.mutations[-2].parameters

    rows = project.succeed("status", "--json").json["result"]["resources"]
    assert {row["kind"]: row["status"] for row in rows}["endpoint"] == "InService"
    endpoint = next(row for row in rows if row["kind"] == "endpoint")
    assert endpoint["usd_per_hour"] == pytest.approx(0.102) and endpoint["expires"]
    assert "POST /invocations 200" in project.succeed("logs").out.splitlines()

    cleaned = project.succeed("clean", "--yes", "--logs", "--images", "--json").json["result"]
    assert cleaned["left"] == [] and len(cleaned["removed"]) == 5
    assert json.loads(Path(cleaned["receipt"]).read_text())["removed"] == cleaned["removed"]
    assert project.aws.resources() == ["arn:aws:iam::123456789012:role/service-role/exec"]
    assert project.succeed("clean", "--yes").out.endswith("nothing is left\n")


def test_a_language_model_is_asked_and_answers(chat: Project) -> None:
    chat.aws.settings.default_quota = 4
    assert "Hello" in chat.succeed("deploy").out
    call = next(call for call in chat.aws.mutations if call.operation == "CreateInferenceComponent")
    needs = call.parameters["Specification"]["ComputeResourceRequirements"]
    assert needs["NumberOfAcceleratorDevicesRequired"] == 1 and needs["MinMemoryRequiredInMb"] == 1024
    assert call.parameters["Specification"]["StartupParameters"] == {
        "ModelDataDownloadTimeoutInSeconds": 300,
        "ContainerStartupHealthCheckTimeoutInSeconds": 720,
    }
    assert "Hello" in chat.succeed("test", "--remote").out
    chat.succeed("clean", "--yes")
    assert chat.left() == []


@pytest.mark.parametrize("running", [0, 1, 2, 5])
def test_an_update_asks_for_batches_only_where_there_are_some(project: Project, running: int) -> None:
    configure(project, scale_to_zero="true", max_copies="5")
    project.succeed("deploy")
    component = project.aws.world.region("us-east-1").components[NAME]
    component.copies = component.current_copies = running
    digest = project.push("two")
    done = project.do("deploy")
    if running:  # otherwise nothing is there to answer
        assert done.code == 0, done.err
    (update,) = [call for call in project.aws.mutations if call.operation == "UpdateInferenceComponent"]
    assert image_of(project) == digest
    policy = update.parameters.get("DeploymentConfig", {}).get("RollingUpdatePolicy", {})
    size = {"Type": "COPY_COUNT", "Value": running // 2}
    assert policy.get("MaximumBatchSize") == (size if running > 1 else None)


def test_more_memory_than_an_instance_has_is_explained(project: Project) -> None:
    configure(project, memory_mib="4000")
    failed = project.do("deploy")
    assert failed.code == 4 and "There is not enough hardware resources" in failed.err
    assert "next: lower memory_mib in do/config.toml" in failed.err


def test_a_rollback_goes_back_to_what_was_deployed_before(project: Project) -> None:
    first = project.push("one")
    configure(project, environment='{LEVEL = "info"}')
    project.succeed("deploy")
    assert project.do("deploy", "--rollback").code == 3
    second = project.push("two")
    configure(project, environment='{LEVEL = "debug"}')
    project.succeed("deploy")
    assert image_of(project) == second
    project.succeed("deploy", "--rollback")
    assert image_of(project) == first
    assert project.aws.light.started[-1].environment == {"LEVEL": "info"}
    project.succeed("deploy")
    assert image_of(project) == second and project.aws.light.started[-1].environment == {"LEVEL": "debug"}


def test_other_instances_take_another_config_and_the_old_one_goes(project: Project) -> None:
    project.succeed("deploy")
    configure(project, instance_count="2", max_instance_count="3", max_usd_per_hour="1.0")
    before = len(mutations(project.aws))
    project.succeed("deploy")
    changed = ["CreateEndpointConfig", "UpdateEndpoint", "DeleteEndpointConfig", "AddTags"]
    assert mutations(project.aws)[before:] == changed
    project.succeed("clean", "--yes")
    assert project.left() == []


def test_copies_follow_the_load_down_to_zero(project: Project) -> None:
    configure(project, scale_to_zero="true", max_copies="3")
    project.succeed("deploy")
    region = project.aws.world.region("us-east-1")
    target = region.targets[f"inference-component/{NAME}"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 3)
    variant = region.endpoints[NAME].config.variants[0]
    assert variant["ManagedInstanceScaling"]["MinInstanceCount"] == 0
    policies = {name: policy for (_, name), policy in region.policies.items()}
    assert set(policies) == {f"{NAME}-load", f"{NAME}-from-zero"}
    (alarm,) = project.aws.boto3_client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert alarm["AlarmActions"] == [policies[f"{NAME}-from-zero"]["PolicyARN"]]
    assert alarm["MetricName"] == "NoCapacityInvocationFailures"
    before = mutations(project.aws)
    assert project.succeed("deploy").out.startswith("nothing to do")
    assert mutations(project.aws) == before
    configure(project, scale_to_zero="false", max_copies="1")
    project.succeed("deploy")
    assert not region.targets and not region.policies
    assert not project.aws.boto3_client("cloudwatch").describe_alarms()["MetricAlarms"]
    configure(project, scale_to_zero="true", max_copies="3")
    project.succeed("deploy")
    project.succeed("clean", "--yes")
    assert project.left() == []


def scale_to_zero(project: Project) -> None:
    """Take the copies away, as Application Auto Scaling does when nobody calls."""
    component = project.aws.world.region("us-east-1").components[NAME]
    project.aws.world.dispose(component.container)
    component.container, component.copies, component.current_copies = None, 0, 0


def test_an_endpoint_that_is_scaled_to_zero_is_woken(project: Project) -> None:
    configure(project, scale_to_zero="true")
    project.succeed("deploy")
    for command in (["test", "--remote"], ["deploy"]):
        scale_to_zero(project)
        done = project.succeed(*command)
        assert "scaled to zero, waiting for a first copy" in done.err and "a copy answers" in done.err
        assert "1.5" in done.out
    project.aws.settings.wakes = False
    for command in (["test", "--remote"], ["deploy"]):
        scale_to_zero(project)
        done = project.do(*command, "--set", "wait_seconds=0.2")
        assert done.code == 5 and "still-at-zero" in done.err, done.err


def test_an_endpoint_without_copies_that_does_not_scale_is_reported(project: Project) -> None:
    project.succeed("deploy")
    scale_to_zero(project)
    failed = project.do("test", "--remote")
    assert failed.code == 4 and "no-copies" in failed.err
    assert "scale inference component" in project.succeed("deploy").out


def test_model_data_comes_as_an_archive_or_as_a_prefix(project: Project) -> None:
    s3 = project.aws.boto3_client("s3")
    s3.create_bucket(Bucket="models")
    for key in ("mine/config.json", "mine.tar.gz"):
        s3.put_object(Bucket="models", Key=key, Body=b"x")
    configure(project, model_data='"s3://models/mine.tar.gz"')
    project.succeed("deploy")
    specification = project.aws.mutations[-1].parameters["Specification"]
    assert specification["Container"]["ArtifactUrl"] == "s3://models/mine.tar.gz"
    configure(project, model_data='"s3://models/mine/"')
    project.succeed("deploy")
    (model,) = project.aws.world.region("us-east-1").models.values()
    source = model.request["PrimaryContainer"]["ModelDataSource"]["S3DataSource"]
    assert source == {"S3Uri": "s3://models/mine/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    project.push("two")
    project.succeed("deploy")
    (other,) = project.aws.world.region("us-east-1").models.values()
    assert other.name != model.name
    project.succeed("clean", "--yes")
    assert project.left() == []


def test_a_container_that_does_not_start_is_explained_and_can_be_mended(project: Project) -> None:
    project.aws.light.exits_saying = "exec /app/serving/serve: exec format error"
    failed = project.do("deploy")
    assert failed.code == 4
    for word in ("ping health check", "exec format error", "cause:", "do/clean", "left: endpoint"):
        assert word in failed.err, failed.err
    assert "0.10 $/h" in failed.err
    explained = project.succeed("logs", "--explain").out
    assert "exec format error" in explained and "next: do/build" in explained
    assert project.do("status").out.count("Failed") == 1
    project.aws.light.exits_saying = None
    mended = project.succeed("deploy")
    assert "delete inference component" in mended.out
    project.succeed("clean", "--yes")
    assert project.left() == []


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
    assert failed.code == 4 and "failed (rolled-back): AWS rolled the update back" in failed.err
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
    assert f"left: endpoint {NAME} (Creating): 0.10 $/h" in told and "do/clean" in told
    project.aws.world.region("us-east-1").endpoints[NAME].due = 0.0
    project.succeed("clean", "--yes")
    assert project.left() == []


def test_a_saved_plan_is_applied_as_it_is_or_not_at_all(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(project.succeed("plan", "--json").out)
    project.push("two")
    refused = project.do("deploy", "--plan", str(file))
    assert refused.code == 7 and "plan-outdated" in refused.err and project.left() == []
    file.write_text(project.succeed("plan", "--json").out)
    project.succeed("deploy", "--plan", str(file))
    assert project.do("deploy", "--plan", str(file)).code == 7
    file.write_text("[]")
    assert project.do("deploy", "--plan", str(file)).code == 2


def test_what_has_the_tag_is_found_in_every_region(project: Project) -> None:
    project.succeed("deploy")
    tags = [{"Key": "mcc-project-id", "Value": project.id}]
    elsewhere = project.aws.boto3_client("sagemaker", "eu-west-1")
    variant = {"VariantName": "main", "InstanceType": "ml.c6i.large", "InitialInstanceCount": 1}
    elsewhere.create_endpoint_config(
        EndpointConfigName="old", ExecutionRoleArn=ROLE, ProductionVariants=[variant], Tags=tags
    )
    elsewhere.create_endpoint(EndpointName="old", EndpointConfigName="old", Tags=tags)
    project.aws.boto3_client("s3").create_bucket(Bucket="mcc-source")
    project.aws.boto3_client("s3").put_bucket_tagging(Bucket="mcc-source", Tagging={"TagSet": tags})
    here = {row["kind"] for row in project.succeed("status", "--json").json["result"]["resources"]}
    rows = project.succeed("status", "--all-regions", "--json").json["result"]["resources"]
    assert len({row["arn"] for row in rows}) == len(rows)
    found = {(row["kind"], row["name"]): row for row in rows}
    assert here | {"ecr repository", "s3"} == {kind for kind, _ in found}
    old = found["endpoint", "old"]
    assert (old["region"], old["ours"], old["usd_per_hour"]) == ("eu-west-1", True, 0.102)
    assert found["s3", "mcc-source"]["arn"] == "arn:aws:s3:::mcc-source"


@pytest.mark.parametrize(
    "verb", [["plan"], ["status"], ["status", "--all-regions"], ["logs"], ["deploy", "--dry-run"]]
)
def test_what_only_looks_changes_nothing(project: Project, verb: list[str]) -> None:
    project.succeed("deploy")
    project.push("two")
    before, journal = mutations(project.aws), project.journal()
    project.succeed(*verb)
    assert mutations(project.aws) == before and project.journal() == journal
