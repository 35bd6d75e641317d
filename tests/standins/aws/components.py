"""SageMaker: inference components, and the containers they start."""

import random
import threading
import time
import urllib.error
import urllib.request
from typing import Any

from tests.standins.aws.containers import Container, Launch, StartError
from tests.standins.aws.ecr import image_fault
from tests.standins.aws.endpoints import NO_CAPACITY, find_endpoint
from tests.standins.aws.images import architecture_of, resolve
from tests.standins.aws.listing import listed
from tests.standins.aws.models import find_model
from tests.standins.aws.wire import Request, invalid, operation
from tests.standins.aws.world import Component, Region, World, now, tags_of

PING_EVERY_SECONDS = 0.05
DEFAULT_STARTUP_SECONDS = 60  # where StartupParameters say nothing; AWS documents 60 to 3600
NOT_PLACEABLE = (
    "There is not enough hardware resources on the instances for this endpoint to create a copy of the "
    "inference component."
)
DOCKER_ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}


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
    _roll_out(world, region, component, specification)
    return {"InferenceComponentArn": arn}


def _specification(world: World, component: Component, request: Request) -> dict[str, Any]:
    """Return the specification of a request. Raises Refusal for one that SageMaker does not accept."""
    region = world.region(request.region)
    specification: dict[str, Any] | None = request.parameters.get("Specification")
    if specification is None:
        raise invalid("Specification is required.")
    if "ModelName" in specification:
        if "Container" in specification:
            raise invalid("Specify either ModelName or Container.")
        model = find_model(region, request, specification["ModelName"])
        specification = specification | {"Container": model.container}
    container = specification.get("Container", {})
    if "Image" not in container:
        raise invalid("The stand-in runs a model, or a Container with an Image; it has no adapters.")
    if len(container.get("Environment", {})) > 16:  # its documentation; the service model allows more
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
    component.copies = parameters.get("RuntimeConfig", {"CopyCount": component.copies})["CopyCount"]
    component.deployment = parameters.get("DeploymentConfig")
    component.status, component.modified = "Updating", now()
    _roll_out(world, region, component, specification)
    return {"InferenceComponentArn": component.arn}


def _is_part(size: dict[str, Any], copies: int) -> bool:
    """Return whether a batch is 5 to 50 percent of the copies that run now."""
    percent = size["Value"] if size["Type"] == "CAPACITY_PERCENT" else 100 * size["Value"] / max(1, copies)
    return copies > 0 and 5 <= percent <= 50


@operation("sagemaker", "UpdateInferenceComponentRuntimeConfig")
def update_runtime_config(world: World, request: Request) -> dict[str, Any]:
    region = world.region(request.region)
    component = _settled(region, request)
    component.copies = request.parameters["DesiredRuntimeConfig"]["CopyCount"]
    component.status, component.modified = "Updating", now()
    _roll_out(world, region, component, component.specification)
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
    )  # its instances are gone
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
    """Start a first copy of a component that was called with none, if a step policy says so."""
    policies = [
        policy for (resource, _), policy in region.policies.items() if resource.endswith(component.name)
    ]
    steps = any(policy["PolicyType"] == "StepScaling" for policy in policies)
    if steps and world.settings.wakes and component.copies == 0 and component.status == "InService":
        component.copies, component.status, component.modified = 1, "Updating", now()
        _roll_out(world, region, component, component.specification)


def _roll_out(world: World, region: Region, component: Component, specification: dict[str, Any]) -> None:
    """Start the container of a specification beside the present one, and change over when it is well."""
    reason = NO_CAPACITY if world.short_of_capacity else None
    arguments = (world, region.name, component, specification, reason)
    threading.Thread(target=_change_over, args=arguments, daemon=True).start()


def _change_over(
    world: World, region: str, component: Component, specification: dict[str, Any], reason: str | None
) -> None:
    image = specification["Container"]["Image"]
    container = None
    if component.abandoned.wait(world.settings.component_seconds):
        return
    if reason is None:
        reason = _misfit(world, component, specification) or image_fault(world, image)
    if reason is None and component.copies > 0:
        container, reason = _started(world, region, component, specification)
    with world.lock:
        if component.abandoned.is_set():
            world.dispose(container)
            return
        _finish(world, component, specification, container, reason)


def _finish(
    world: World,
    component: Component,
    specification: dict[str, Any],
    container: Container | None,
    reason: str | None,
) -> None:
    first = component.status == "Creating"
    component.modified = now()
    if reason is not None:
        world.dispose(container)
        rolls_back = not first and world.settings.failed_update == "rolls back"
        component.status = "InService" if rolls_back else "Failed"
        component.failure_reason = None if rolls_back else reason[:1024]
        if first:
            component.specification, component.current_copies = specification, 0
        return
    world.dispose(component.container)
    component.container, component.specification = container, specification
    component.status, component.failure_reason = "InService", None
    component.current_copies = component.copies
    manifest = resolve(world.images, specification["Container"]["Image"])
    if manifest:
        repository = specification["Container"]["Image"].split("@")[0].rsplit(":", 1)[0]
        component.resolved_image = f"{repository}@{manifest.digest}"


def _misfit(world: World, component: Component, specification: dict[str, Any]) -> str | None:
    """Return why the component fits on none of its endpoint's instances, in AWS's words."""
    needs, instance = specification["ComputeResourceRequirements"], component.instance
    memory, settings = instance.memory_gib * 1024, world.settings
    kept = settings.reserved_share_with_gpus * memory if instance.accelerator else settings.reserved_mib
    offers = {
        "MinMemoryRequiredInMb": memory - kept,
        "NumberOfCpuCoresRequired": instance.vcpu,
        "NumberOfAcceleratorDevicesRequired": instance.accelerator.count if instance.accelerator else 0,
    }
    fits = all(needs.get(name, 0) <= offer for name, offer in offers.items())
    return None if fits else NOT_PLACEABLE


def _started(
    world: World, region: str, component: Component, specification: dict[str, Any]
) -> tuple[Container | None, str | None]:
    """Start a container and wait for its /ping. Return it, or why it did not come up."""
    spec = specification["Container"]
    group = f"/aws/sagemaker/InferenceComponents/{component.name}"
    stream = f"{component.variant}/i-{random.randrange(16**17):017x}-{random.randrange(16**12):012x}"
    wanted = DOCKER_ARCHITECTURES[component.instance.arch]
    unwell = (
        f"The container for inference component {component.name} did not pass the ping health check. "
        "Please check CloudWatch logs for this inference component."
    )
    if architecture_of(world.images, spec["Image"]) not in (wanted, None):
        world.log(region, group, stream, [(int(time.time() * 1000), "exec serve: exec format error")])
        return None, unwell
    try:
        most = specification["ComputeResourceRequirements"].get("MaxMemoryRequiredInMb")
        launch = Launch(spec["Image"], spec.get("Environment", {}), spec.get("ArtifactUrl"), most)
        container = world.runner.start(launch)
    except StartError as error:
        return None, f"CannotStartContainerError: {error}"
    world.follow(container, region, group, stream)
    allowed = specification.get("StartupParameters", {}).get(
        "ContainerStartupHealthCheckTimeoutInSeconds", DEFAULT_STARTUP_SECONDS
    )
    limit = time.monotonic() + (world.settings.startup_limit_seconds or allowed)
    if "NumberOfAcceleratorDevicesRequired" in specification["ComputeResourceRequirements"]:
        variants = component.endpoint.config.variants
        if not any("InferenceAmiVersion" in variant for variant in variants):  # the driver is too old: no log
            component.abandoned.wait(limit - time.monotonic())
            return container, unwell
    while time.monotonic() < limit and not component.abandoned.is_set():
        if _is_well(container.url):
            return container, None
        if container.ended():
            break
        component.abandoned.wait(PING_EVERY_SECONDS)
    return container, unwell


def _is_well(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/ping", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def find(region: Region, request: Request) -> Component:
    """Return the component that a request names. Raises Refusal when there is none."""
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
