"""Alarms on responses, and the settings of routing: what is requested, refused and reported."""

import dataclasses
from typing import Any

import pytest
from lifecycle.project import Failure
from lifecycle.resources import Resource
from lifecycle.sagemaker import alarms, changes, inventory, specification
from lifecycle.sagemaker.specification import COMPONENT
from lifecycle.sagemaker.target import Target

from tests.unit.do.test_specification import IMAGE, SETTINGS

ON: dict[str, Any] = {"alarm_errors_percent": 2.0, "alarm_latency_ms": 800}
TOPIC = "arn:aws:sns:us-east-1:123456789012:pager"


def changed(**settings: Any) -> Target:
    return dataclasses.replace(SETTINGS, **settings)


class Cloudwatch:
    """Alarms with their states, which `pages` lists."""

    def __init__(self, **states: str) -> None:
        self._states = {f"abalone-age-{name}": state for name, state in states.items()}

    def pages(self, *_: str, AlarmNames: list[str]) -> list[dict[str, str]]:
        listed = [(name, state) for name, state in self._states.items() if name in AlarmNames]
        return [{"AlarmName": name, "StateValue": state, "StateReason": "2 of 3"} for name, state in listed]


def test_alarms_are_off_by_default_and_each_has_a_limit() -> None:
    assert alarms.requests(SETTINGS) == []
    assert [request["AlarmName"] for request in alarms.requests(changed(alarm_latency_ms=5))] == [
        "abalone-age-latency"
    ]
    errors, latency = alarms.requests(changed(**ON, alarm_topic=TOPIC))
    assert (errors["MetricName"], errors["Statistic"], errors["Threshold"]) == (
        "Invocation5XXErrors",
        "Average",
        0.02,
    )
    assert (latency["MetricName"], latency["ExtendedStatistic"]) == ("ModelLatency", "p90")
    assert latency["Threshold"] == 800_000 and "Statistic" not in latency
    assert errors["AlarmActions"] == latency["AlarmActions"] == [TOPIC]
    assert errors["Dimensions"] == [{"Name": "InferenceComponentName", "Value": "abalone-age"}]


def update(running: int, **settings: Any) -> dict[str, Any]:
    """Return the update of a component that runs some copies of another image."""
    wanted = specification.desired(changed(**settings), IMAGE)
    (request,) = [request for kind, _, request in wanted if kind == COMPONENT]
    container = {"DeployedImage": {"SpecifiedImage": "another"}, "Environment": {}}
    described = {
        **request,
        "Specification": {**request["Specification"], "Container": container},
        "RuntimeConfig": {"DesiredCopyCount": running, "CurrentCopyCount": running},
    }
    found = [
        Resource(COMPONENT, "abalone-age", "arn:c", True, "InService", described),
        Resource("endpoint", "abalone-age", "arn:e", True, "InService", {}),
    ]
    steps = changes.steps(wanted, found, False)
    (step,) = [step for step in steps if (step.action, step.kind) == ("update", COMPONENT)]
    watched = alarms.of_update(step.request)
    created = [place for place, item in enumerate(steps) if item.name in watched]
    assert all(place < steps.index(step) for place in created), "an update names alarms that exist"
    return step.request


def test_an_update_of_two_copies_is_rolled_back_by_alarms_and_of_one_is_not() -> None:
    watched = ["abalone-age-errors", "abalone-age-latency"]
    two = update(2, copies=2, max_copies=2, **ON)
    assert alarms.of_update(two) == watched
    assert two["DeploymentConfig"]["RollingUpdatePolicy"]["WaitIntervalInSeconds"] == alarms.BAKE_SECONDS
    assert "DeploymentConfig" not in update(1, **ON)
    off = update(2, copies=2, max_copies=2)["DeploymentConfig"]
    assert alarms.of_update({"DeploymentConfig": off}) == []
    assert off["RollingUpdatePolicy"]["WaitIntervalInSeconds"] == 0
    zero = update(2, copies=2, max_copies=3, scale_to_zero=True)
    assert alarms.of_update(zero) == [], "the alarm that starts the first copy rolls nothing back"


def found(settings: Target, updates: list[dict[str, Any]], **states: str) -> list[tuple[str, str]]:
    listed = alarms.findings(settings, Cloudwatch(**states), updates)  # type: ignore[arg-type]
    return [(item.severity, f"{item.what}: {item.seen} {item.next}") for item in listed]


def test_the_plan_says_what_the_alarms_do() -> None:
    two, one = changed(copies=2, max_copies=2, **ON), changed(**ON)
    watched = update(2, copies=2, max_copies=2, **ON)
    assert found(SETTINGS, []) == []
    ((severity, text),) = found(two, [watched], errors="OK", latency="INSUFFICIENT_DATA")
    assert severity == "ok" and "abalone-age-errors or abalone-age-latency" in text
    ((severity, text),) = found(two, [watched], errors="ALARM")
    assert severity == "error" and "abalone-age-errors: 2 of 3" in text and alarms.OFF in text
    ((severity, text),) = found(two, [], latency="ALARM")
    assert severity == "warning" and "an alarm has started" in text
    ((severity, text),) = found(one, [update(1, **ON)])
    assert severity == "warning" and "no automatic rollback" in text and "copies = 2" in text


@pytest.mark.parametrize(
    ("settings", "seen"),
    [
        ({"alarm_errors_percent": 100.0}, "no share is larger"),
        ({"alarm_topic": TOPIC}, "there is no alarm"),
        ({**ON, "alarm_topic": TOPIC.replace("us-east-1", "eu-west-1")}, "SNS topic in us-east-1"),
        ({**ON, "alarm_topic": "pager"}, "SNS topic in us-east-1"),
        ({"routing": "random"}, "least-outstanding or prefix-aware"),
        ({"routing": "prefix-aware", "max_instance_count": 1}, "only one instance"),
        ({"routing": "prefix-aware", "routing_prefix_bytes": 512}, "not 1024 to 65536"),
        ({"routing": "prefix-aware", "routing_concurrency": 2000}, "not 1 to 1024"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_settings_that_sagemaker_rejects_are_refused(settings: dict[str, Any], seen: str) -> None:
    with pytest.raises(Failure) as refused:
        changed(**settings).check()
    assert refused.value.code == 2 and seen in refused.value.finding.seen


def test_routing_by_prefixes_names_its_two_numbers() -> None:
    config = specification.endpoint_config(changed(routing="prefix-aware"))
    assert config["ProductionVariants"][0]["RoutingConfig"] == {
        "RoutingStrategy": "PREFIX_AWARE",
        "PrefixAwareRoutingConfig": {"PrefixLength": 4096, "ConcurrencyThreshold": 8},
    }


def test_alarms_expire_with_their_endpoint_and_are_named_when_aws_cannot_be_reached() -> None:
    endpoint = Resource("endpoint", "abalone-age", "arn:e", True, tags={"mcc-expires-at": "2026-01-01"})
    component = Resource(COMPONENT, "abalone-age", "arn:c", True, described={"EndpointName": "abalone-age"})
    alarm = Resource("alarm", "abalone-age-errors", "arn:a", True)
    assert alarm in inventory.expired([endpoint, component, alarm], "2026-06-01")
    assert any("alarm abalone-age-latency" in line for line in inventory.possible(SETTINGS))
