# Part of the library: `copier update` replaces this file.
"""The resources that serve the model in AWS, found by tag, name and journal.

A resource belongs to the project if it has the project's tag and a name of the project's naming scheme. The
tag alone is not enough, because tags can be copied.
"""

import importlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from lifecycle import explain, journal
from lifecycle.aws import Aws, AwsFailure, tags_of
from lifecycle.project import REFUSED, Failure
from lifecycle.resources import Resource
from lifecycle.sagemaker import alarms
from lifecycle.sagemaker.kinds import AUTOSCALING, IMMUTABLE_KINDS, JOB, NOUNS, SAGEMAKER, call_of
from lifecycle.sagemaker.specification import COMPONENT, EXPIRES_AT, scalable_target
from lifecycle.sagemaker.target import Target

LOG_LINES_SHOWN = 8
# The states in which an endpoint or component serves; UpdateRollbackFailed with both versions.
SERVING = ("InService", "Updating", "SystemUpdating", "RollingBack", "UpdateRollbackFailed")
Tags = dict[str, str]
NO_TAGS: Mapping[str, Tags] = {}


def find(settings: Target, aws: Aws, indexed: bool = False) -> list[Resource]:
    """Return the resources that serve the model, in the order of deletion.

    They include resources of another project with this project's name, which block the deployment. Resources
    with this project's tag and another name are `kept`. With `indexed`, the tag index of AWS is trusted. This
    takes half of the calls, but the index can be out of date: for plans, not for deletions.
    """
    try:
        tagged = list(_tagged(settings, aws))
    except AwsFailure as error:
        if not error.denied:
            raise
        tagged, indexed = [], False
    known = {item.arn: item.tags for item in tagged} if indexed else {}
    serving = []
    for kind in SAGEMAKER:
        names = [name for name in _names(tagged, kind) if _is_named(settings, kind, name)]
        names += _names_in_journal(aws, kind)
        if kind not in IMMUTABLE_KINDS:
            names.append(settings.project_name)
        elif not indexed:
            names += _listed(settings, aws, kind)
        serving += _described(settings, aws, kind, names, known)
    found = list(_jobs(settings, aws))
    components = [resource.name for resource in serving if resource.kind == COMPONENT]
    for name in dict.fromkeys([settings.project_name, *components]):
        found += _scaling(settings, aws, name)
    found += in_order(serving)
    arns = {item.arn for item in found}
    kept = "it has this project's tag, but not a name of this project"
    return found + [
        replace(item, kept=kept) for item in tagged if item.kind in SAGEMAKER and item.arn not in arns
    ]


def in_order(serving: list[Resource]) -> list[Resource]:
    """Return resources in the order in which SageMaker can delete them.

    A component is deleted before its endpoint. SageMaker cannot delete a component that is being created or
    updated. In that case the endpoint is first, which also ends the charges for its instances.
    """
    order = {kind: place for place, kind in enumerate(SAGEMAKER)}
    late = {item.arn for item in serving if item.kind == COMPONENT and item.in_transition}
    return sorted(serving, key=lambda item: order["endpoint"] + 0.5 if item.arn in late else order[item.kind])


def expired(found: list[Resource], moment: str) -> list[Resource]:
    """Return the resources that are expired at a moment (ISO 8601).

    The tag of an endpoint applies to its parts. Other resources have their own tag; without one they do not
    expire.
    """
    ends = {item.name: item.tags.get(EXPIRES_AT, "") for item in found if item.kind == "endpoint"}
    hosts = {
        (kind, item.described.get(key)): item.name
        for item in found
        for kind, key in (("endpoint config", "EndpointConfigName"), ("endpoint", "EndpointName"))
        if item.kind == "endpoint"
    }
    for item in found:
        if item.kind == COMPONENT:
            host = item.described["EndpointName"]
            hosts[COMPONENT, item.name] = hosts["scalable target", item.name] = host
            hosts |= {("alarm", name): host for name in _alarm_names(item.name)}
            hosts["model", item.described.get("Specification", {}).get("ModelName")] = host

    for item in found:
        for variant in item.described.get("ProductionVariants", []) if item.kind == "endpoint config" else []:
            hosts["model", variant.get("ModelName")] = hosts.get(("endpoint config", item.name), "")

    def end(item: Resource) -> str:
        name = item.described["ResourceId"].partition("/")[2] if item.kind == "scaling policy" else item.name
        kind = "scalable target" if item.kind == "scaling policy" else item.kind
        return ends.get(hosts.get((kind, name), ""), item.tags.get(EXPIRES_AT, ""))

    return [item for item in found if "" < end(item) < moment]


def possible(settings: Target) -> list[str]:
    """Return the names of resources that might exist, if AWS cannot be reached."""
    name = settings.project_name
    names = {kind: f"{settings.name_prefix}*" if kind in IMMUTABLE_KINDS else name for kind in SAGEMAKER}
    names |= {JOB: f"{name}-*"} if settings.target_kind == "job" else {}
    listed = [*names.items(), ("scalable target", name), *(("alarm", alarm) for alarm in _alarm_names(name))]
    return [f"{kind} {name} might exist (could not verify)" for kind, name in listed]


def _jobs(settings: Target, aws: Aws) -> Iterator[Resource]:
    """Yield the batch transform jobs that run."""
    if settings.target_kind == "job":
        module = importlib.import_module("lifecycle.transform.jobs")  # only such projects have it
        yield from module.running(settings, aws)


def find_tagged(settings: Target, aws: Aws, known: Collection[str]) -> list[Resource]:
    """Return the resources with the project's tag in the Region of `aws`; SageMaker's have a description.

    Resources with one of the `known` ARNs are skipped.
    """
    tagged = [item for item in _tagged(settings, aws) if item.arn not in known]
    found = [item for kind in SAGEMAKER for item in _described(settings, aws, kind, _names(tagged, kind))]
    found += _jobs(settings, aws)
    return found + [item for item in tagged if item.kind not in NOUNS]


def describe(
    settings: Target, aws: Aws, kind: str, name: str, known: Mapping[str, Tags] = NO_TAGS
) -> Resource | None:
    """Return the present state of a SageMaker resource, None if it does not exist.

    Its tags are those `known` of its ARN, or else those that SageMaker lists.
    """
    noun = NOUNS[kind]
    found = aws.find(*call_of("describe", kind), **{f"{noun}Name": name})
    if found is None:
        return None
    arn, status = found[f"{noun}Arn"], found.get(f"{noun}Status", "")
    tags = known.get(arn)
    if tags is None:
        listed = aws.find("sagemaker", "list_tags", ResourceArn=arn)
        if listed is None:
            return None
        tags = tags_of(listed["Tags"])
    return Resource(kind, name, arn, settings.owns(tags), status, found, tags)


def is_serving(aws: Aws, kind: str, name: str) -> bool:
    """Return whether an inference component or an endpoint accepts requests."""
    noun = SAGEMAKER[kind]
    found = aws.find(*call_of("describe", kind), **{f"{noun}Name": name})
    return found is not None and found[f"{noun}Status"] in SERVING


def failed(what: str, resource: Resource | None, lines: list[str]) -> Failure:
    """Return the failure of a resource: the reason from AWS, the last log lines and the likely cause."""
    status = resource.status if resource else "gone"
    reason = resource.described.get("FailureReason", "") if resource else ""
    cause, next_step = explain.explained("\n".join(lines), "do/logs shows the complete log", reason, status)
    seen = "\n        ".join([reason or f"status {status}", *lines[-LOG_LINES_SHOWN:]])
    next_step = f"{next_step}; do/clean deletes it"
    return Failure(REFUSED, "not-in-service", f"{what} is not in service", seen, next_step, cause)


def _described(
    settings: Target, aws: Aws, kind: str, names: list[str], known: Mapping[str, Tags] = NO_TAGS
) -> list[Resource]:
    """Return the existing resources with these names: those of the project, and those in its way."""
    found = [describe(settings, aws, kind, name, known) for name in dict.fromkeys(names)]
    return [item for item in found if item and (item.owned or item.name == settings.project_name)]


def _is_named(settings: Target, kind: str, name: str) -> bool:
    """Return whether a name is of the project's naming scheme."""
    if kind in IMMUTABLE_KINDS:
        return bool(re.fullmatch(f"{re.escape(settings.name_prefix)}[0-9a-f]{{8}}", name))
    return name == settings.project_name


def _tagged(settings: Target, aws: Aws) -> Iterator[Resource]:
    """Yield the resources with the project's tag; the tag index of AWS can be out of date."""
    key, tag = "ResourceTagMappingList", [{"Key": "mcc-project-id", "Values": [settings.project_id]}]
    for entry in aws.pages("resourcegroupstaggingapi", "get_resources", key, TagFilters=tag):
        _, _, service, _, _, place = entry["ResourceARN"].split(":", 5)
        *words, name = re.split("[/:]", place, maxsplit=1)
        kind = " ".join([service, *words]).removeprefix("sagemaker ").replace("-", " ")
        yield Resource(kind, name, entry["ResourceARN"], True, tags=tags_of(entry["Tags"]))


def _alarm_names(component: str) -> list[str]:
    """Return the names of alarms: the one that starts a first copy, and those on responses."""
    return [f"{component}-from-zero", *alarms.names(component)]


def _names(tagged: list[Resource], kind: str) -> list[str]:
    return [item.name for item in tagged if item.kind == kind]


def _names_in_journal(aws: Aws, kind: str) -> Iterator[str]:
    call = ".".join(call_of("create", kind))
    for entry in journal.read():
        if entry.get("call") == call and entry.get("region") == aws.region:
            yield entry["about"][f"{SAGEMAKER[kind]}Name"]


def listed(settings: Target, aws: Aws, kind: str) -> list[Resource]:
    """Return the resources of a kind whose names have a hash: those of the project, and those in its way."""
    return _described(settings, aws, kind, list(_listed(settings, aws, kind)))


def _listed(settings: Target, aws: Aws, kind: str) -> Iterator[str]:
    """Yield the names of the project's naming scheme that SageMaker lists."""
    noun, (service, operation), prefix = SAGEMAKER[kind], call_of("list", kind), settings.name_prefix
    for entry in aws.pages(service, f"{operation}s", f"{noun}s", NameContains=prefix):
        if _is_named(settings, kind, entry[f"{noun}Name"]):
            yield entry[f"{noun}Name"]


def _scaling(settings: Target, aws: Aws, component: str) -> Iterator[Resource]:
    """Yield the scaling of a component: policies, scalable target, and its alarms."""
    about = scalable_target(component)
    which = {
        "ServiceNamespace": about["ServiceNamespace"],
        "ScalableDimension": about["ScalableDimension"],
        "ResourceIds": [about["ResourceId"]],
    }
    for target in aws.pages(AUTOSCALING, "describe_scalable_targets", "ScalableTargets", **which):
        arn = target["ScalableTargetARN"]
        tags = aws.call(AUTOSCALING, "list_tags_for_resource", ResourceARN=arn)["Tags"]
        owned, key = settings.owns(tags), "ScalingPolicies"
        for policy in aws.pages(AUTOSCALING, "describe_scaling_policies", key, **about):
            name, policy_arn = policy["PolicyName"], policy["PolicyARN"]
            yield Resource("scaling policy", name, policy_arn, owned, "", policy, tags)
        yield Resource("scalable target", component, arn, owned, "", target, tags)
    names = _alarm_names(component)
    for alarm in aws.pages("cloudwatch", "describe_alarms", "MetricAlarms", AlarmNames=names):
        arn = alarm["AlarmArn"]
        tags = tags_of(aws.call("cloudwatch", "list_tags_for_resource", ResourceARN=arn)["Tags"])
        yield Resource("alarm", alarm["AlarmName"], arn, settings.owns(tags), "", alarm, tags)
