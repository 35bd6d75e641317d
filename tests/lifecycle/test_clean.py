"""do/clean deletes all resources of a project from every state, and reports those that remain."""

import json
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Literal

import pytest

from tests.fakes.aws.world import Region
from tests.lifecycle.commands import NAME, Project, mutations, serving
from tests.lifecycle.deployed import make_builds

LONG_AGO = "2020-01-01T00:00:00+00:00"
OTHERS = [{"Key": "mcc-project", "Value": NAME}, {"Key": "mcc-project-id", "Value": "someone1"}]


def region(project: Project) -> Region:
    return project.aws.world.region("us-east-1")


def make_others(project: Project, name: str, tags: list[dict[str, str]] = OTHERS) -> list[str]:
    """Create an endpoint config and an endpoint of another project, and return their ARNs."""
    sagemaker = project.aws.boto3_client("sagemaker")
    variant = {"VariantName": "main", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    role = "arn:aws:iam::123456789012:role/service-role/exec"
    sagemaker.create_endpoint_config(
        EndpointConfigName=f"{name}-0123abcd",
        ExecutionRoleArn=role,
        ProductionVariants=[variant],
        Tags=tags,
    )
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-0123abcd", Tags=tags)
    return serving(project.aws.resources())


def forget(project: Project) -> None:
    shutil.rmtree(project.path / ".do", ignore_errors=True)


@pytest.mark.parametrize("state", ["Creating", "Updating", "Deleting", "Failed"])
@pytest.mark.parametrize("of", ["endpoint", "component"])
def test_every_state_is_cleaned_with_the_journal_deleted(project: Project, of: str, state: str) -> None:
    project.succeed("deploy")
    forget(project)
    endpoint, component = region(project).endpoints[NAME], region(project).components[NAME]
    if of == "endpoint":
        endpoint.begin(state, "Gone" if state == "Deleting" else "InService", 0.6)
        if state == "Failed":
            endpoint.becomes = None
        if state == "Deleting":
            del region(project).components[NAME]
    else:
        component.status = state
        settled = threading.Timer(0.6, setattr, [component, "status", "InService"])
        if state == "Deleting":
            component.gone_at = time.monotonic() + 0.6
        elif state != "Failed":
            settled.start()
    done = project.succeed("clean", "--yes")
    assert project.left() == [] and "no resources remain" in done.out


def test_half_a_deployment_is_cleaned(project: Project) -> None:
    project.aws.fault("deny", "sagemaker", "CreateInferenceComponent", times=None)
    assert project.do("deploy").code == 4
    assert len(project.left()) == 2
    forget(project)
    project.aws.forget_calls()
    project.succeed("clean", "--yes")
    assert project.left() == []


def test_what_lost_its_tags_api_is_found_by_name(project: Project) -> None:
    project.succeed("deploy")
    forget(project)
    project.aws.fault("deny", "resourcegroupstaggingapi", times=None)
    project.succeed("clean", "--yes")
    assert project.left() == []


def test_a_renamed_project_is_found_by_its_journal_and_else_by_its_old_name(project: Project) -> None:
    project.succeed("deploy")
    project.succeed("clean", "--yes", "--set", "project_name=another")
    assert project.left() == []
    project.succeed("deploy")
    forget(project)
    left = project.succeed("clean", "--yes", "--set", "project_name=another")
    assert f"kept endpoint {NAME}: it has this project's tag" in left.out and len(project.left()) == 3
    project.succeed("clean", "--yes")
    assert project.left() == []


def test_what_only_has_the_tag_is_neither_removed_nor_in_the_way(project: Project) -> None:
    tags = [{"Key": "mcc-project-id", "Value": project.id}, {"Key": "mcc-expires-at", "Value": LONG_AGO}]
    theirs = make_others(project, "payments-prod", tags)
    project.succeed("deploy")
    ours = set(project.left()) - set(theirs)
    assert "no expired resources" in project.succeed("clean", "--expired", "--yes").out
    assert ours < set(project.left())
    done = project.succeed("clean", "--yes", "--json")
    assert project.left() == theirs and done.json["result"]["left"] == []
    assert any(reason.startswith("endpoint payments-prod: ") for reason in done.json["result"]["kept"])


def test_nothing_of_others_is_touched(project: Project) -> None:
    theirs = make_others(project, NAME)
    refused = project.do("deploy", "--json")
    assert refused.code == 7 and refused.json["findings"][0]["id"] == "not-ours"
    assert project.do("plan").code == 7
    before = mutations(project.aws)
    done = project.succeed("clean", "--yes", "--logs")
    assert (
        "not deleted, because" in done.err and mutations(project.aws) == before and project.left() == theirs
    )


def test_a_name_that_begins_alike_is_not_in_the_way(project: Project) -> None:
    theirs = make_others(project, f"{NAME}-2")
    project.succeed("deploy")
    project.succeed("clean", "--yes")
    assert project.left() == theirs


def test_only_what_has_expired(project: Project) -> None:
    project.succeed("deploy")
    assert "no expired resources" in project.succeed("clean", "--expired", "--yes").out
    assert len(project.left()) == 3
    component = region(project).components[NAME]
    component.tags["mcc-expires-at"] = LONG_AGO  # the endpoint's was renewed since
    assert "no expired resources" in project.succeed("clean", "--expired", "--yes").out
    region(project).endpoints[NAME].tags["mcc-expires-at"] = LONG_AGO
    component.tags["mcc-expires-at"] = "2999-01-01T00:00:00+00:00"
    assert "EXPIRED" in project.succeed("status").out
    bucket = make_builds(project)
    assert project.do("clean", "--expired", "--images", "--yes").code == 2
    project.succeed("clean", "--expired", "--yes")
    assert project.left() == [] and f"arn:aws:s3:::{bucket}" in project.aws.resources()


@pytest.mark.parametrize("endpoint_goes_first", ["deleted", "refused"])
@pytest.mark.parametrize("state", ["Creating", "Updating"])
def test_a_component_that_never_settles_costs_nothing_after_clean(
    project: Project, state: str, endpoint_goes_first: Literal["deleted", "refused"]
) -> None:
    project.succeed("deploy")
    project.aws.settings.endpoint_with_components = endpoint_goes_first
    component = region(project).components[NAME]
    component.status = state
    if endpoint_goes_first == "refused":  # nothing can be deleted in a transitional state
        threading.Timer(0.6, setattr, [component, "status", "InService"]).start()
    done = project.succeed("clean", "--yes")
    assert project.left() == [] and "no resources remain" in done.out
    deleted = [name for name in mutations(project.aws) if name.startswith("Delete")]
    first = ["DeleteEndpoint", "DeleteInferenceComponent"]
    assert [name for name in deleted if name in first] == (
        first if endpoint_goes_first == "deleted" else first[::-1]
    )


def test_nobody_to_ask_is_no_yes(project: Project) -> None:
    project.succeed("deploy")
    refused = project.do("clean")
    assert refused.code == 2 and "do/clean --yes" in refused.err and len(project.left()) == 3


def test_what_cannot_be_removed_is_named(project: Project) -> None:
    project.succeed("deploy")
    project.aws.fault("deny", "sagemaker", "DeleteEndpoint", times=None)
    done = project.do("clean", "--yes", "--json")
    assert done.code == 6
    left = done.json["result"]["left"]
    assert left == [arn for arn in project.left()] and any(f":endpoint/{NAME}" in arn for arn in left)
    assert done.json["findings"][0]["id"] == "access-denied"
    receipt = json.loads(Path(done.json["result"]["receipt"]).read_text())
    assert receipt["left"] == left
    project.aws.forget_calls()
    project.succeed("clean", "--yes")
    assert project.left() == []


def test_ctrl_c_names_only_what_remains(project: Project) -> None:
    project.succeed("deploy")
    project.aws.settings.endpoint_with_components = "refused"
    component = region(project).components[NAME]
    component.gone_at = time.monotonic() + 600
    component.status = "Deleting"
    command, pipe = project.command("clean", "--yes"), subprocess.PIPE
    process = subprocess.Popen(command, env=project.variables({}), stderr=pipe, text=True, cwd=project.path)
    assert process.stderr
    while "deleting inference component" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    said = process.stderr.read()
    assert process.wait(10) == 130, said
    left = [line.removeprefix("  left: ") for line in said.splitlines() if line.startswith("  left: ")]
    assert [line.partition(NAME)[0] for line in left] == [
        "endpoint ",
        "inference component ",
        "endpoint config ",
    ]


def test_resources_of_builds_are_removed(project: Project) -> None:
    bucket = make_builds(project)
    removed = project.succeed("clean", "--yes", "--images", "--json").json["result"]["removed"]
    assert removed == [
        f"build project {NAME}", f"role mcc-{project.id}-codebuild", f"build source {bucket}/source/",
        f"bucket {bucket}", f"image repository {NAME}",
    ]  # fmt: skip
    assert project.aws.resources() == ["arn:aws:iam::123456789012:role/service-role/exec"]


def test_a_bucket_that_holds_models_is_kept_with_all_but_the_build_sources(project: Project) -> None:
    bucket, s3 = make_builds(project), project.aws.boto3_client("s3")
    for key in ("models/mine/model.tar.gz", "source", "zoo.onnx"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"weights")
    cleaned = project.succeed("clean", "--yes", "--json")
    assert cleaned.json["result"]["left"] == []
    kept = f"bucket {bucket}: it holds 3 objects other than build sources, such as models/mine/model.tar.gz"
    assert cleaned.json["result"]["kept"] == [kept] and f"kept: {kept}" in cleaned.err
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert keys == ["models/mine/model.tar.gz", "source", "zoo.onnx"]
    assert project.succeed("clean", "--yes", "--json").json["result"]["removed"] == []
