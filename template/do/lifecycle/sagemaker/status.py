# Part of the library: `copier update` replaces this file.
"""Show the resources of the project in AWS, their state and their cost."""

import argparse
import importlib
from dataclasses import replace
from typing import Any

from lifecycle import chosen
from lifecycle.aws import Aws
from lifecycle.journal import now
from lifecycle.project import NOT_CHECKED, Failure, Result
from lifecycle.resources import Resource
from lifecycle.sagemaker import inventory
from lifecycle.sagemaker.hosted import Target, cost
from lifecycle.sagemaker.specification import COMPONENT, EXPIRES_AT


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/status."""
    text = "search all Regions for resources with the project's tag"
    parser.add_argument("--all-regions", action="store_true", help=text)


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Return the resources, Region by Region."""
    aws, findings = Aws(settings, "status", read_only=True), []
    rows = {resource.arn: _row(settings, aws, resource) for resource in inventory.find(settings, aws)}
    for region in aws.regions("sagemaker") if arguments.all_regions else []:
        there = Aws(replace(settings, call_attempts=2), "status", read_only=True, region=region)
        try:
            tagged = inventory.find_tagged(settings, there, known=rows)
            rows |= {resource.arn: _row(settings, there, resource) for resource in tagged}
        except Failure as failure:
            findings.append(replace(failure.finding, what=f"{region} was not checked", severity=NOT_CHECKED))
    found = list(rows.values())
    text = [*map(_line, found), *(f"{item.what}: {item.seen}" for item in findings)]
    return {"resources": found, "findings": findings, "text": "\n".join(text) or "no resources found"}


def _row(settings: Target, aws: Aws, resource: Resource) -> dict[str, Any]:
    row = {name: getattr(resource, name) for name in ("kind", "name", "arn", "status")}
    row["status"] = resource.status or resource.described.get("StateValue", "")  # of an alarm
    row["ours"] = resource.owned
    described, created = resource.described, resource.described.get("CreationTime")
    row |= {"region": aws.region, "created": created.isoformat(timespec="seconds") if created else None}
    row |= {"reason": described.get("FailureReason"), "expires": resource.tags.get(EXPIRES_AT)}
    row["kept"] = resource.kept
    if chosen.OPENAI_PATH and resource.kind == COMPONENT:
        module = importlib.import_module("lifecycle.sagemaker.openai_path")  # only such projects have it
        row["openai_base_url"] = module.base_url(settings, aws)
    if resource.kind == "endpoint" and not resource.kept:
        row |= {"usd_per_hour": cost.per_hour(settings, resource), "estimated": settings.price_estimated}
        row["usd_since_creation"] = cost.since_creation(settings, resource)
    return row


def _line(row: dict[str, Any]) -> str:
    parts = [f"{row['region']}  {row['kind']} {row['name']}", row["status"] or "exists"]
    if not row["ours"]:
        parts.append("owned by another project")
    if row["kept"]:
        parts.append(row["kept"])
    if row.get("usd_per_hour") is not None:
        about, spent = "about " if row["estimated"] else "", row["usd_since_creation"] or 0
        parts.append(f"{about}${row['usd_per_hour']:.2f}/h, ${spent:.2f} since {row['created']}")
    if row["expires"]:
        parts.append(f"{'EXPIRED' if row['expires'] < now() else 'expires'} {row['expires']}")
    line = ", ".join([*parts, *filter(None, [row["reason"]])])
    return f"{line}\n  OpenAI base URL: {row['openai_base_url']}" if "openai_base_url" in row else line
