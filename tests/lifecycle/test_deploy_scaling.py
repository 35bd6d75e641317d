"""The number of copies and instances, and scaling to zero."""

from typing import Literal

import pytest

from tests.lifecycle.commands import NAME, Project, mutations
from tests.lifecycle.deployed import configure, image_of, scale_to_zero


@pytest.mark.parametrize("running", [0, 1, 2, 5])
def test_an_update_asks_for_batches_only_where_there_are_some(project: Project, running: int) -> None:
    configure(project, scale_to_zero="true", max_copies="5")
    project.succeed("deploy")
    component = project.aws.world.region("us-east-1").components[NAME]
    component.copies = component.current_copies = running
    digest = project.push("two")
    done = project.do("deploy")
    if running:  # otherwise there is no server
        assert done.code == 0, done.err
    (update,) = [call for call in project.aws.mutations if call.operation == "UpdateInferenceComponent"]
    assert image_of(project) == digest
    policy = update.parameters.get("DeploymentConfig", {}).get("RollingUpdatePolicy", {})
    size = {"Type": "COPY_COUNT", "Value": running // 2}
    assert policy.get("MaximumBatchSize") == (size if running > 1 else None)


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
    assert project.succeed("deploy").out.startswith("no changes")
    assert mutations(project.aws) == before
    configure(project, scale_to_zero="false", max_copies="1")
    project.succeed("deploy")
    assert not region.targets and not region.policies
    assert not project.aws.boto3_client("cloudwatch").describe_alarms()["MetricAlarms"]
    configure(project, scale_to_zero="true", max_copies="3")
    project.succeed("deploy")
    project.succeed("clean", "--yes")
    assert project.left() == []


def test_an_endpoint_that_is_scaled_to_zero_is_woken(project: Project) -> None:
    configure(project, scale_to_zero="true")
    project.succeed("deploy")
    for command in (["test", "--remote"], ["deploy"]):
        scale_to_zero(project)
        done = project.succeed(*command)
        assert "scaled to zero, waiting for the first copy" in done.err and "a copy is in service" in done.err
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


def test_a_config_that_aws_does_not_find_at_once_is_waited_for(project: Project) -> None:
    project.aws.settings.config_visible_after_seconds = 1.0
    done = project.succeed("deploy")
    assert "AWS does not find what was created before" in done.err
    assert mutations(project.aws).count("CreateEndpoint") >= 1
    project.succeed("clean", "--yes")
    assert project.left() == []


def test_descriptions_that_are_out_of_date_are_read_again(project: Project) -> None:
    """AWS documents eventually consistent reads: none of them is a failure, or a rollback."""
    project.aws.settings.describes_changes_after_seconds = 0.5
    project.succeed("deploy")
    digest = project.push("two")
    configure(project, max_instance_count="3", max_usd_per_hour="1.0")
    updated = project.succeed("deploy").out
    assert f"update endpoint {NAME}" in updated and f"update inference component {NAME}" in updated
    assert image_of(project) == digest
    project.succeed("clean", "--yes")
    assert project.left() == []


def test_instances_are_searched_for_a_limited_time_and_metrics_are_stated(project: Project) -> None:
    configure(project, provision_seconds="600")
    project.succeed("deploy")
    config = project.aws.world.region("us-east-1").endpoints[NAME].config
    assert config.variants[0]["VariantInstanceProvisionTimeoutInSeconds"] == 600
    assert config.request["MetricsConfig"] == {"EnableDetailedObservability": False}


@pytest.mark.parametrize(("deletable", "endpoint"), [(False, "Updating"), (True, "InService")])
def test_a_component_that_is_still_created_is_deleted_in_either_behavior(
    project: Project, deletable: bool, endpoint: Literal["Updating", "InService"]
) -> None:
    settings = project.aws.settings
    settings.deletable_while_creating, settings.endpoint_while_placing = deletable, endpoint
    settings.component_seconds = 600.0
    assert project.do("deploy", "--set", "wait_seconds=4").code == 5
    project.aws.forget_calls()
    project.succeed("clean", "--yes")
    assert project.left() == []
    deleted = [name for name in mutations(project.aws) if name.startswith("Delete")]
    assert deleted.index("DeleteEndpoint") < deleted.index("DeleteInferenceComponent")
