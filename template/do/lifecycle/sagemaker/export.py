# Part of the library: `copier update` replaces this file.
"""The desired state as a CloudFormation template, for do/plan --template."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lifecycle.project import PRECONDITION, USAGE, Failure, Result, read_toml, write_new
from lifecycle.sagemaker import hosted
from lifecycle.sagemaker.hosted import Target, cost
from lifecycle.sagemaker.kinds import IMMUTABLE_KINDS, SAGEMAKER
from lifecycle.sagemaker.specification import COMPONENT, REGIONS

TYPES = {
    "endpoint config": "AWS::SageMaker::EndpointConfig",
    "endpoint": "AWS::SageMaker::Endpoint",
    "model": "AWS::SageMaker::Model",
    COMPONENT: "AWS::SageMaker::InferenceComponent",
    "scalable target": "AWS::ApplicationAutoScaling::ScalableTarget",
    "scaling policy": "AWS::ApplicationAutoScaling::ScalingPolicy",
    "alarm": "AWS::CloudWatch::Alarm",
}
# The resource that must exist first, where a request names it by its name and not by a function.
AFTER = {COMPONENT: "endpoint", "scalable target": COMPONENT, "scaling policy": "scalable target"}
IMAGE, ROLE = "(image)", "(role)"  # in the requests, in place of the parameters
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9]*(::[A-Za-z0-9]+)*")
NO_TEXTS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}  # in YAML, without quotes
HEAD = """\
# CloudFormation template of the endpoint {name}, written by do/plan --template.
#   aws cloudformation deploy --stack-name {name}-endpoint --template-file FILE --region {region} \\
#       --parameter-overrides ImageUri=IMAGE RoleArn=ROLE
# Deploy the endpoint either with this template or with do/deploy, never with both. Its resources do not have
# the tag mcc-project-id: do/deploy stops at them, and do/clean keeps them. To delete them, delete the stack.
# CloudFormation names the endpoint config and the model, because their names must change with their content.
"""
SCALED = """\
# An update of the inference component sets CopyCount copies; auto scaling then follows the load again.
"""


@dataclass(frozen=True)
class Function:
    """A CloudFormation function in its short form, such as !Ref ImageUri."""

    text: str


def run(settings: Target, path: Path, force: bool) -> Result:
    """Write the template to a file, without a call to AWS, and return the result.

    Raise Failure for settings that cannot be deployed, and for a file with other content without `force`.
    """
    _require_schema(settings)
    resources = of(settings)
    write_new({path: text(settings, resources)}, force)
    lines = [f"wrote {path} with {len(resources)} resources", cost.summary(settings)]
    types = [resource["Type"] for resource in resources.values()]
    return {"template": str(path), "types": types, "usd": cost.of(settings), "text": "\n".join(lines)}


def of(settings: Target) -> dict[str, dict[str, Any]]:
    """Return the resources of the template by their logical IDs, in the order of their creation.

    Raise Failure (usage) for a text that CloudFormation would replace.
    """
    desired = hosted.desired(replace(settings, role_arn=ROLE), IMAGE)
    ids = {(kind, name): _logical_id(settings, kind, name) for kind, name, _ in desired}
    functions = {IMAGE: Function("!Ref ImageUri"), ROLE: Function("!Ref RoleArn")}
    numbered = [(kind, name) for kind, name, _ in desired if kind in IMMUTABLE_KINDS]
    functions |= {key[1]: Function(f"!GetAtt {ids[key]}.{SAGEMAKER[key[0]]}Name") for key in numbered}
    resources = {}
    for kind, name, request in desired:
        own_name = f"{SAGEMAKER[kind]}Name" if kind in IMMUTABLE_KINDS else ""
        properties = {key: _value(item, functions) for key, item in request.items() if key != own_name}
        if kind == "alarm" and ("scaling policy", name) in ids:
            properties["AlarmActions"] = [Function(f"!Ref {ids['scaling policy', name]}")]
        after = [ids[key] for key in ids if key[0] == AFTER.get(kind)]
        depends = {"DependsOn": after[0]} if after else {}
        resources[ids[kind, name]] = {"Type": TYPES[kind], **depends, "Properties": properties}
    return resources


def text(settings: Target, resources: Mapping[str, Any]) -> str:
    """Return the template as YAML, with a head for the reader."""
    about = "ARN of the role that runs the container"
    default = {"Default": settings.role_arn} if settings.role_arn else {}
    role = {"Type": "String", "Description": about, **default}
    image = {"Type": "String", "Description": "Image in Amazon ECR, as REPOSITORY@sha256:DIGEST"}
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"SageMaker endpoint {settings.project_name}",
        "Parameters": {"ImageUri": image, "RoleArn": role},
        "Resources": resources,
    }
    head = HEAD.format(name=settings.project_name, region=settings.region)
    return head + (SCALED if settings.scales else "") + "\n".join([*_lines(template), ""])


def _require_schema(settings: Target) -> None:
    """Raise Failure (precondition) for a Region without the resource type of inference components."""
    unknown = read_toml(REGIONS)["without_schema"]
    if settings.target_kind == "component" and settings.region in unknown:
        what = f"CloudFormation has no inference components in {settings.region}"
        seen = "AWS publishes no resource schema of AWS::SageMaker::InferenceComponent for this Region"
        raise Failure(PRECONDITION, "no-schema", what, seen, "use do/deploy, or another region")


def _logical_id(settings: Target, kind: str, name: str) -> str:
    """Return a name inside the template, such as ScalingPolicyFromZero."""
    suffix = "" if kind in IMMUTABLE_KINDS else name.removeprefix(settings.project_name)
    return "".join(word.capitalize() for word in re.split("[ -]", f"{kind} {suffix}"))


def _value(value: Any, functions: Mapping[str, Function]) -> Any:
    """Return a value of a request with functions in place of names. Raise Failure (usage) as of()."""
    if isinstance(value, dict):
        for key in value:
            if key == "Ref" or key.startswith("Fn::"):
                raise _replaced(key)
        return {key: _value(item, functions) for key, item in value.items()}
    if isinstance(value, list):
        return [_value(item, functions) for item in value]
    if isinstance(value, str) and "{{resolve:" in value:
        raise _replaced("{{resolve:")
    return functions.get(value, value) if isinstance(value, str) else value


def _replaced(found: str) -> Failure:
    what, seen = "CloudFormation would replace the text of a setting", f"{found} in do/config.toml"
    next_step = "change it, or use do/deploy, which does not replace it"
    return Failure(USAGE, "template-function", what, seen, next_step)


def _lines(value: Any, indent: str = "") -> Iterator[str]:
    """Yield the lines of a mapping or list in YAML."""
    for key in value:
        item, start = (value[key], f"{_scalar(key)}:") if isinstance(value, dict) else (key, "-")
        if not isinstance(item, (dict, list)) or not item:
            yield f"{indent}{start} {_scalar(item)}"
        elif start == "-":
            first, *others = _lines(item, f"{indent}  ")
            yield f"{indent}- {first.lstrip()}"
            yield from others
        else:
            yield f"{indent}{start}"
            yield from _lines(item, f"{indent}  ")


def _scalar(value: Any) -> str:
    """Return a scalar, a function, or an empty list or mapping, in YAML."""
    if isinstance(value, Function):
        return value.text
    if isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in NO_TEXTS:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in quoted)
