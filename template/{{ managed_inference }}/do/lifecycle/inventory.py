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
AUTOSCALING = "application-autoscaling"
# What scales a component: the service, and what sets and what removes it.
SCALING = {
    "scaling policy": (AUTOSCALING, "put_scaling_policy", "delete_scaling_policy"),
    "scalable target": (AUTOSCALING, "register_scalable_target", "deregister_scalable_target"),
    "alarm": ("cloudwatch", "put_metric_alarm", "delete_alarms"),
}
ACTIONS = {"tag": "add_tags", "scale": "update_inference_component_runtime_config"}


def call_of(action: str, kind: str) -> tuple[str, str]:
    """Return the service and operation that does something to a kind of resource."""
    if kind in SCALING:
        service, setting, removing = SCALING[kind]
        return service, removing if action == "delete" else setting
    return "sagemaker", ACTIONS.get(action) or f"{action}_{kind.replace(' ', '_')}"


def deletion(resource: Resource) -> Request:
    """Return the request that removes a resource."""
    if resource.kind in SAGEMAKER:
        return {f"{SAGEMAKER[resource.kind]}Name": resource.name}
    if resource.kind == "alarm":
        return {"AlarmNames": [resource.name]}
    component = resource.described["ResourceId"].partition("/")[2]
    named = {"PolicyName": resource.name} if resource.kind == "scaling policy" else {}
    return {**scalable_target(component), **named}


def find(settings: Target, aws: Aws) -> list[Resource]:
    """Return what serves the model, in the order in which it is removed.

    Somebody else's endpoint or component is among it when it has the project's name: it is in the way.
    """
    try:
        names = _names_by_tag(settings, aws)
    except AwsFailure as error:
        if not error.denied:
            raise
        names = {kind: [] for kind in SAGEMAKER}
    for kind in SAGEMAKER:
        names[kind] += _names_in_journal(aws, kind)
        names[kind] += _listed(settings, aws, kind) if kind in NUMBERED else [settings.project_name]
    found = _described(settings, aws, names)
    components = [resource.name for resource in found if resource.kind == "inference component"]
    for name in dict.fromkeys([settings.project_name, *components]):
        found += _scaling(settings, aws, name)
    return found


def possible(settings: Target) -> list[str]:
    """Return what may exist when AWS does not tell: the names that this project gives."""
    name = settings.project_name
    names = {kind: f"{settings.name_prefix}*" if kind in NUMBERED else name for kind in SAGEMAKER}
    names |= {"scalable target": name, "alarm": f"{name}-from-zero"}
    return [f"perhaps {kind} {name} (AWS does not tell)" for kind, name in names.items()]


def find_tagged(settings: Target, aws: Aws) -> list[Resource]:
    """Return what has the project's tag in the region of `aws`."""
    return _described(settings, aws, _names_by_tag(settings, aws))


def describe(settings: Target, aws: Aws, kind: str, name: str) -> Resource | None:
    """Return a resource of SageMaker as it is now, or None when there is none of that name."""
    noun = SAGEMAKER[kind]
    found = aws.find(*call_of("describe", kind), **{f"{noun}Name": name})
    listed = aws.find("sagemaker", "list_tags", ResourceArn=found[f"{noun}Arn"]) if found else None
    if found is None or listed is None:
        return None
    tags = {tag["Key"]: tag["Value"] for tag in listed["Tags"]}
    status = found.get(f"{noun}Status", "")
    return Resource(kind, name, found[f"{noun}Arn"], settings.owns(tags), status, found, tags)


def _described(settings: Target, aws: Aws, names: dict[str, list[str]]) -> list[Resource]:
    """Return what there is of these names: the project's own, and what has its name."""
    found = [describe(settings, aws, kind, name) for kind in names for name in dict.fromkeys(names[kind])]
    return [item for item in found if item and (item.ours or item.name == settings.project_name)]


def _names_by_tag(settings: Target, aws: Aws) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {kind: [] for kind in SAGEMAKER}
    kinds = {kind.replace(" ", "-"): kind for kind in SAGEMAKER}
    key, wanted = "ResourceTagMappingList", [{"Key": "mcc-project-id", "Values": [settings.project_id]}]
    for entry in aws.pages("resourcegroupstaggingapi", "get_resources", key, TagFilters=wanted):
        kind, _, name = entry["ResourceARN"].split(":", 5)[5].partition("/")
        if kind in kinds:
            found[kinds[kind]].append(name)
    return found


def _names_in_journal(aws: Aws, kind: str) -> Iterator[str]:
    call = ".".join(call_of("create", kind))
    for entry in journal.read():
        if entry.get("call") == call and entry.get("region") == aws.region:
            yield entry["about"][f"{SAGEMAKER[kind]}Name"]


def _listed(settings: Target, aws: Aws, kind: str) -> Iterator[str]:
    """Yield the names that look like this project's, as SageMaker lists them."""
    noun, (service, operation), prefix = SAGEMAKER[kind], call_of("list", kind), settings.name_prefix
    for entry in aws.pages(service, f"{operation}s", f"{noun}s", NameContains=prefix):
        if re.fullmatch(f"{prefix}[0-9a-f]{{8}}", entry[f"{noun}Name"]):
            yield entry[f"{noun}Name"]


def _scaling(settings: Target, aws: Aws, component: str) -> Iterator[Resource]:
    """Yield what scales a component: its policies, their target, and the alarm that starts a first copy."""
    about = scalable_target(component)
    resource = about.pop("ResourceId")
    targets = aws.pages(
        AUTOSCALING, "describe_scalable_targets", "ScalableTargets", ResourceIds=[resource], **about
    )
    for target in targets:
        arn = target["ScalableTargetARN"]
        tags = aws.call(AUTOSCALING, "list_tags_for_resource", ResourceARN=arn)["Tags"]
        ours, key = settings.owns(tags), "ScalingPolicies"
        for policy in aws.pages(AUTOSCALING, "describe_scaling_policies", key, ResourceId=resource, **about):
            yield Resource("scaling policy", policy["PolicyName"], policy["PolicyARN"], ours, "", policy)
        yield Resource("scalable target", component, arn, ours, "", target, tags)
    for alarm in aws.pages(
        "cloudwatch", "describe_alarms", "MetricAlarms", AlarmNames=[f"{component}-from-zero"]
    ):
        pairs = aws.call("cloudwatch", "list_tags_for_resource", ResourceARN=alarm["AlarmArn"])["Tags"]
        tags = {tag["Key"]: tag["Value"] for tag in pairs}
        yield Resource("alarm", alarm["AlarmName"], alarm["AlarmArn"], settings.owns(tags), "", alarm, tags)
