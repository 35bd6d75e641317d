"""SageMaker: endpoint configurations, endpoints and tags."""

import math
from typing import Any

from extensions.mcc.catalog import catalog
from tests.fakes.aws import network, serverless
from tests.fakes.aws.listing import listed
from tests.fakes.aws.resources import NO_CAPACITY, Endpoint, EndpointConfig, Tags, now, tags_of
from tests.fakes.aws.wire import Refusal, Request, invalid, operation
from tests.fakes.aws.world import Region, World


@operation("sagemaker", "CreateEndpointConfig")
def create_endpoint_config(world: World, request: Request) -> dict[str, Any]:
    region, parameters = world.region(request.region), request.parameters
    name = parameters["EndpointConfigName"]
    arn = request.arn("sagemaker", f"endpoint-config/{name.lower()}")
    if name in region.configs:
        raise invalid(f'Cannot create already existing endpoint configuration "{arn}".')
    variants = parameters["ProductionVariants"]
    without_model = [v for v in variants if "ModelName" not in v]
    if not without_model:
        serverless.check_model_variants(region, request)
        region.configs[name] = EndpointConfig(name, arn, parameters, tags_of(parameters))
        return {"EndpointConfigArn": arn}
    if "ExecutionRoleArn" not in parameters:
        raise invalid("ExecutionRoleArn is required for an endpoint that hosts inference components.")
    if len(without_model) != len(variants):
        raise invalid("Variants with and without ModelName cannot share an endpoint.")
    for variant in without_model:
        _check_variant(variant, request.region)
    network.check(region, request)
    role = parameters["ExecutionRoleArn"]
    if role in world.settings.missing_roles:
        raise invalid(
            f"Could not assume role {role}. Please ensure that the role exists and allows principal "
            "'sagemaker.amazonaws.com' to assume the role."
        )
    region.configs[name] = EndpointConfig(name, arn, parameters, tags_of(parameters))
    return {"EndpointConfigArn": arn}


def _check_variant(variant: dict[str, Any], region: str) -> None:
    scaling, count = variant.get("ManagedInstanceScaling", {}), variant.get("InitialInstanceCount", 0)
    if "InstanceType" not in variant or not count:
        raise invalid("InstanceType and InitialInstanceCount are required for a variant with instances.")
    least, most = scaling.get("MinInstanceCount", 0), scaling.get("MaxInstanceCount", count)
    if least > most or count > most:
        raise invalid("MaxInstanceCount must not be less than MinInstanceCount and InitialInstanceCount.")
    known = catalog.regions().get(region)
    if "MinInstanceCount" in scaling and least < 1 and known and not known.scale_to_zero:
        raise invalid("MinInstanceCount must be at least 1 in this Region.")
    instance = catalog.instances()[variant["InstanceType"]]
    if variant.get("InferenceAmiVersion") and instance.kind == "cpu":
        raise invalid(f"InferenceAmiVersion is not supported for {variant['InstanceType']}.")


@operation("sagemaker", "DescribeEndpointConfig")
def describe_endpoint_config(world: World, request: Request) -> dict[str, Any]:
    config = find_config(world.region(request.region), request)
    described = {name: value for name, value in config.request.items() if name != "Tags"}
    return described | {"EndpointConfigArn": config.arn, "CreationTime": config.created}


@operation("sagemaker", "DeleteEndpointConfig")
def delete_endpoint_config(world: World, request: Request) -> None:
    region = world.region(request.region)
    del region.configs[find_config(region, request).name]


@operation("sagemaker", "ListEndpointConfigs")
def list_endpoint_configs(world: World, request: Request) -> dict[str, Any]:
    def summary(config: EndpointConfig) -> dict[str, Any]:
        names = {"EndpointConfigName": config.name, "EndpointConfigArn": config.arn}
        return names | {"CreationTime": config.created}

    configs = world.region(request.region).configs.values()
    return listed(configs, request.parameters, summary, "EndpointConfigs")


@operation("sagemaker", "CreateEndpoint")
def create_endpoint(world: World, request: Request) -> dict[str, Any]:
    region, name = world.region(request.region), request.parameters["EndpointName"]
    arn = request.arn("sagemaker", f"endpoint/{name.lower()}")
    if name in region.endpoints:
        raise invalid(f'Cannot create already existing endpoint "{arn}".')
    config = _visible_config(world, region, request)
    _check_quotas(world, region, config, name)
    endpoint = Endpoint(name, arn, config, tags_of(request.parameters))
    seconds, shortage = world.settings.endpoint_seconds, NO_CAPACITY if world.short_of_capacity else None
    if (second := world.settings.provision_second) is not None:
        limits = [
            variant.get("VariantInstanceProvisionTimeoutInSeconds", math.inf) for variant in config.variants
        ]
        seconds, shortage = second * min(limits), NO_CAPACITY
    endpoint.begin("Creating", "InService", seconds, shortage)
    region.endpoints[name] = endpoint
    if config.is_serverless:
        serverless.start(world, region, endpoint)
    return {"EndpointArn": arn}


def _check_quotas(world: World, region: Region, config: EndpointConfig, endpoint: str) -> None:
    for variant in config.variants:
        if config.is_serverless:
            serverless.check_concurrency(world, region, endpoint, variant)
        else:
            _check_quota(world, region, variant)


def _check_quota(world: World, region: Region, variant: dict[str, Any]) -> None:
    kind, wanted = variant["InstanceType"], variant["InitialInstanceCount"]
    limit = world.settings.quotas.get(kind, world.settings.default_quota)
    used = region.instances(kind)
    if used + wanted > limit:
        raise Refusal(
            "ResourceLimitExceeded",
            f"The account-level service limit '{kind} for endpoint usage' is {limit:g} Instances, with "
            f"current utilization of {used} Instances and a request delta of {wanted} Instances. Please "
            "use AWS Service Quotas to request an increase for this quota. If AWS Service Quotas is not "
            "available, contact AWS support to request an increase for this quota.",
        )


@operation("sagemaker", "UpdateEndpoint")
def update_endpoint(world: World, request: Request) -> dict[str, Any]:
    region = world.region(request.region)
    endpoint = find_endpoint(region, request.parameters["EndpointName"], request)
    placing = _is_placing(world, region, endpoint) and world.settings.endpoint_while_placing == "Updating"
    if endpoint.status == "Failed":  # only DeleteEndpoint works, according to the documentation
        raise invalid(f'Cannot update failed endpoint "{endpoint.arn}".')
    if placing or endpoint.status != "InService":
        raise invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')
    if endpoint.config.name not in region.configs:
        raise invalid(f'Could not find endpoint configuration "{endpoint.config.arn}".')
    config = _visible_config(world, region, request)
    if config.is_serverless != endpoint.config.is_serverless:
        raise invalid("Cannot update an endpoint between instances and serverless.")
    if config.is_serverless:
        serverless.check_concurrency(world, region, endpoint.name, config.variants[0])
    endpoint.config, endpoint.failure_reason = config, None
    shortage = NO_CAPACITY if world.short_of_capacity else None
    endpoint.begin("Updating", "InService", world.settings.endpoint_seconds, shortage)
    if config.is_serverless:
        serverless.start(world, region, endpoint)
    return {"EndpointArn": endpoint.arn}


def _is_placing(world: World, region: Region, endpoint: Endpoint) -> bool:
    """Return whether the number of instances of an endpoint changes for its components."""
    hosted = [item for item in region.components.values() if item.endpoint is endpoint]
    return endpoint.status == "InService" and any(item.status in ("Creating", "Updating") for item in hosted)


@operation("sagemaker", "DescribeEndpoint")
def describe_endpoint(world: World, request: Request) -> dict[str, Any]:
    region = world.region(request.region)
    endpoint = find_endpoint(region, request.parameters["EndpointName"], request)
    described = _summary(endpoint) | {"EndpointConfigName": endpoint.config.name}
    if _is_placing(world, region, endpoint):
        described["EndpointStatus"] = world.settings.endpoint_while_placing
    if endpoint.failure_reason:
        described["FailureReason"] = endpoint.failure_reason
    if endpoint.status in ("InService", "Updating"):
        described["ProductionVariants"] = [_variant_summary(variant) for variant in endpoint.config.variants]
    return described


def _variant_summary(variant: dict[str, Any]) -> dict[str, Any]:
    summary = {"VariantName": variant["VariantName"], "CurrentWeight": 1.0, "DesiredWeight": 1.0}
    if "ServerlessConfig" in variant:
        return summary | {"CurrentServerlessConfig": variant["ServerlessConfig"]}
    count = variant["InitialInstanceCount"]
    summary |= {"CurrentInstanceCount": count, "DesiredInstanceCount": count}
    kept = ("ManagedInstanceScaling", "RoutingConfig")
    return summary | {name: variant[name] for name in kept if name in variant}


@operation("sagemaker", "ListEndpoints")
def list_endpoints(world: World, request: Request) -> dict[str, Any]:
    endpoints = world.region(request.region).endpoints.values()
    return listed(endpoints, request.parameters, _summary, "Endpoints")


def _summary(endpoint: Endpoint) -> dict[str, Any]:
    names = {"EndpointName": endpoint.name, "EndpointArn": endpoint.arn, "EndpointStatus": endpoint.status}
    return names | {"CreationTime": endpoint.created, "LastModifiedTime": endpoint.modified}


@operation("sagemaker", "DeleteEndpoint")
def delete_endpoint(world: World, request: Request) -> None:
    region = world.region(request.region)
    endpoint = find_endpoint(region, request.parameters["EndpointName"], request)
    if endpoint.status in ("Creating", "Updating", "SystemUpdating", "Deleting"):
        raise invalid(f'Cannot update in-progress endpoint "{endpoint.arn}".')
    hosted = [c for c in region.components.values() if c.endpoint is endpoint]
    if hosted and world.settings.endpoint_with_components == "refused":
        raise invalid(
            f'Cannot delete endpoint "{endpoint.arn}" while it hosts inference components: '
            f"{', '.join(component.name for component in hosted)}."
        )
    for component in hosted:  # they remain, without instances
        component.abandoned.set()
        world.dispose(component.container)
        component.container, component.current_copies = None, 0
    endpoint.abandoned.set()
    world.dispose(endpoint.container)
    endpoint.container, endpoint.changing = None, False
    endpoint.begin("Deleting", "Gone", world.settings.deletion_seconds)


@operation("sagemaker", "AddTags")
def add_tags(world: World, request: Request) -> dict[str, Any]:
    tags = _tags(world, request)
    tags |= tags_of(request.parameters)
    return {"Tags": _listed_tags(tags)}


@operation("sagemaker", "DeleteTags")
def delete_tags(world: World, request: Request) -> None:
    tags = _tags(world, request)
    for key in request.parameters["TagKeys"]:
        tags.pop(key, None)


@operation("sagemaker", "ListTags")
def list_tags(world: World, request: Request) -> dict[str, Any]:
    return {"Tags": _listed_tags(_tags(world, request))}


def _tags(world: World, request: Request) -> Tags:
    arn = request.parameters["ResourceArn"]
    for found, tags in world.region(arn.split(":")[3]).sagemaker_tags():
        if found == arn.lower():
            return tags
    raise invalid(f"Could not find resource {arn}.")


def _listed_tags(tags: Tags) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _visible_config(world: World, region: Region, request: Request) -> EndpointConfig:
    """Return the configuration of a request, which AWS can miss for some seconds after its creation."""
    config = find_config(region, request)
    if (now() - config.created).total_seconds() < world.settings.config_visible_after_seconds:
        raise invalid(f'Could not find endpoint configuration "{config.arn}".')
    return config


def find_config(region: Region, request: Request) -> EndpointConfig:
    """Return the configuration of a request. Raise Refusal if it does not exist."""
    name = request.parameters["EndpointConfigName"]
    if name not in region.configs:
        arn = request.arn("sagemaker", f"endpoint-config/{name.lower()}")
        raise invalid(f'Could not find endpoint configuration "{arn}".')
    return region.configs[name]


def find_endpoint(region: Region, name: str, request: Request) -> Endpoint:
    """Return an endpoint. Raise Refusal if it does not exist."""
    if name not in region.endpoints:
        arn = request.arn("sagemaker", f"endpoint/{name.lower()}")
        raise invalid(f'Could not find endpoint "{arn}".')
    return region.endpoints[name]
