# Part of the library: `copier update` replaces this file.
"""The kinds of resources of a SageMaker endpoint: their calls, and the order in which do/clean deletes them.

A new kind is an entry here, and its search in inventory.py. docs/reference/clean.md lists the kinds, and
tests/lifecycle/test_clean_promise.py creates one resource of each.
"""

from collections.abc import Iterator

from lifecycle.aws import Aws
from lifecycle.resources import SHARED, TAG, Kind, Resource
from lifecycle.sagemaker.hosted import Target
from lifecycle.sagemaker.specification import COMPONENT, Request, scalable_target

TAGGED = "resourcegroupstaggingapi.get_resources"
AUTOSCALING = "application-autoscaling"
# The kinds of SageMaker resources in the order of deletion, and their names in requests.
SAGEMAKER = {
    COMPONENT: "InferenceComponent",
    "endpoint": "Endpoint",
    "endpoint config": "EndpointConfig",
    "model": "Model",
}
JOB = "transform job"
NOUNS = {**SAGEMAKER, JOB: "TransformJob"}
ASYNC_KINDS = (COMPONENT, "endpoint")  # creation and deletion are asynchronous
IMMUTABLE_KINDS = ("endpoint config", "model")  # names end in a hash of the content
ACTIONS = {"tag": "add_tags", "scale": "update_inference_component_runtime_config"}
# The calls that create the scaling of a component.
CREATES = {
    "scaling policy": f"{AUTOSCALING}.put_scaling_policy",
    "scalable target": f"{AUTOSCALING}.register_scalable_target",
    "alarm": "cloudwatch.put_metric_alarm",
}


def call_of(action: str, kind: str) -> tuple[str, str]:
    """Return the service and operation of an action on a kind of resource."""
    if kind in CREATES:
        service, _, operation = (KINDS[kind].delete if action == "delete" else CREATES[kind]).partition(".")
        return service, operation
    return "sagemaker", ACTIONS.get(action) or f"{action}_{kind.replace(' ', '_')}"


def deletion(resource: Resource) -> Request:
    """Return the request that deletes a resource of the endpoint."""
    if resource.kind in NOUNS:
        return {f"{NOUNS[resource.kind]}Name": resource.name}
    if resource.kind == "alarm":
        return {"AlarmNames": [resource.name]}
    component = resource.described["ResourceId"].partition("/")[2]
    named = {"PolicyName": resource.name} if resource.kind == "scaling policy" else {}
    return {**scalable_target(component), **named}


def _deletions(aws: Aws, resource: Resource) -> Iterator[Request]:
    yield deletion(resource)


def _scaling(kind: str, by: str, finds: tuple[str, ...], delete: str) -> Kind:
    return Kind(kind, by, finds, delete, _deletions)


def _hosting(kind: str) -> Kind:
    """Return a kind of SageMaker resources."""
    numbered = kind in IMMUTABLE_KINDS
    names = "a name of the project and a hash" if numbered else "the name of the project"
    operation = kind.replace(" ", "_")
    lists = (f"sagemaker.list_{operation}s",) if numbered else ()
    finds = (TAGGED, *lists, f"sagemaker.describe_{operation}", "sagemaker.list_tags")
    by = f"{names}, and {TAG}; also names in the journal"
    return Kind(kind, by, finds, f"sagemaker.delete_{operation}", _deletions, waits=kind in ASYNC_KINDS)


def _stops(aws: Aws, job: Resource) -> Iterator[Request]:
    """Yield the request that stops a job, unless it has ended: SageMaker then refuses to stop it."""
    found = aws.find("sagemaker", "describe_transform_job", TransformJobName=job.name)
    if found and found["TransformJobStatus"] == "InProgress":
        yield deletion(job)


# SageMaker keeps the records of jobs that have ended; a job that runs is stopped.
_JOBS = Kind(
    JOB,
    f"a name of the project with a time, and {TAG}; only jobs that run",
    tuple(f"sagemaker.{name}" for name in ("list_transform_jobs", "describe_transform_job", "list_tags")),
    "sagemaker.stop_transform_job",
    _stops,
    waits=True,
    stops=True,
)
_TARGETS = (f"{AUTOSCALING}.describe_scalable_targets", f"{AUTOSCALING}.list_tags_for_resource")
_POLICIES = f"{AUTOSCALING}.describe_scaling_policies"
_ALARMS = ("cloudwatch.describe_alarms", "cloudwatch.list_tags_for_resource")
# All kinds that do/clean deletes, in the order of deletion.
KINDS = {
    kind.name: kind
    for kind in (
        *((_JOBS,) if Target.target_kind == "job" else ()),
        _scaling(
            "scaling policy",
            f"the component, whose scalable target has {TAG}",
            (*_TARGETS, _POLICIES),
            f"{AUTOSCALING}.delete_scaling_policy",
        ),
        _scaling(
            "scalable target",
            f"the component, and {TAG}",
            _TARGETS,
            f"{AUTOSCALING}.deregister_scalable_target",
        ),
        _scaling("alarm", f"the name of the component, and {TAG}", _ALARMS, "cloudwatch.delete_alarms"),
        *map(_hosting, SAGEMAKER),
        *SHARED.values(),
    )
}
