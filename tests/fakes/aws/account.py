"""The account: Service Quotas, the Price List, the IAM policy simulator, and the index of tags."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from werkzeug.wrappers import Response

from extensions.mcc.catalog import catalog
from tests.fakes.aws import permissions
from tests.fakes.aws.listing import page
from tests.fakes.aws.resources import now
from tests.fakes.aws.wire import ACCOUNT, Refusal, Request, answer, operation
from tests.fakes.aws.world import World
from tests.fakes.aws_catalog import product

PRICED_REGIONS = ("us-east-1", "eu-west-1")
PAGE = 100
OF_A_RESOURCE = {"Type": "Resource", "Class": "None"}
UNTAGGABLE = (":iam:", ":autoscaling:")  # GetResources does not support these


@dataclass(frozen=True)
class _Quotas:
    """The values that the quotas of an account in a Region depend on, for an operation."""

    operation: str
    region: str
    default: float
    raised: tuple[tuple[str, float], ...]
    raised_for_transforms: tuple[tuple[str, float], ...]


@operation("service-quotas", "ListServiceQuotas", "ListAWSDefaultServiceQuotas")
def list_quotas(world: World, request: Request) -> Response:
    """Return a page of hundreds of quotas. It is written once, because each deployment reads several."""
    size, token = request.parameters.get("MaxResults", PAGE), request.parameters.get("NextToken")
    kind = (_kind(world, request), size, token)
    if kind not in _pages:
        quotas = list(_quotas(kind[0]).values())
        items, following = page(quotas, token, size, "InvalidPaginationTokenException")
        _pages[kind] = answer(request, {"Quotas": items, **({"NextToken": following} if following else {})})
    return _pages[kind]


_pages: dict[tuple[_Quotas, int, str | None], Response] = {}


@operation("service-quotas", "GetServiceQuota", "GetAWSDefaultServiceQuota")
def get_quota(world: World, request: Request) -> dict[str, Any]:
    quotas, code = _quotas(_kind(world, request)), request.parameters["QuotaCode"]
    if code not in quotas:
        raise Refusal(
            "NoSuchResourceException", f"The request failed because the quota {code} does not exist."
        )
    return {"Quota": quotas[code]}


def _kind(world: World, request: Request) -> _Quotas:
    service, settings = request.parameters["ServiceCode"], world.settings
    if service != "sagemaker":
        raise Refusal("NoSuchResourceException", f"The request failed because {service} does not exist.")
    raised, transforms = sorted(settings.quotas.items()), sorted(settings.transform_quotas.items())
    default = settings.default_quota
    return _Quotas(request.operation, request.region, default, tuple(raised), tuple(transforms))


@cache
def _quotas(kind: _Quotas) -> dict[str, dict[str, Any]]:
    """Return the quotas of SageMaker by code. The codes are invented; only the names are those of AWS."""
    raised, raised_for_transforms = dict(kind.raised), dict(kind.raised_for_transforms)
    is_default, is_list = "Default" in kind.operation, kind.operation == "ListServiceQuotas"
    values: dict[str, float] = {}
    for name in catalog.instances():
        values[f"{name} for training job usage"] = 0
        if catalog.hosting().batch.has(name) and (name in raised_for_transforms or not is_list):
            limit = kind.default if is_default else raised_for_transforms.get(name, kind.default)
            values[f"{name} for transform job usage"] = limit
        if is_list and name not in raised:
            continue  # AWS omits quotas that were never increased
        values[f"{name} for endpoint usage"] = kind.default if is_default else raised.get(name, kind.default)
    quotas = {}
    for name, value in values.items():
        code = f"L-{hashlib.sha256(name.encode()).hexdigest()[:8].upper()}"
        quotas[code] = {
            "ServiceCode": "sagemaker",
            "ServiceName": "Amazon SageMaker",
            "QuotaArn": f"arn:aws:servicequotas:{kind.region}:{ACCOUNT}:sagemaker/{code}",
            "QuotaCode": code,
            "QuotaName": name,
            "Value": value,
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }
        if name.endswith("endpoint usage"):
            dimensions = {"Service": "SageMaker", "Resource": f"endpoint/{name.split()[0]}", **OF_A_RESOURCE}
            named = {"MetricNamespace": "AWS/Usage", "MetricName": "ResourceCount"}
            statistic = {"MetricStatisticRecommendation": "Maximum"}
            quotas[code]["UsageMetric"] = {**named, **statistic, "MetricDimensions": dimensions}
    return quotas


def transform_quota(world: World, instance_type: str) -> float:
    """Return how many instances of a type transform jobs can have."""
    return world.settings.transform_quotas.get(instance_type, world.settings.default_quota)


@operation("cloudwatch", "GetMetricStatistics")
def get_usage(world: World, request: Request) -> dict[str, Any]:
    """Return the number of instances of a type that endpoints have; no data point without any, like AWS."""
    asked = {dimension["Name"]: dimension["Value"] for dimension in request.parameters["Dimensions"]}
    kind = asked.pop("Resource", "").removeprefix("endpoint/")
    if (request.parameters["Namespace"], asked) != ("AWS/Usage", {"Service": "SageMaker", **OF_A_RESOURCE}):
        raise Refusal("InvalidParameterValue", "The fake AWS has only the usage of endpoints.")
    used = world.region(request.region).instances(kind)
    points = [{"Timestamp": now(), name: float(used)} for name in request.parameters["Statistics"] if used]
    return {"Label": request.parameters["MetricName"], "Datapoints": points}


@operation("pricing", "GetProducts")
def get_products(world: World, request: Request) -> dict[str, Any]:
    if request.parameters["ServiceCode"] != "AmazonSageMaker":
        raise Refusal("NotFoundException", "The service code does not exist.")
    wanted = {}
    for condition in request.parameters.get("Filters", []):
        if condition["Type"] != "TERM_MATCH":
            raise Refusal("InvalidParameterException", "The fake filters by TERM_MATCH alone.")
        wanted[condition["Field"]] = condition["Value"]
    found = [
        item
        for region in PRICED_REGIONS
        for name, instance in catalog.instances().items()
        if instance.price
        for item in [product(name, f"{instance.usd_h:.10f}", region=region)]
        if wanted.items() <= item["product"]["attributes"].items()
    ]
    size = request.parameters.get("MaxResults", PAGE)
    items, token = page(found, request.parameters.get("NextToken"), size, "InvalidNextTokenException")
    listed = {"FormatVersion": "aws_v1", "PriceList": [json.dumps(item) for item in items]}
    return listed | ({"NextToken": token} if token else {})


@operation("iam", "SimulatePrincipalPolicy")
def simulate(world: World, request: Request) -> dict[str, Any]:
    """Evaluate the enforced policies; without policies, everything is allowed."""
    resources = request.parameters.get("ResourceArns", ["*"])
    entries = request.parameters.get("ContextEntries", [])
    context = {entry["ContextKeyName"]: entry["ContextKeyValues"] for entry in entries}
    results = []
    for action in request.parameters["ActionNames"]:
        for resource in resources:
            need = permissions.Need(action, resource, {"aws:RequestedRegion": request.region} | context)
            allowed = world.policies is None or permissions.allows(world.policies, need)
            decision = "allowed" if allowed else "implicitDeny"
            names = {"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": decision}
            results.append(names | {"MatchedStatements": [], "MissingContextValues": []})
    return {"EvaluationResults": results, "IsTruncated": False}


@operation("resourcegroupstaggingapi", "GetResources")
def get_resources(world: World, request: Request) -> dict[str, Any]:
    parameters = request.parameters
    found = [
        {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        for arn, tags in sorted(world.inventory().items())
        if tags and _is_wanted(arn, tags, parameters) and _region_of(arn) in (request.region, "")
    ]
    size = parameters.get("ResourcesPerPage", PAGE)
    items, token = page(found, parameters.get("PaginationToken"), size, "InvalidParameterException")
    return {"ResourceTagMappingList": items, "PaginationToken": token or ""}


def _region_of(arn: str) -> str:
    return arn.split(":")[3]


def _is_wanted(arn: str, tags: dict[str, str], parameters: dict[str, Any]) -> bool:
    if any(part in arn for part in UNTAGGABLE):
        return False
    for condition in parameters.get("TagFilters", []):
        values = condition.get("Values", [])
        if condition["Key"] not in tags or (values and tags[condition["Key"]] not in values):
            return False
    kinds = parameters.get("ResourceTypeFilters")
    service, resource = arn.split(":")[2], arn.split(":", 5)[5].replace(":", "/").split("/")[0]
    known = {service, f"{service}:{resource}"}
    arns = parameters.get("ResourceARNList")
    return (not kinds or bool(known & set(kinds))) and (arns is None or arn in arns)
