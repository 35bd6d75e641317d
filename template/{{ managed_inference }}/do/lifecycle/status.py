"""Show what the project has in AWS, in which state, and what it costs."""

import argparse
from dataclasses import replace
from datetime import datetime
from typing import Any

from lifecycle import inventory, money
from lifecycle.aws import Aws
from lifecycle.cli import Result
from lifecycle.console import say
from lifecycle.inventory import Resource
from lifecycle.project import Failure
from lifecycle.target import Target


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of do/status."""
    parser.add_argument(
        "--all-regions", action="store_true", help="look in every region for what has the tag"
    )


def run(settings: Target, arguments: argparse.Namespace) -> Result:
    """Return what is there, region by region."""
    aws = Aws(settings, "status", read_only=True)
    say(f"account {aws.identity['Account']}")
    found = [_row(settings, resource) for resource in inventory.find(settings, aws)]
    findings = []
    if arguments.all_regions:
        for region in aws.regions("sagemaker"):
            if region != settings.region:
                there = replace(settings, region=region)
                try:
                    found += [
                        _row(there, resource)
                        for resource in inventory.find_tagged(there, Aws(there, "status", True))
                    ]
                except Failure as failure:
                    findings.append(
                        {**failure.finding, "what": f"{region} was not checked", "severity": "not checked"}
                    )
    text = [*(_line(row) for row in found), *(f"{item['what']}: {item['seen']}" for item in findings)]
    return {"resources": found, "findings": findings, "text": "\n".join(text) or "nothing is there"}


def _row(settings: Target, resource: Resource) -> dict[str, Any]:
    row = {
        "region": settings.region,
        "kind": resource.kind,
        "name": resource.name,
        "arn": resource.arn,
        "ours": resource.ours,
        "status": resource.status,
        "created": resource.created.isoformat(timespec="seconds") if resource.created else None,
        "expires": resource.tags.get("mcc-expires-at"),
        "reason": resource.described.get("FailureReason"),
    }
    if resource.kind == "endpoint":
        rate, spent = money.per_hour(settings, resource), money.since_creation(settings, resource)
        row |= {"usd_per_hour": rate, "usd_since_creation": spent, "estimated": settings.price_estimated}
    return row


def _line(row: dict[str, Any]) -> str:
    parts = [f"{row['region']}  {row['kind']} {row['name']}", row["status"] or "exists"]
    if not row["ours"]:
        parts.append("not this project's")
    if row.get("usd_per_hour") is not None:
        about = "about " if row["estimated"] else ""
        spent = f"{row['usd_since_creation'] or 0:.2f} $ since {row['created']}"
        parts.append(f"{about}{row['usd_per_hour']:.2f} $/h, {spent}")
    if row["expires"]:
        over = datetime.fromisoformat(row["expires"]).timestamp() < datetime.now().timestamp()
        parts.append(f"{'EXPIRED' if over else 'expires'} {row['expires']}")
    if row["reason"]:
        parts.append(row["reason"])
    return ", ".join(parts)
