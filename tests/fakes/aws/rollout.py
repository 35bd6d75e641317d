"""SageMaker: the container of an inference component, from its start to the switch of traffic."""

import random
import threading
import time
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends

from tests.fakes.aws.containers import Container, Launch, StartError, is_well
from tests.fakes.aws.ecr import image_fault
from tests.fakes.aws.images import architecture_of, resolve
from tests.fakes.aws.resources import NO_CAPACITY, Component, now
from tests.fakes.aws.wire import ACCOUNT
from tests.fakes.aws.world import Region, World

PING_EVERY_SECONDS = 0.05
DEFAULT_STARTUP_SECONDS = 60  # the default of StartupParameters; AWS documents 60 to 3600
NOT_PLACEABLE = (
    "There is not enough hardware resources on the instances for this endpoint to create a copy of the "
    "inference component."
)
DOCKER_ARCHITECTURES = {"x86_64": "amd64", "arm64": "arm64"}


def roll_out(world: World, region: Region, component: Component, specification: dict[str, Any]) -> None:
    """Start the container of a specification next to the present one, and switch to it once it is healthy."""
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
    if reason is None and _alarmed(world, region, component):
        reason = "an alarm is in ALARM"
    with world.lock:
        if component.abandoned.is_set():
            world.dispose(container)
            return
        _finish(world, component, specification, container, reason)


def _alarmed(world: World, region: str, component: Component) -> bool:
    """Return whether an alarm of an update starts while AWS waits after the batches of copies."""
    deployment = component.deployment or {}
    watched = deployment.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    waits = deployment.get("RollingUpdatePolicy", {}).get("WaitIntervalInSeconds", 0) > 0
    if component.status != "Updating" or not watched or not waits or not world.settings.role_reads_alarms:
        return False
    known = cloudwatch_backends[ACCOUNT][region].alarms
    end = time.monotonic() + world.settings.bake_seconds
    while time.monotonic() < end and not component.abandoned.wait(PING_EVERY_SECONDS):
        if any(
            known[item["AlarmName"]].state_value == "ALARM" for item in watched if item["AlarmName"] in known
        ):
            return True
    return False


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
    """Return why the component fits on no instance of its endpoint, in the words of AWS."""
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
    """Start a container and wait for its /ping. Return it, or why it did not start."""
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
        if is_well(container.url):
            return container, None
        if container.ended():
            break
        component.abandoned.wait(PING_EVERY_SECONDS)
    return container, unwell
