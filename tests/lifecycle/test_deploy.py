"""From a project to an endpoint and back, with the commands of the project."""

import json
import re
from pathlib import Path

import pytest

from tests.lifecycle.commands import NAME, ROLE, Project, mutations
from tests.lifecycle.deployed import configure, image_of


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
    assert project.succeed("deploy").out.startswith("no changes")
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
    assert project.succeed("clean", "--yes").out.endswith("no resources remain\n")


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
