"""SageMaker: inference components, and the containers they start."""

import time
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends

from tests.fakes.aws.ecr import image_fault
from tests.fakes.aws.endpoints import find_endpoint
from tests.fakes.aws.listing import listed
from tests.fakes.aws.models import find_model
from tests.fakes.aws.resources import Component, now, tags_of
from tests.fakes.aws.rollout import roll_out
from tests.fakes.aws.wire import ACCOUNT, Request, invalid, operation
from tests.fakes.aws.world import Region, World

NETWORK = ("VpcConfig", "EnableNetworkIsolation")


@operation("sagemaker", "CreateInferenceComponent")
def create(world: World, request: Request) -> dict[str, Any]:
    region, parameters = world.region(request.region), request.parameters
    name = parameters["InferenceComponentName"]
    arn = request.arn("sagemaker", f"inference-component/{name.lower()}")
    if name in region.components:
        raise invalid(f'Cannot create already existing inference component "{arn}".')
    endpoint = find_endpoint(region, parameters["EndpointName"], request)
    if endpoint.status != "InService":
        raise invalid(f'Endpoint "{endpoint.arn}" is {endpoint.status}, not InService.')
    variant = parameters.get("VariantName", "")
    if variant not in [v["VariantName"] for v in endpoint.config.variants]:
        raise invalid(f'Could not find variant "{variant}" of endpoint "{endpoint.arn}".')
    if "RuntimeConfig" not in parameters:
        raise invalid("RuntimeConfig is required.")
    copies = parameters["RuntimeConfig"]["CopyCount"]
    component = Component(name, arn, endpoint, variant, {}, copies, tags_of(parameters))
    specification = _specification(world, component, request)
    component.specification = specification
    region.components[name] = component
    roll_out(world, region, component, specification)
    return {"InferenceComponentArn": arn}


def _specification(world: World, component: Component, request: Request) -> dict[str, Any]:
    """Return the specification of a request. Raise Refusal if SageMaker rejects it."""
    region = world.region(request.region)
    specification: dict[str, Any] | None = request.parameters.get("Specification")
    if specification is None:
        raise invalid("Specification is required.")
    if "ModelName" in specification:
        if "Container" in specification:
            raise invalid("Specify either ModelName or Container.")
        model = find_model(region, request, specification["ModelName"])
        if any(model.request.get(name) != component.endpoint.config.request.get(name) for name in NETWORK):
            raise invalid("The model and the endpoint configuration must have the same network.")
        specification = specification | {"Container": model.container}
    container = specification.get("Container", {})
    if "Image" not in container:
        raise invalid("The fake runs a model, or a Container with an Image; it has no adapters.")
    if (
        len(container.get("Environment", {})) > 16
    ):  # according to the documentation; the service model allows more
        raise invalid("Value at 'specification.container.environment' failed: at most 16 entries.")
    needs = specification.get("ComputeResourceRequirements")
    if needs is None:
        raise invalid("ComputeResourceRequirements is required.")
    if needs.get("MaxMemoryRequiredInMb", needs["MinMemoryRequiredInMb"]) < needs["MinMemoryRequiredInMb"]:
        raise invalid("MaxMemoryRequiredInMb must not be less than MinMemoryRequiredInMb.")
    if "NumberOfAcceleratorDevicesRequired" in needs and component.instance.accelerator is None:
        without = component.instance.name
        raise invalid(f"NumberOfAcceleratorDevicesRequired is not supported: {without} has no accelerators.")
    if world.settings.image_refused == "at the call":
        fault = image_fault(world, container["Image"])
        if fault:
            raise invalid(fault)
    return specification


@operation("sagemaker", "UpdateInferenceComponent")
def update(world: World, request: Request) -> dict[str, Any]:
    region, parameters = world.region(request.region), request.parameters
    component = _settled(region, request)
    if "Specification" not in parameters and "RuntimeConfig" not in parameters:
        raise invalid("Specification or RuntimeConfig is required.")
    specification = component.specification
    if "Specification" in parameters:
        specification = _specification(world, component, request)
    batch = parameters.get("DeploymentConfig", {}).get("RollingUpdatePolicy", {}).get("MaximumBatchSize")
    if batch and not _is_part(batch, component.current_copies):
        raise invalid(
            f"MaximumBatchSize {batch['Value']} is not between 5 and 50 percent of the "
            f"{component.current_copies} copies of the inference component."
        )
    watched = parameters.get("DeploymentConfig", {}).get("AutoRollbackConfiguration", {}).get("Alarms", [])
    alarms = cloudwatch_backends[ACCOUNT][request.region].alarms
    for name in (alarm["AlarmName"] for alarm in watched):
        if name not in alarms:
            raise invalid(f"Could not find alarm {name}.")
    component.copies = parameters.get("RuntimeConfig", {"CopyCount": component.copies})["CopyCount"]
    component.deployment = parameters.get("DeploymentConfig")
    component.status, component.modified = "Updating", now()
    roll_out(world, region, component, specification)
    return {"InferenceComponentArn": component.arn}


def _is_part(size: dict[str, Any], copies: int) -> bool:
    """Return whether a batch is 5 to 50 percent of the running copies."""
    percent = size["Value"] if size["Type"] == "CAPACITY_PERCENT" else 100 * size["Value"] / max(1, copies)
    return copies > 0 and 5 <= percent <= 50


@operation("sagemaker", "UpdateInferenceComponentRuntimeConfig")
def update_runtime_config(world: World, request: Request) -> dict[str, Any]:
    region = world.region(request.region)
    component = _settled(region, request)
    component.copies = request.parameters["DesiredRuntimeConfig"]["CopyCount"]
    component.status, component.modified = "Updating", now()
    roll_out(world, region, component, component.specification)
    return {"InferenceComponentArn": component.arn}


@operation("sagemaker", "DescribeInferenceComponent")
def describe(world: World, request: Request) -> dict[str, Any]:
    component = find(world.region(request.region), request)
    specification = dict(component.specification)
    container = dict(specification["Container"])
    image = {"SpecifiedImage": container.pop("Image"), "ResolutionTime": component.created}
    if component.resolved_image:
        image["ResolvedImage"] = component.resolved_image
    specification["Container"] = container | {"DeployedImage": image}
    if "ModelName" in specification:
        del specification["Container"]
    copies = {"DesiredCopyCount": component.copies, "CurrentCopyCount": component.current_copies}
    described = _summary(component) | {"Specification": specification, "RuntimeConfig": copies}
    if component.failure_reason:
        described["FailureReason"] = component.failure_reason
    if component.deployment:
        described["LastDeploymentConfig"] = component.deployment
    return described


@operation("sagemaker", "ListInferenceComponents")
def list_components(world: World, request: Request) -> dict[str, Any]:
    components = world.region(request.region).components.values()
    return listed(components, request.parameters, _summary, "InferenceComponents")


def _summary(component: Component) -> dict[str, Any]:
    return {
        "InferenceComponentName": component.name,
        "InferenceComponentArn": component.arn,
        "InferenceComponentStatus": component.status,
        "EndpointName": component.endpoint.name,
        "EndpointArn": component.endpoint.arn,
        "VariantName": component.variant,
        "CreationTime": component.created,
        "LastModifiedTime": component.modified,
    }


@operation("sagemaker", "DeleteInferenceComponent")
def delete(world: World, request: Request) -> None:
    region = world.region(request.region)
    component = find(region, request)
    released = (
        region.endpoints.get(component.endpoint.name) is not component.endpoint
    )  # its instances are deleted
    passing = (
        ("Deleting",)
        if released or world.settings.deletable_while_creating
        else ("Creating", "Updating", "Deleting")
    )
    if component.status in passing:
        state = {"Creating": "CREATE", "Updating": "UPDATE", "Deleting": "DELETE"}[component.status]
        raise invalid(f'Cannot delete inference component "{component.arn}" in status {state}_IN_PROGRESS.')
    component.abandoned.set()
    component.status, component.modified = "Deleting", now()
    component.gone_at = time.monotonic() + world.settings.deletion_seconds
    world.dispose(component.container)
    component.container, component.current_copies = None, 0


def wake(world: World, region: Region, component: Component) -> None:
    """Start the first copy of a component that was invoked without copies, if it has a step policy."""
    policies = [
        policy for (resource, _), policy in region.policies.items() if resource.endswith(component.name)
    ]
    steps = any(policy["PolicyType"] == "StepScaling" for policy in policies)
    if steps and world.settings.wakes and component.copies == 0 and component.status == "InService":
        component.copies, component.status, component.modified = 1, "Updating", now()
        roll_out(world, region, component, component.specification)


def find(region: Region, request: Request) -> Component:
    """Return the component of a request. Raise Refusal if it does not exist."""
    name = request.parameters["InferenceComponentName"]
    if name not in region.components:
        arn = request.arn("sagemaker", f"inference-component/{name.lower()}")
        raise invalid(f'Could not find inference component "{arn}".')
    return region.components[name]


def _settled(region: Region, request: Request) -> Component:
    component = find(region, request)
    if component.status not in ("InService", "Failed"):
        raise invalid(f'Cannot update inference component "{component.arn}" in status {component.status}.')
    return component
