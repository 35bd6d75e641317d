"""The template of do/plan --template has the requests of do/deploy, and cfn-lint accepts it."""

import argparse
import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from lifecycle.project import Failure
from lifecycle.sagemaker import export, plan, specification, target_checks
from lifecycle.sagemaker.specification import COMPONENT

from tests.unit.do.test_specification import IMAGE, SETTINGS, VARIANTS

ENVIRONMENT = {"AA": "yes", "BB": "null", "CC": "1.5", "DD": "\x7f\x85\u2028 😀", "EE": "", "FF": "a: b # c"}
EVERYTHING = {"scale_to_zero": True, "max_copies": 4, "environment": ENVIRONMENT}
# CloudFormation accepts no names of one letter.
CASES = {**VARIANTS, "environment": {"environment": {"GG": "- x", "HH": '{"json": "x=y&z"}'}}}
CASES["all"] = {**VARIANTS["prefix"], **EVERYTHING}


class Template(yaml.SafeLoader):
    """Reads a template with its functions as tuples."""


Template.add_constructor("!Ref", lambda loader, node: ("Ref", node.value))
Template.add_constructor("!GetAtt", lambda loader, node: tuple(node.value.split(".")))


@pytest.fixture(autouse=True)
def regions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Yield with Regions as rendered projects have them."""
    file = tmp_path / "regions.toml"
    file.write_text('without_schema = ["eu-west-3"]\nwithout_zero = ["eu-west-3"]\n')
    monkeypatch.setattr(target_checks, "REGIONS", file)
    monkeypatch.setattr(export, "REGIONS", file)
    yield


def written(path: Path, force: bool = False, **changed: Any) -> dict[str, Any]:
    """Run do/plan --template and return the template."""
    settings = dataclasses.replace(SETTINGS, **changed)
    arguments = argparse.Namespace(template=path, force=force)
    assert plan.run(settings, arguments)["template"] == str(path)
    read: dict[str, Any] = yaml.load(path.read_text("utf-8"), Template)
    return read


@pytest.mark.parametrize("case", CASES)
def test_the_properties_are_the_requests_of_a_deployment(case: str, tmp_path: Path) -> None:
    changed = dataclasses.replace(SETTINGS, **CASES[case])
    template = written(tmp_path / "new" / "endpoint.yml", **CASES[case])
    role = template["Parameters"]["RoleArn"]["Default"]
    desired = specification.desired(dataclasses.replace(changed, role_arn=role), IMAGE)
    numbered = {kind: name for kind, name, _ in desired}
    ids = list(template["Resources"])
    values: dict[Any, Any] = {("Ref", "ImageUri"): IMAGE, ("Ref", "RoleArn"): role}
    values |= {("EndpointConfig", "EndpointConfigName"): numbered["endpoint config"]}
    values |= {("Model", "ModelName"): numbered.get("model")}

    def resolved(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: resolved(item) for key, item in value.items()}
        if isinstance(value, list):
            return [resolved(item) for item in value]
        return values[value] if isinstance(value, tuple) else value

    assert len(set(ids)) == len(desired)
    for logical, (kind, name, request) in zip(ids, desired, strict=True):
        resource = template["Resources"][logical]
        assert resource["Type"] == export.TYPES[kind] and logical.startswith(kind.title().replace(" ", ""))
        properties = dict(resource["Properties"])
        if properties.get("AlarmActions") == [("Ref", "ScalingPolicyFromZero")]:
            assert properties.pop("AlarmActions") and kind == "alarm"
        hidden = {"endpoint config": "EndpointConfigName", "model": "ModelName"}.get(kind)
        assert hidden not in properties and "Tags" not in properties
        assert resolved(properties) == {key: item for key, item in request.items() if key != hidden}
        after = resource.get("DependsOn")
        assert after is None or ids.index(after) < ids.index(logical)
        assert (after == "Endpoint") == (kind == COMPONENT)
        values["Ref", logical] = name


def test_cfn_lint_accepts_every_template(tmp_path: Path) -> None:
    for number, case in enumerate(CASES):
        written(tmp_path / f"{number}.yml", **CASES[case])
    program = Path(sys.executable).with_name("cfn-lint")
    command = [str(program), "--include-checks", "W", "I", "--", *map(str, tmp_path.glob("*.yml"))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("changed", "code", "name"),
    [
        ({"region": "eu-west-3"}, 3, "no-schema"),
        ({"region": "eu-west-3", "scale_to_zero": True}, 3, "components"),
        ({"max_usd_per_hour": 0.1}, 7, "too-dear"),
        ({"copies": 0}, 2, "config-mismatch"),
        ({"environment": {"A": "x{{resolve:ssm:/key}}"}}, 2, "template-function"),
        ({"environment": {"Ref": "AWS::AccountId"}}, 2, "template-function"),
        ({"environment": {"Fn::Sub": "${AWS::AccountId}"}}, 2, "config-mismatch"),
    ],
)
def test_settings_without_a_template_are_refused(
    changed: dict[str, Any], code: int, name: str, tmp_path: Path
) -> None:
    with pytest.raises(Failure) as failure:
        written(tmp_path / "endpoint.yml", **changed)
    assert (failure.value.code, failure.value.finding.id) == (code, name)
    assert failure.value.finding.next and not (tmp_path / "endpoint.yml").exists()


def test_another_file_is_kept_without_force(tmp_path: Path) -> None:
    file = tmp_path / "endpoint.yml"
    template = written(file)
    assert written(file) == template  # the same content
    file.write_text("mine")
    with pytest.raises(Failure, match="exists") as failure:
        written(file)
    assert failure.value.code == 2 and "--force" in failure.value.finding.next and file.read_text() == "mine"
    assert written(file, force=True) == template
    with pytest.raises(Failure, match="cannot be written"):
        written(tmp_path / "no" / "such" / "endpoint.yml")
    with pytest.raises(Failure, match="option of --template"):
        plan.run(SETTINGS, argparse.Namespace(template=None, force=True))
