"""SageMaker: models, which a component can run instead of a container in its specification."""

from typing import Any

from tests.fakes.aws import network
from tests.fakes.aws.listing import listed
from tests.fakes.aws.resources import Model, tags_of
from tests.fakes.aws.wire import Request, invalid, operation
from tests.fakes.aws.world import Region, World


@operation("sagemaker", "CreateModel")
def create_model(world: World, request: Request) -> dict[str, Any]:
    region, parameters = world.region(request.region), request.parameters
    name, arn = parameters["ModelName"], _arn(request)
    if name in region.models:
        raise invalid(f'Cannot create already existing model "{arn}".')
    if "PrimaryContainer" not in parameters or "ExecutionRoleArn" not in parameters:
        raise invalid("The fake AWS requires a PrimaryContainer and an ExecutionRoleArn.")
    source = parameters["PrimaryContainer"].get("ModelDataSource", {}).get("S3DataSource")
    if source and source["S3DataType"] == "S3Prefix" and not source["S3Uri"].endswith("/"):
        raise invalid(f'S3Uri "{source["S3Uri"]}" of type S3Prefix must end with a forward slash.')
    network.check(region, request)
    region.models[name] = Model(name, arn, parameters, tags_of(parameters))
    return {"ModelArn": arn}


@operation("sagemaker", "DescribeModel")
def describe_model(world: World, request: Request) -> dict[str, Any]:
    model = find_model(world.region(request.region), request)
    described = {name: value for name, value in model.request.items() if name != "Tags"}
    return described | {"ModelArn": model.arn, "CreationTime": model.created}


@operation("sagemaker", "ListModels")
def list_models(world: World, request: Request) -> dict[str, Any]:
    def summary(model: Model) -> dict[str, Any]:
        return {"ModelName": model.name, "ModelArn": model.arn, "CreationTime": model.created}

    return listed(world.region(request.region).models.values(), request.parameters, summary, "Models")


@operation("sagemaker", "DeleteModel")
def delete_model(world: World, request: Request) -> None:
    region = world.region(request.region)
    del region.models[find_model(region, request).name]


def find_model(region: Region, request: Request, name: str = "") -> Model:
    """Return the model of a request, or the one called `name`. Raise Refusal if it does not exist."""
    name = name or request.parameters["ModelName"]
    if name not in region.models:
        raise invalid(f'Could not find model "{_arn(request, name)}".')
    return region.models[name]


def _arn(request: Request, name: str = "") -> str:
    return request.arn("sagemaker", f"model/{(name or request.parameters['ModelName']).lower()}")
