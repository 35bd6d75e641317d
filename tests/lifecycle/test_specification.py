"""The requests to AWS are what the settings say, and what botocore's own models accept."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import botocore.session
import pytest
from botocore.validate import validate_parameters

from tests.lifecycle.commands import ROLE, imported

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/abalone-age@sha256:" + "0" * 64
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "gpus": {"accelerators": 4, "ami": "al2023-ami-sagemaker-inference-gpu-4-1"},
    "scaled": {"copies": 2, "max_copies": 8},
    "to zero": {"scale_to_zero": True},
    "archive": {"model_data": "s3://bucket/model.tar.gz"},
    "prefix": {"model_data": "s3://bucket/models/mine/"},
    "longest name": {"project_name": "a" * 63, "model_data": "s3://bucket/models/mine/"},
    "environment": {"environment": {"A": '{"json": "x=y&z"}', "B": " # ' \" $HOME ü"}},
}


@pytest.fixture(scope="module")
def lifecycle(rendered: Path) -> Iterator[ModuleType]:
    """Return the rendered package; nothing of it stays imported."""
    names = (
        "belongings",
        "doctor",
        "project",
        "registry",
        "target",
        "sagemaker.changes",
        "sagemaker.inventory",
        "sagemaker.money",
        "sagemaker.plan",
        "sagemaker.specification",
    )
    with imported(rendered, *names) as package:
        yield package


@pytest.fixture(scope="module")
def settings(lifecycle: ModuleType) -> Any:
    return lifecycle.project.load_config(lifecycle.target.Target, {})


def models() -> dict[str, Any]:
    session = botocore.session.get_session()
    names = ("sagemaker", "application-autoscaling", "cloudwatch")
    return {name: session.get_service_model(name) for name in names}


def pascal(operation: str) -> str:
    return "".join(word.title() for word in operation.split("_"))


@pytest.mark.parametrize("variant", VARIANTS)
def test_botocore_accepts_every_request(lifecycle: ModuleType, settings: Any, variant: str) -> None:
    changed = dataclasses.replace(settings, **VARIANTS[variant])
    changed.check()
    wanted = lifecycle.sagemaker.specification.wanted(changed, IMAGE)
    steps = lifecycle.sagemaker.changes.steps(wanted, [], True)
    known = models()
    for step in steps:
        service, operation = step.call
        validate_parameters(step.request, known[service].operation_model(pascal(operation)).input_shape)
        assert len(step.name) <= 63 or step.kind in ("scaling policy", "alarm")
    kinds = [step.kind for step in steps]
    assert kinds[:2] == ["endpoint config", "endpoint"]
    assert ("model" in kinds) == changed.model_data.endswith("/")
    assert ("scalable target" in kinds) == changed.scales and ("alarm" in kinds) == changed.scale_to_zero
    made = {kind: request for kind, _, request in wanted}
    config = made["endpoint config"]
    (instances,) = config["ProductionVariants"]
    assert "ModelName" not in instances and config["ExecutionRoleArn"] == ROLE
    assert instances.get("InferenceAmiVersion", "") == changed.ami
    specification = made["inference component"]["Specification"]
    needs = specification["ComputeResourceRequirements"]
    assert needs.get("NumberOfAcceleratorDevicesRequired", 0) == changed.accelerators
    if "Container" in specification:
        assert specification["Container"]["Environment"] == changed.environment
    update = lifecycle.sagemaker.specification.component_update(made["inference component"], 5)
    model = known["sagemaker"].operation_model("UpdateInferenceComponent")
    validate_parameters(update, model.input_shape)
    assert update["DeploymentConfig"]["RollingUpdatePolicy"]["MaximumBatchSize"]["Value"] == 2


def test_a_name_tells_its_content(lifecycle: ModuleType, settings: Any) -> None:
    def name(**changed: Any) -> str:
        config = lifecycle.sagemaker.specification.endpoint_config(dataclasses.replace(settings, **changed))
        return str(config["EndpointConfigName"])

    assert name() == name() == name(environment={"A": "b"})
    assert len({name(), name(instance_count=2, max_instance_count=3), name(role_arn=ROLE + "2")}) == 3


def test_what_aws_adds_is_no_difference(lifecycle: ModuleType) -> None:
    differences = lifecycle.sagemaker.changes.differences
    assert not list(differences({"a": 1, "b": {"c": 2}}, {"a": 1.0, "b": {"c": 2, "d": 3}, "e": 4}))
    assert list(differences({"a": {"b": 1}}, {"a": {"b": 2}})) == ["a.b was 2, is 1"]
    assert list(differences({"Environment": {}}, {"Environment": {"X": "y"}})) == ["Environment.X is gone"]
    assert not list(differences({"Environment": {}}, {}))


def test_what_cannot_be_used_is_made_anew_with_what_depends_on_it(
    lifecycle: ModuleType, settings: Any
) -> None:
    wanted, resource = (
        lifecycle.sagemaker.specification.wanted(settings, IMAGE),
        lifecycle.belongings.Resource,
    )
    component, endpoint = "inference component", "endpoint"

    def steps(**statuses: str) -> list[str]:
        found = []
        for kind, _, request in reversed(wanted):
            if status := statuses.get(kind.rpartition(" ")[2]):
                described = {**request, **({"FailureReason": "broken"} if status == "Failed" else {})}
                found.append(resource(kind, settings.project_name, "arn", True, status, described))
        planned = lifecycle.sagemaker.changes.steps(wanted, found, False)
        return [
            f"{step.action} {step.kind}: {step.why}" for step in planned if step.kind != "endpoint config"
        ]

    create = [f"create {endpoint}: ", f"create {component}: "]
    delete = [f"delete {component}: its endpoint is Failed", f"delete {endpoint}: broken"]
    assert steps() == create
    assert steps(component="InService", endpoint="Failed") == [*delete, *create]
    assert steps(component="InService") == [f"delete {component}: its endpoint is gone", *create]
    anew = [f"delete {component}: broken", f"create {component}: "]
    assert steps(component="Failed", endpoint="InService")[:2] == anew


def test_money(lifecycle: ModuleType, settings: Any) -> None:
    costs = lifecycle.sagemaker.money.of(dataclasses.replace(settings, usd_per_hour=2.0, instance_count=3))
    assert (costs["per_hour"], costs["per_month"], costs["most_per_hour"]) == (6.0, 4380.0, 4.0)
    resource = lifecycle.belongings.Resource
    for status, described, rate in (
        ("InService", {"ProductionVariants": [{"CurrentInstanceCount": 3}]}, 0.306),
        ("InService", {"ProductionVariants": [{"CurrentInstanceCount": 0}]}, 0.0),
        ("Creating", {}, 0.102),
        ("Failed", {}, 0.0),
    ):
        endpoint = resource("endpoint", "x", "arn", True, status, described)
        assert lifecycle.sagemaker.money.per_hour(settings, endpoint) == pytest.approx(rate), status
        unknown = dataclasses.replace(settings, usd_per_hour=0.0)
        assert lifecycle.sagemaker.money.per_hour(unknown, endpoint) == (0.0 if status == "Failed" else None)


def test_a_driver_older_than_the_cuda_of_the_image_is_told(lifecycle: ModuleType, settings: Any) -> None:
    image = lifecycle.registry.Image
    changed = dataclasses.replace(settings, ami="al2-ami-sagemaker-inference-gpu-3-1", ami_cuda="12.4")
    manifest = "application/vnd.docker.distribution.manifest.v2+json"
    for cuda, severity in (("12.8.1", "warning"), ("12.4.0", "ok"), ("9.2", "ok")):
        pushed = image("uri", "sha256:0", manifest, "linux/amd64", {"CUDA_VERSION": cuda})
        found = list(lifecycle.doctor.of_image(changed, pushed, "error"))
        assert [item.severity for item in found if item.id == "driver"] == [severity], cuda


def test_every_setting_is_in_the_file_and_not_taken_for_a_question(
    lifecycle: ModuleType, rendered: Path
) -> None:
    from extensions.mcc.interview import questions
    from extensions.mcc.sources import settings

    lines = (rendered / "do" / "config.toml").read_text().splitlines()
    written = {line.partition(" = ")[0] for line in lines if line and not line.startswith("#")}
    known = {field.name for field in dataclasses.fields(lifecycle.target.Target)}
    assert written == known
    variables = {lifecycle.project.variable(name): "1" for name in known}
    assert not settings.read(questions.QUESTIONS, variables).values


def test_a_finding_is_printed_without_what_it_does_not_have(lifecycle: ModuleType) -> None:
    failure = lifecycle.project.Failure
    known = {"id": "x", "severity": "error", "what": "w", "seen": "s", "next": ""}
    assert list(failure(4, "x", "w", "s", "").finding.as_json().items()) == list(known.items())
    assert failure(4, "x", "w", "s", "", "c").finding.as_json() == {**known, "cause": "c"}
    assert "severity" not in lifecycle.project.Finding("x", "", "w", "s").as_json()
