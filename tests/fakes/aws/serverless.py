"""SageMaker: variants of a model without instances, and the container of their endpoint.

Second-hand list of what serverless endpoints reject: GPUs, VPC, network isolation, data capture, several
variants. Images have at most 10 GB, the payload 4 MB, and /ping succeeds within three minutes.
"""

import threading
import time
from typing import Any

from tests.fakes.aws.containers import Launch, StartError, is_well
from tests.fakes.aws.ecr import image_fault
from tests.fakes.aws.images import architecture_of, resolve
from tests.fakes.aws.resources import NO_CAPACITY, Endpoint, Model
from tests.fakes.aws.rollout import PING_EVERY_SECONDS
from tests.fakes.aws.wire import Refusal, Request, invalid
from tests.fakes.aws.world import Region, World

MOST_IMAGE_BYTES = 10 * 1024**3
MOST_PAYLOAD = 4 * 1024**2
PING_SECONDS = 180.0
OF_INSTANCES = (
    "InstanceType",
    "InitialInstanceCount",
    "InferenceAmiVersion",
    "ManagedInstanceScaling",
    "RoutingConfig",
    "VariantInstanceProvisionTimeoutInSeconds",
    "ModelDataDownloadTimeoutInSeconds",
    "ContainerStartupHealthCheckTimeoutInSeconds",
)
OF_CONFIGS = ("VpcConfig", "EnableNetworkIsolation", "DataCaptureConfig", "KmsKeyId")


def check_model_variants(region: Region, request: Request) -> None:
    """Raise Refusal if SageMaker rejects the variants of models in a configuration."""
    parameters = request.parameters
    for variant in parameters["ProductionVariants"]:
        if "ManagedInstanceScaling" in variant:
            raise invalid("ManagedInstanceScaling is only supported for inference component endpoints.")
        if variant["ModelName"] not in region.models:
            arn = request.arn("sagemaker", f"model/{variant['ModelName'].lower()}")
            raise invalid(f'Could not find model "{arn}".')
        if "ServerlessConfig" not in variant:
            raise invalid("The fake hosts models on serverless endpoints only.")
        _check(parameters, variant, region.models[variant["ModelName"]])


def _check(parameters: dict[str, Any], variant: dict[str, Any], model: Model) -> None:
    if len(parameters["ProductionVariants"]) > 1:
        raise invalid("Serverless endpoints support one production variant.")
    given = [name for name in OF_INSTANCES if name in variant]
    given += [name for name in OF_CONFIGS if parameters.get(name)]
    given += [name for name in ("VpcConfig", "EnableNetworkIsolation") if model.request.get(name)]
    if given:
        raise invalid(f"{given[0]} is not supported for serverless endpoints.")
    config = variant["ServerlessConfig"]
    if config["MemorySizeInMB"] % 1024:
        raise invalid("MemorySizeInMB must be one of 1024, 2048, 3072, 4096, 5120, 6144.")
    if config.get("ProvisionedConcurrency", 1) > config["MaxConcurrency"]:
        raise invalid("ProvisionedConcurrency must not be greater than MaxConcurrency.")


def check_concurrency(world: World, region: Region, endpoint: str, variant: dict[str, Any]) -> None:
    """Raise Refusal if the concurrency of all serverless endpoints exceeds the quota."""
    others = [item for item in region.endpoints.values() if item.name != endpoint and item.status != "Failed"]
    used = sum(_concurrency(other) for item in others for other in item.config.variants)
    wanted, limit = _concurrency(variant), world.settings.serverless_concurrency
    if used + wanted > limit:
        raise Refusal(
            "ResourceLimitExceeded",
            "The account-level service limit 'Maximum total concurrency that can be allocated across all "
            f"serverless endpoints' is {limit}, with current utilization of {used} and a request delta of "
            f"{wanted}. Please use AWS Service Quotas to request an increase for this quota.",
        )


def _concurrency(variant: dict[str, Any]) -> int:
    return int(variant.get("ServerlessConfig", {}).get("MaxConcurrency", 0))


def start(world: World, region: Region, endpoint: Endpoint) -> None:
    """Start the container of an endpoint next to the present one, and switch to it once it is healthy."""
    model = region.models[endpoint.config.variants[0]["ModelName"]]
    endpoint.changing = True
    arguments = (world, region.name, endpoint, model, world.short_of_capacity)
    threading.Thread(target=_change_over, args=arguments, daemon=True).start()


def _change_over(world: World, region: str, endpoint: Endpoint, model: Model, short: bool) -> None:
    if endpoint.abandoned.wait(world.settings.endpoint_seconds):
        return
    container, reason = None, NO_CAPACITY if short else None
    if reason is None:
        reason = image_fault(world, model.container["Image"]) or _misfit(world, model.container["Image"])
    if reason is None:
        try:
            launch = Launch(**_launch(endpoint, model))
            container = world.runner.start(launch)
        except StartError as error:
            reason = f"CannotStartContainerError: {error}"
    if container:
        group = f"/aws/sagemaker/Endpoints/{endpoint.name}"
        world.follow(container, region, group, f"{endpoint.config.variants[0]['VariantName']}/0")
        limit = time.monotonic() + min(PING_SECONDS, world.settings.startup_limit_seconds or PING_SECONDS)
        while not is_well(container.url):
            if time.monotonic() > limit or container.ended() or endpoint.abandoned.is_set():
                name = endpoint.config.variants[0]["VariantName"]
                reason = (
                    f"The primary container for production variant {name} did "
                    "not pass the ping health check. Please check CloudWatch logs for this endpoint."
                )
                break
            endpoint.abandoned.wait(PING_EVERY_SECONDS)
    with world.lock:
        if reason or endpoint.abandoned.is_set():
            world.dispose(container)
        else:
            world.dispose(endpoint.container)
            endpoint.container, endpoint.cold_calls = container, world.settings.cold_calls
        if not endpoint.abandoned.is_set():
            endpoint.changed(reason, world.settings.failed_update == "rolls back")


def _launch(endpoint: Endpoint, model: Model) -> dict[str, Any]:
    memory = endpoint.config.variants[0]["ServerlessConfig"]["MemorySizeInMB"]
    container = model.container
    launch = {"image": container["Image"], "environment": container.get("Environment", {})}
    return {**launch, "model_data": container.get("ArtifactUrl"), "memory_mb": memory}


def _misfit(world: World, image: str) -> str | None:
    """Return why an image cannot run without instances."""
    manifest = resolve(world.images, image)
    if manifest and manifest.size > MOST_IMAGE_BYTES:
        return f"Image size {manifest.size} is greater than supported size {MOST_IMAGE_BYTES}."
    if architecture_of(world.images, image) not in ("amd64", None):
        return "The primary container for production variant main did not pass the ping health check."
    return None


def target(endpoint: Endpoint, body: bytes) -> str:
    """Return the address of the container of an endpoint. Raise Refusal if it cannot respond."""
    if endpoint.container is None or endpoint.status not in ("InService", "Updating"):
        raise Refusal("ValidationError", f"Endpoint {endpoint.name} is not InService.")
    if len(body) > MOST_PAYLOAD:
        raise Refusal("ValidationError", f"Request body is longer than {MOST_PAYLOAD} bytes.", 413)
    if endpoint.cold_calls:
        endpoint.cold_calls -= 1
        message = "Either a serverless endpoint variant's resources are still being provisioned, or a multi-"
        raise Refusal("ModelNotReadyException", f"{message}model endpoint is downloading the model.", 429)
    return endpoint.container.url
