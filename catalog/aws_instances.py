"""Instance types for hosting in AWS: botocore's list, EC2's descriptions, the Price List API.

For refresh_instances.py, in the terms of instances.yml.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.model import StringShape

REGION = "us-east-1"
CLIENT = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 5},
    region_name=REGION,
)
FILTER_VALUES = 200  # as many as EC2 takes in one filter
Entry = dict[str, Any]


class UnexpectedAnswer(Exception):
    """AWS answered with something that is not of the documented form."""


def hosting_types() -> list[str]:
    """Return every instance type botocore lists for SageMaker hosting, in its order."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    shape = model.shape_for("ProductionVariantInstanceType")
    assert isinstance(shape, StringShape)
    return list(shape.enum)


def described(names: list[str]) -> Iterator[tuple[str, Entry]]:
    """Yield SageMaker's name and EC2's description of each type in EC2.

    Names go as a filter, because a single unknown one in InstanceTypes makes EC2 refuse the whole call.
    """
    pages = boto3.client("ec2", config=CLIENT).get_paginator("describe_instance_types")
    for start in range(0, len(names), FILTER_VALUES):
        wanted = [name.removeprefix("ml.") for name in names[start : start + FILTER_VALUES]]
        for page in pages.paginate(
            Filters=[{"Name": "instance-type", "Values": wanted}], IncludeUnsupportedInRegion=True
        ):
            for item in listed(page, "InstanceTypes"):
                yield f"ml.{item['InstanceType']}", specification(item)


def specification(item: Any) -> Entry:
    """Return EC2's description of a type, in the terms of the file. The accelerator can be None."""
    try:
        architectures = item["ProcessorInfo"]["SupportedArchitectures"]
        return {
            "vcpu": item["VCpuInfo"]["DefaultVCpus"],
            "memory_gib": gib(item["MemoryInfo"]["SizeInMiB"]),
            **_disk(item),
            "arch": "arm64" if "arm64" in architectures else "x86_64",
            "burstable": item["BurstablePerformanceSupported"],
            "accelerator": next(accelerators(item), None),
        }
    except KeyError as error:
        raise UnexpectedAnswer(f"EC2's description of {item.get('InstanceType')} lacks {error}.") from error


def _disk(item: Any) -> Entry:
    """Return the local storage of a type with an accelerator in GB, {} for other types."""
    accelerated = {"GpuInfo", "NeuronInfo", "InferenceAcceleratorInfo"} & set(item)
    size = item.get("InstanceStorageInfo", {}).get("TotalSizeInGB") if accelerated else None
    return {"disk_gb": size} if size else {}


def hosting_prices() -> dict[str, float]:
    """Return US dollars an hour of every type on demand, by the usage type that endpoints are billed by."""
    pages = boto3.client("pricing", config=CLIENT).get_paginator("get_products")
    wanted = {"regionCode": REGION, "component": "Hosting"}
    found: dict[str, set[float]] = {}
    for page in pages.paginate(
        ServiceCode="AmazonSageMaker",
        Filters=[{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()],
    ):
        for text in listed(page, "PriceList"):
            for name, usd in hourly(text):
                found.setdefault(name, set()).add(usd)
    if not found:
        raise UnexpectedAnswer(f"the Price List API has no prices of SageMaker hosting in {REGION}.")
    for name in [name for name, prices in found.items() if len(prices) > 1]:
        report(f"{name}: several prices, {sorted(found.pop(name))}; the old one stays")
    return {name: prices.pop() for name, prices in found.items()}


def report(line: str) -> None:
    """Report on stderr an entry that stays unchanged, and why."""
    print(line, file=sys.stderr)


def listed(page: Any, key: str) -> list[Any]:
    """Return the list `key` of a page. A page from a proxy parses as an empty list."""
    if key not in page:
        raise UnexpectedAnswer(f"the answer has no {key}; is a proxy in between?")
    return list(page[key])


def accelerators(item: Any) -> Iterator[Entry]:
    """Yield the accelerators of a type; all types have one kind only."""
    for gpu in item.get("GpuInfo", {}).get("Gpus", ()):
        kind = "gaudi" if gpu["Manufacturer"] == "Habana" else "gpu"
        yield accelerator(kind, f"{gpu['Manufacturer']} {gpu['Name']}", gpu)
    for device in item.get("NeuronInfo", {}).get("NeuronDevices", ()):
        yield accelerator("neuron", f"AWS {device['Name'].lower()}", device)
    for device in item.get("InferenceAcceleratorInfo", {}).get("Accelerators", ()):
        yield accelerator("neuron", f"AWS {device['Name'].lower()}", device)


def accelerator(kind: str, name: str, device: Any) -> Entry:
    """Return an accelerator as the file has it."""
    memory = gib(device["MemoryInfo"]["SizeInMiB"])
    return {"kind": kind, "name": name, "count": device["Count"], "memory_gib": memory}


def gib(mib: int) -> float:
    """Return MiB as GiB to two decimals, whole numbers as int."""
    value = round(mib / 1024, 2)
    return int(value) if value == int(value) else value


def hourly(text: str) -> Iterator[tuple[str, float]]:
    """Yield the type and price of a product, when it is an instance that hosts; free hours do not count."""
    try:
        product = json.loads(text)
        name = product["product"]["attributes"]["usagetype"].partition("Host:")[2]
        for term in product["terms"]["OnDemand"].values() if name else ():
            for dimension in term["priceDimensions"].values():
                usd = float(dimension["pricePerUnit"]["USD"])
                if dimension["unit"] == "Hrs" and usd > 0:
                    yield name, round(usd, 4)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise UnexpectedAnswer(f"a product of the Price List API is not as documented ({error}).") from error
