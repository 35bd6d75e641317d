"""Alarms on responses: created, shown, deleted, and rolling back an update of two copies."""

import subprocess
import time

from tests.lifecycle.commands import NAME, Project, mutations
from tests.lifecycle.deployed import configure, image_of

TOPIC = "arn:aws:sns:us-east-1:123456789012:pager"
BOTH = {"alarm_errors_percent": "1.0", "alarm_latency_ms": "500", "alarm_topic": f'"{TOPIC}"'}
TWO = {"copies": "2", "max_copies": "2"}


def set_alarm(project: Project, name: str, state: str) -> None:
    alarms = project.aws.boto3_client("cloudwatch")
    alarms.set_alarm_state(AlarmName=f"{NAME}-{name}", StateValue=state, StateReason="2 datapoints of 3")


def test_an_alarm_during_an_update_rolls_it_back(project: Project) -> None:
    configure(project, **BOTH, **TWO)
    project.succeed("deploy")
    order = [
        name for name in mutations(project.aws) if name in ("PutMetricAlarm", "CreateInferenceComponent")
    ]
    assert order == ["PutMetricAlarm", "PutMetricAlarm", "CreateInferenceComponent"]
    listed = project.aws.boto3_client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert {alarm["AlarmName"]: alarm["AlarmActions"] for alarm in listed} == {
        f"{NAME}-errors": [TOPIC],
        f"{NAME}-latency": [TOPIC],
    }
    status = project.succeed("status").out
    assert f"alarm {NAME}-errors, " in status and f"alarm {NAME}-latency, " in status
    before = image_of(project)

    project.push("two")
    shown = project.succeed("plan").out
    assert f"if {NAME}-errors or {NAME}-latency starts during the update" in shown
    project.aws.settings.component_seconds, project.aws.settings.bake_seconds = 1.0, 5.0
    process = subprocess.Popen(
        project.command("deploy"),
        env=project.variables({}),
        stdout=-1,
        stderr=-1,
        text=True,
        cwd=project.path,
    )
    component = project.aws.world.region("us-east-1").components[NAME]
    while component.status != "Updating" and process.poll() is None:
        time.sleep(0.02)
    set_alarm(project, "latency", "ALARM")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 4, err
    assert "rolled-back" in err and f"an alarm started: {NAME}-latency: 2 datapoints of 3" in err
    assert image_of(project) == before
    policy = component.deployment or {}
    assert policy["RollingUpdatePolicy"]["WaitIntervalInSeconds"] > 0

    project.aws.settings.component_seconds = project.aws.settings.bake_seconds = 0.0
    refused = project.do("deploy")
    assert refused.code == 3 and "AWS would roll back the update" in refused.err
    assert "do/deploy --set alarm_errors_percent=0 --set alarm_latency_ms=0" in refused.err
    off = [
        word for name in ("errors_percent=0", "latency_ms=0", "topic=") for word in ("--set", f"alarm_{name}")
    ]
    project.succeed("deploy", *off)
    assert image_of(project) != before
    assert not project.aws.boto3_client("cloudwatch").describe_alarms()["MetricAlarms"]

    project.succeed("deploy")
    project.succeed("clean", "--yes")
    assert project.left() == []


def test_a_role_that_cannot_read_alarms_rolls_nothing_back(project: Project) -> None:
    configure(project, alarm_latency_ms="500", **TWO)
    project.succeed("deploy")
    project.aws.settings.role_reads_alarms = False
    digest = project.push("two")
    project.succeed("deploy")
    set_alarm(project, "latency", "ALARM")
    assert image_of(project) == digest
    policy = project.succeed("doctor", "--policy", "execution-role", "--account", "123456789012").out
    assert "cloudwatch:DescribeAlarms" in policy
    plain = ("--set", "alarm_latency_ms=0", "--policy", "execution-role", "--account", "123456789012")
    assert "DescribeAlarms" not in project.succeed("doctor", *plain).out
