# Part of the library: `copier update` replaces this file.
"""The desired state of a serverless endpoint: the requests that create it, from the settings alone."""

from lifecycle.sagemaker.specification import VARIANT, DesiredState, Request, model_of, numbered
from lifecycle.serverless.target import Target


def desired(settings: Target, image: str) -> DesiredState:
    """Return the requests that create an endpoint for an image, in order and without tags."""
    name, model = settings.project_name, model_of(settings, image)
    config = endpoint_config(settings, model["ModelName"])
    endpoint = {"EndpointName": name, "EndpointConfigName": config["EndpointConfigName"]}
    return [
        ("model", model["ModelName"], model),
        ("endpoint config", config["EndpointConfigName"], config),
        ("endpoint", name, endpoint),
    ]


def endpoint_config(settings: Target, model: str) -> Request:
    """Return the request for a variant without instances, which runs a model."""
    serverless = {"MemorySizeInMB": settings.memory_mib, "MaxConcurrency": settings.max_concurrency}
    if settings.provisioned_concurrency:
        serverless["ProvisionedConcurrency"] = settings.provisioned_concurrency
    variant = {"VariantName": VARIANT, "ModelName": model, "ServerlessConfig": serverless}
    content = {"ProductionVariants": [variant]}
    return {"EndpointConfigName": numbered(settings, content), **content}


def reserved(settings: Target) -> str:
    """Return the memory and the concurrency, in a line."""
    line = f"{settings.memory_mib // 1024} GiB of memory for each of up to {settings.max_concurrency}"
    warm = settings.provisioned_concurrency
    return f"{line} concurrent requests{f', {warm} of them provisioned' if warm else ''}"
