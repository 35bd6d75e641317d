"""The requests to AWS match the settings, and the service models of botocore accept them."""

import dataclasses
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import validate_parameters
from lifecycle import doctor
from lifecycle.project import ERROR, OK, WARNING, Failure, Finding
from lifecycle.registry import Image
from lifecycle.resources import Resource
from lifecycle.sagemaker import changes, cost, specification, target_checks, waiting
from lifecycle.sagemaker.specification import COMPONENT, Rollout
from lifecycle.sagemaker.target import Target

from tests.lifecycle.commands import ROLE

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/abalone-age@sha256:" + "0" * 64
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "gpus": {"accelerators": 4, "ami": "al2023-ami-sagemaker-inference-gpu-4-1", "detailed_metrics": True},
    "scaled": {"copies": 2, "max_copies": 8},
    "to zero": {"scale_to_zero": True},
    "alarms": {"alarm_errors_percent": 1.5, "alarm_latency_ms": 800, "copies": 2, "max_copies": 2},
    "prefixes": {"routing": "prefix-aware"},
    "metrics": {"detailed_metrics": True, "metrics_path": "/prometheus/metrics"},
    "archive": {"model_data": "s3://bucket/model.tar.gz"},
    "prefix": {"model_data": "s3://bucket/models/mine/"},
    "company": {
        "subnets": ["subnet-0123456789abcdef0"],
        "security_groups": ["sg-0123456789abcdef0"],
        "network_isolation": True,
        "kms_key": "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "model_data": "s3://bucket/models/mine/",
    },
    "longest name": {"project_name": "a" * 63, "model_data": "s3://bucket/models/mine/"},
    "environment": {"environment": {"A": '{"json": "x=y&z"}', "B": " # ' \" $HOME ü"}},
}


SETTINGS = Target(
    project_name="abalone-age",
    project_id="c0ffee42",
    region="us-east-1",
    account="",
    instance_type="ml.c6i.large",
    platform="linux/amd64",
    shared=False,
    tags={},
    call_seconds=20.0,
    call_attempts=5,
    poll_seconds=10.0,
    role_arn=ROLE,
    instance_count=1,
    max_instance_count=2,
    copies=1,
    max_copies=1,
    requests_per_copy=8,
    scale_to_zero=False,
    derived_for="ml.c6i.large",
    memory_mib=256,
    accelerators=0,
    ami="",
    ami_cuda="",
    usd_per_hour=0.102,
    price_estimated=False,
    max_usd_per_hour=0.21,
    expires_after_hours=4.0,
    detailed_metrics=False,
    metrics_path="/metrics",
    routing="least-outstanding",
    routing_prefix_bytes=4096,
    routing_concurrency=8,
    alarm_errors_percent=0.0,
    alarm_latency_ms=0,
    alarm_topic="",
    subnets=[],
    security_groups=[],
    network_isolation=False,
    kms_key="",
    model_data="",
    provision_seconds=1800,
    download_seconds=300,
    startup_seconds=300,
    invoke_seconds=70.0,
    wait_seconds=0.0,
    environment={},
)


def models() -> dict[str, Any]:
    session = botocore.session.get_session()
    names = ("sagemaker", "application-autoscaling", "cloudwatch")
    return {name: session.get_service_model(name) for name in names}


def pascal(operation: str) -> str:
    return "".join(word.title() for word in operation.split("_"))


@pytest.mark.parametrize("variant", VARIANTS)
def test_botocore_accepts_every_request(variant: str) -> None:
    changed = dataclasses.replace(SETTINGS, **VARIANTS[variant])
    changed.check()
    wanted = specification.desired(changed, IMAGE)
    steps = changes.steps(wanted, [], True)
    known = models()
    for step in steps:
        service, operation = step.call
        validate_parameters(step.request, known[service].operation_model(pascal(operation)).input_shape)
        assert len(step.name) <= 63 or step.kind in ("scaling policy", "alarm")
    kinds = [step.kind for step in steps]
    assert kinds[:2] == ["endpoint config", "endpoint"]
    assert ("model" in kinds) == changed.model_data.endswith("/")
    assert ("scalable target" in kinds) == changed.scales and ("alarm" in kinds) == (
        changed.scale_to_zero or changed.alarm_latency_ms > 0
    )
    made = {kind: request for kind, _, request in wanted}
    config = made["endpoint config"]
    (instances,) = config["ProductionVariants"]
    assert "ModelName" not in instances and config["ExecutionRoleArn"] == ROLE
    assert instances.get("InferenceAmiVersion", "") == changed.ami
    assert instances["VariantInstanceProvisionTimeoutInSeconds"] == changed.provision_seconds
    assert config["MetricsConfig"] == {"EnableDetailedObservability": changed.detailed_metrics}
    private = {
        "VpcConfig": {"SecurityGroupIds": changed.security_groups, "Subnets": changed.subnets},
        "EnableNetworkIsolation": True,
    }
    hosts = [config, made["model"]] if "model" in made else [config]
    for host in hosts:
        assert {name: host[name] for name in private if name in host} == (private if changed.subnets else {})
    assert config.get("KmsKeyId", "") == changed.kms_key
    component = made["inference component"]["Specification"]
    needs = component["ComputeResourceRequirements"]
    assert needs.get("NumberOfAcceleratorDevicesRequired", 0) == changed.accelerators
    assert needs.get("NumberOfCpuCoresRequired", 0) == (0 if changed.accelerators else 1)
    if "Container" in component:
        assert component["Container"]["Environment"] == changed.environment
    idle = instances["ManagedInstanceScaling"].get("ScaleInPolicy", {}).get("Strategy", "")
    assert idle == ("IDLE_RELEASE" if changed.scale_to_zero else "")
    alarms = [name for kind, name, _ in wanted if kind == "alarm"]
    update = specification.component_update(made["inference component"], 5, alarms)
    model = known["sagemaker"].operation_model("UpdateInferenceComponent")
    validate_parameters(update, model.input_shape)
    assert update["DeploymentConfig"]["RollingUpdatePolicy"]["MaximumBatchSize"]["Value"] == 2


KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SUBNET, GROUP = ["subnet-01234567"], ["sg-01234567"]
MISMATCHES: list[tuple[dict[str, Any], str]] = [
    ({"subnets": SUBNET}, "security_groups is empty"),
    ({"security_groups": GROUP}, "subnets is empty"),
    ({"subnets": SUBNET, "security_groups": GROUP * 6}, "security_groups has 6 IDs, SageMaker accepts 5"),
    ({"subnets": SUBNET * 17, "security_groups": GROUP}, "subnets has 17 IDs, SageMaker accepts 16"),
    ({"kms_key": KEY, "region": "eu-west-1"}, "kms_key is in us-east-1, the endpoint in eu-west-1"),
    (
        {"environment": {"MY-VAR": "x"}},
        "environment: SageMaker rejects 'MY-VAR' with a value of 1 characters",
    ),
    (
        {"environment": {"A": "x" * 1025}},
        "environment: SageMaker rejects 'A' with a value of 1025 characters",
    ),
    ({"max_copies": 3, "requests_per_copy": 0}, "requests_per_copy is 0, and auto scaling divides by it"),
    (
        {"detailed_metrics": True, "metrics_path": "metrics"},
        "metrics_path 'metrics' is not a path that SageMaker can request",
    ),
]


@pytest.mark.parametrize(("changed", "words"), MISMATCHES)
def test_settings_that_sagemaker_rejects_later_are_refused_at_once(
    changed: dict[str, Any], words: str
) -> None:
    with pytest.raises(Failure) as refused:
        dataclasses.replace(SETTINGS, **changed).check()
    assert refused.value.finding.id == "config-mismatch" and refused.value.finding.seen == words
    dataclasses.replace(SETTINGS, subnets=SUBNET * 16, security_groups=GROUP * 5, kms_key=KEY).check()


def test_a_name_tells_its_content() -> None:
    def name(**changed: Any) -> str:
        config = specification.endpoint_config(dataclasses.replace(SETTINGS, **changed))
        return str(config["EndpointConfigName"])

    assert name() == name() == name(environment={"A": "b"})
    assert len({name(), name(instance_count=2, max_instance_count=3), name(role_arn=ROLE + "2")}) == 3


def test_what_aws_adds_is_no_difference() -> None:
    differences = changes.differences
    assert not list(differences({"a": 1, "b": {"c": 2}}, {"a": 1.0, "b": {"c": 2, "d": 3}, "e": 4}))
    assert list(differences({"a": {"b": 1}}, {"a": {"b": 2}})) == ["a.b was 2, is 1"]
    assert list(differences({"Environment": {}}, {"Environment": {"X": "y"}})) == ["Environment.X is removed"]
    assert not list(differences({"Environment": {}}, {}))


def test_what_cannot_be_used_is_made_anew_with_what_depends_on_it() -> None:
    wanted, resource = (
        specification.desired(SETTINGS, IMAGE),
        Resource,
    )
    component, endpoint = "inference component", "endpoint"

    def steps(**statuses: str) -> list[str]:
        found = []
        for kind, _, request in reversed(wanted):
            if status := statuses.get(kind.rpartition(" ")[2]):
                described = {**request, **({"FailureReason": "broken"} if status == "Failed" else {})}
                found.append(resource(kind, SETTINGS.project_name, "arn", True, status, described))
        planned = changes.steps(wanted, found, False)
        return [
            f"{step.action} {step.kind}: {step.why}" for step in planned if step.kind != "endpoint config"
        ]

    create = [f"create {endpoint}: ", f"create {component}: "]
    delete = [f"delete {component}: its endpoint is Failed", f"delete {endpoint}: broken"]
    assert steps() == create
    assert steps(component="InService", endpoint="Failed") == [*delete, *create]
    assert steps(component="InService") == [f"delete {component}: its endpoint is deleted", *create]
    anew = [f"delete {component}: broken", f"create {component}: "]
    assert steps(component="Failed", endpoint="InService")[:2] == anew
    for status in ("SystemUpdating", "RollingBack", "UpdateRollbackFailed"):  # it serves
        assert not [step for step in steps(component="InService", endpoint=status) if "delete" in step]


def test_every_batch_of_an_update_has_its_time() -> None:
    changed = dataclasses.replace(SETTINGS, copies=5, max_copies=5)
    (component,) = [
        request for kind, _, request in specification.desired(changed, IMAGE) if kind == COMPONENT
    ]
    for copies in range(2, 12):
        update = specification.component_update(component, copies)
        size = update["DeploymentConfig"]["RollingUpdatePolicy"]["MaximumBatchSize"]["Value"]
        assert -(-copies // size) <= specification.rollout(update).batches
    assert specification.rollout(specification.component_update(component, 1)) == Rollout(1, 0)
    assert waiting.patience(SETTINGS, Rollout(3)) == 1800 + 3 * 600
    assert waiting.patience(SETTINGS, Rollout(3, 300)) == 1800 + 3 * 900
    assert waiting.patience(dataclasses.replace(SETTINGS, wait_seconds=60.0), Rollout(3)) == 60


def test_a_region_is_judged_without_a_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    regions = tmp_path / "regions.toml"
    regions.write_text('without_schema = ["eu-west-3"]\nwithout_zero = ["eu-west-3"]\n')
    monkeypatch.setattr(target_checks, "REGIONS", regions)
    assert target_checks.region(SETTINGS).severity == OK
    paris = dataclasses.replace(SETTINGS, region="eu-west-3")
    assert target_checks.region(paris).severity == WARNING
    assert target_checks.region(dataclasses.replace(paris, scale_to_zero=True)).severity == ERROR


def test_cost() -> None:
    costs = cost.of(dataclasses.replace(SETTINGS, usd_per_hour=2.0, instance_count=3))
    assert (costs["per_hour"], costs["per_month"], costs["most_per_hour"]) == (6.0, 4380.0, 4.0)
    resource = Resource
    for status, described, rate in (
        ("InService", {"ProductionVariants": [{"CurrentInstanceCount": 3}]}, 0.306),
        ("InService", {"ProductionVariants": [{"CurrentInstanceCount": 0}]}, 0.0),
        ("Creating", {}, 0.102),
        ("Failed", {}, 0.0),
    ):
        endpoint = resource("endpoint", "x", "arn", True, status, described)
        assert cost.per_hour(SETTINGS, endpoint) == pytest.approx(rate), status
        unknown = dataclasses.replace(SETTINGS, usd_per_hour=0.0)
        assert cost.per_hour(unknown, endpoint) == (0.0 if status == "Failed" else None)


def test_a_driver_older_than_the_cuda_of_the_image_is_told() -> None:
    image = Image
    changed = dataclasses.replace(SETTINGS, ami="al2-ami-sagemaker-inference-gpu-3-1", ami_cuda="12.4")
    manifest = "application/vnd.docker.distribution.manifest.v2+json"
    for cuda, severity in (("12.8.1", "warning"), ("12.4.0", "ok"), ("9.2", "ok")):
        pushed = image("uri", "sha256:0", manifest, "linux/amd64", {"CUDA_VERSION": cuda}, 0)
        found = list(doctor.of_image(changed, pushed, "error"))
        assert [item.severity for item in found if item.id == "driver"] == [severity], cuda


def test_a_finding_is_printed_without_what_it_does_not_have() -> None:
    known = {"id": "x", "severity": "error", "what": "w", "seen": "s", "next": ""}
    assert list(Failure(4, "x", "w", "s", "").finding.as_json().items()) == list(known.items())
    assert Failure(4, "x", "w", "s", "", "c").finding.as_json() == {**known, "cause": "c"}
    assert "severity" not in Finding("x", "", "w", "s").as_json()
