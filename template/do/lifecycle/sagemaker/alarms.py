# Part of the library: `copier update` replaces this file.
"""Alarms on the responses of the endpoint, which also make AWS roll back an update."""

from collections.abc import Iterable, Iterator
from typing import Any

from lifecycle.aws import Aws
from lifecycle.project import ERROR, OK, WARNING, Finding, finding
from lifecycle.sagemaker.target import Target

NAMES = ("errors", "latency")
PERIOD_SECONDS = 60
BAKE_SECONDS = 300  # that AWS waits after each batch: the alarms need two of three periods
OFF = "--set alarm_errors_percent=0 --set alarm_latency_ms=0"
Request = dict[str, Any]


def names(component: str) -> list[str]:
    """Return the names that the alarms of a component can have."""
    return [f"{component}-{name}" for name in NAMES]


def requests(settings: Target) -> list[Request]:
    """Return the requests that create the alarms, [] if they are off."""
    errors, latency = names(settings.project_name)
    found = []
    if settings.alarm_errors_percent:
        # The metric is 1 for a response with a server error, and 0 for any other response.
        share = {"Statistic": "Average", "Threshold": settings.alarm_errors_percent / 100}
        found.append(_request(settings, errors, "Invocation5XXErrors", share))
    if settings.alarm_latency_ms:
        slow = {"ExtendedStatistic": "p90", "Threshold": settings.alarm_latency_ms * 1000.0}  # microseconds
        found.append(_request(settings, latency, "ModelLatency", slow))
    return found


def _request(settings: Target, name: str, metric: str, limit: Request) -> Request:
    return {
        "AlarmName": name,
        "Namespace": "AWS/SageMaker",
        "MetricName": metric,
        "Dimensions": [{"Name": "InferenceComponentName", "Value": settings.project_name}],
        **limit,
        "ComparisonOperator": "GreaterThanThreshold",
        "Period": PERIOD_SECONDS,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 2,
        "TreatMissingData": "notBreaching",
        "AlarmActions": [settings.alarm_topic] if settings.alarm_topic else [],
    }


def rollback(alarms: Iterable[str]) -> Request:
    """Return the part of an update by which AWS rolls back when one of these alarms is in ALARM."""
    listed = [{"AlarmName": name} for name in alarms]
    return {"AutoRollbackConfiguration": {"Alarms": listed}} if listed else {}


def of_update(request: Request) -> list[str]:
    """Return the names of the alarms that roll back an update."""
    found = request.get("DeploymentConfig", {}).get("AutoRollbackConfiguration", {})
    return [alarm["AlarmName"] for alarm in found.get("Alarms", [])]


def started(aws: Aws, alarms: Iterable[str]) -> list[str]:
    """Return those of some alarms that are in ALARM, each with the reason of CloudWatch. Raise AwsFailure."""
    known = list(alarms)
    listed = aws.pages("cloudwatch", "describe_alarms", "MetricAlarms", AlarmNames=known) if known else ()
    return [
        f"{alarm['AlarmName']}: {alarm.get('StateReason', '')}".rstrip(": ")
        for alarm in listed
        if alarm["StateValue"] == "ALARM"
    ]


def findings(settings: Target, aws: Aws, updates: Iterable[Request]) -> Iterator[Finding]:
    """Yield whether the alarms allow a deployment; `updates` are the planned updates of components."""
    if not settings.alarms:
        return
    planned = list(updates)
    watched = [name for update in planned for name in of_update(update)]
    if on := started(aws, names(settings.project_name)):
        next_step = f"wait until it ends, or deploy without alarms: do/deploy {OFF}"
        severity = ERROR if watched else WARNING
        what = (
            "an alarm has started, so AWS would roll back the update" if watched else "an alarm has started"
        )
        yield finding("alarm", severity, what, "; ".join(on), next_step)
    elif watched:
        seen = f"AWS returns to the previous version if {' or '.join(watched)} starts during the update"
        yield finding("alarm", OK, "alarms", f"{seen}; the role needs cloudwatch:DescribeAlarms")
    elif planned or settings.copies < 2:
        seen = "an update of one copy has no batches, so the alarms notify and AWS does not roll back"
        yield finding("alarm", WARNING, "no automatic rollback", seen, "set copies = 2 in do/config.toml")
    else:
        yield finding("alarm", OK, "alarms", "AWS returns to the previous version if one starts")
