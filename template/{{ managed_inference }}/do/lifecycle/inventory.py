"""What serves the model in AWS. It is found by tag, name and journal; whose it is, its tag alone says."""

import re
from collections.abc import Iterator

from lifecycle import journal
from lifecycle.aws import Aws, AwsFailure
from lifecycle.belongings import Resource
from lifecycle.specification import Request, scalable_target
from lifecycle.target import Target

# What SageMaker makes for us, by its name in requests, in the order in which it is removed.
SAGEMAKER = {
    "inference component": "InferenceComponent",
    "endpoint": "Endpoint",
    "endpoint config": "EndpointConfig",
    "model": "Model",
}
NUMBERED = (
    "endpoint config",
    "model",
)  # these cannot be changed, so their names end in digits of their content


def find(settings: Target, aws: Aws) -> list[Resource]:
    """Return what serves the model, in the order in which it is removed.

    Somebody else's endpoint or component is among it when it has the project's name: it is in the way.
    """
    try:
        candidates = _names_by_tag(settings, aws)
    except AwsFailure as error:
        if not error.denied:
            raise
        candidates = {kind: [] for kind in SAGEMAKER}
    for kind, names in candidates.items():
        names += _names_in_journal(aws, kind)
        names += _listed(settings, aws, kind) if kind in NUMBERED else [settings.project_name]
    found = _described(settings, aws, candidates)
    components = [resource.name for resource in found if resource.kind == "inference component"]
    for name in dict.fromkeys([settings.project_name, *components]):
        found += _scaling(settings, aws, name)
    return found


def find_tagged(settings: Target, aws: Aws) -> list[Resource]:
    """Return what has the project's tag in the region of `aws`."""
    return _described(settings, aws, _names_by_tag(settings, aws))


def describe(settings: Target, aws: Aws, kind: str, name: str) -> Resource | None:
    """Return a resource of SageMaker as it is now, or None when there is none of that name."""
    noun = SAGEMAKER[kind]
    found = aws.find("sagemaker", f"describe_{_word(kind)}", **{f"{noun}Name": name})
    if found is None:
        return None
    arn = found[f"{noun}Arn"]
    listed = aws.find("sagemaker", "list_tags", ResourceArn=arn)
    if listed is None:  # it went in between
        return None
    tags = {tag["Key"]: tag["Value"] for tag in listed["Tags"]}
    status = found.get(f"{noun}Status", "")
    return Resource(kind, name, arn, settings.owns(tags), status, found, tags)


def deletion(resource: Resource) -> tuple[str, str, Request]:
    """Return the call that removes a resource: service, operation, request."""
    if resource.kind in SAGEMAKER:
        return (
            "sagemaker",
            f"delete_{_word(resource.kind)}",
            {f"{SAGEMAKER[resource.kind]}Name": resource.name},
        )
    if resource.kind == "scalable target":
        return "application-autoscaling", "deregister_scalable_target", scalable_target(resource.name)
    if resource.kind == "scaling policy":
        request = {**scalable_target(resource.described["of"]), "PolicyName": resource.name}
        return "application-autoscaling", "delete_scaling_policy", request
    return "cloudwatch", "delete_alarms", {"AlarmNames": [resource.name]}


def _word(kind: str) -> str:
    return kind.replace(" ", "_")


def _listed(settings: Target, aws: Aws, kind: str) -> Iterator[str]:
    """Yield the names that look like this project's, as SageMaker lists them."""
    noun, prefix = SAGEMAKER[kind], settings.name_prefix
    for entry in aws.pages("sagemaker", f"list_{_word(kind)}s", f"{noun}s", NameContains=prefix):
        if re.fullmatch(f"{prefix}[0-9a-f]{{8}}", entry[f"{noun}Name"]):
            yield entry[f"{noun}Name"]


def _names_in_journal(aws: Aws, kind: str) -> Iterator[str]:
    """Yield the names that the project's commands have given in this region."""
    call = f"sagemaker.create_{_word(kind)}"
    for entry in journal.read():
        if entry.get("call") == call and entry.get("region") == aws.region:
            yield entry["about"][f"{SAGEMAKER[kind]}Name"]


def _names_by_tag(settings: Target, aws: Aws) -> dict[str, list[str]]:
    """Return the names of what carries the project's tag, by kind."""
    found: dict[str, list[str]] = {kind: [] for kind in SAGEMAKER}
    kinds = {kind.replace(" ", "-"): kind for kind in SAGEMAKER}
    key, wanted = "ResourceTagMappingList", [{"Key": "mcc-project-id", "Values": [settings.project_id]}]
    for entry in aws.pages("resourcegroupstaggingapi", "get_resources", key, TagFilters=wanted):
        kind, _, name = entry["ResourceARN"].split(":", 5)[5].partition("/")
        if kind in kinds:
            found[kinds[kind]].append(name)
    return found


def _described(settings: Target, aws: Aws, names: dict[str, list[str]]) -> list[Resource]:
    """Return what there is of these names: the project's own, and what has its name."""
    found = [describe(settings, aws, kind, name) for kind in names for name in dict.fromkeys(names[kind])]
    return [item for item in found if item and (item.ours or item.name == settings.project_name)]


def _scaling(settings: Target, aws: Aws, component: str) -> Iterator[Resource]:
    """Yield what scales a component: its policies, their target, and the alarm that starts a first copy."""
    service, target = "application-autoscaling", scalable_target(component)
    resource = target.pop("ResourceId")
    for entry in aws.pages(
        service, "describe_scalable_targets", "ScalableTargets", ResourceIds=[resource], **target
    ):
        arn = entry.get("ScalableTargetARN", "")
        tags = aws.call(service, "list_tags_for_resource", ResourceARN=arn)["Tags"] if arn else {}
        ours = settings.owns(tags)
        for policy in aws.pages(
            service, "describe_scaling_policies", "ScalingPolicies", ResourceId=resource, **target
        ):
            described = {**policy, "of": component}
            yield Resource("scaling policy", policy["PolicyName"], policy["PolicyARN"], ours, "", described)
        yield Resource("scalable target", component, arn, ours, "", entry, tags)
    alarm = f"{component}-from-zero"
    for entry in aws.pages("cloudwatch", "describe_alarms", "MetricAlarms", AlarmNames=[alarm]):
        answer = aws.call("cloudwatch", "list_tags_for_resource", ResourceARN=entry["AlarmArn"])
        tags = {tag["Key"]: tag["Value"] for tag in answer["Tags"]}
        yield Resource("alarm", alarm, entry["AlarmArn"], settings.owns(tags), "", entry, tags)
