# Part of the library: `copier update` replaces this file.
"""The cost of an endpoint, from the price in do/config.toml."""

from datetime import UTC, datetime
from typing import Any

from lifecycle.project import ERROR, OK, Finding, finding
from lifecycle.resources import Resource
from lifecycle.sagemaker.target import Target

HOURS_OF_MONTH = 730
PRICE_REGION = "us-east-1"
OVER_BUDGET = "too-dear"


def of(settings: Target) -> dict[str, Any]:
    """Return the cost in US dollars per hour, per month, and per hour with all instances; 0: unknown."""
    rate = settings.usd_per_hour
    return {
        "per_hour": round(rate * settings.instance_count, 4),
        "per_month": round(rate * settings.instance_count * HOURS_OF_MONTH, 2),
        "most_per_hour": round(rate * settings.max_instance_count, 4),
        "ceiling_per_hour": settings.max_usd_per_hour,
        "estimated": settings.price_estimated,
    }


def summary(settings: Target) -> str:
    """Return the cost per hour and month in a line."""
    if not settings.usd_per_hour:
        return f"the price of {settings.instance_type} is unknown"
    cost, about = of(settings), "about " if settings.price_estimated else ""
    line = f"{about}${cost['per_hour']:.2f}/h, ${cost['per_month']:,.0f}/month ({HOURS_OF_MONTH} h)"
    line += f" in {PRICE_REGION} for {settings.instance_count} x {settings.instance_type}"
    if settings.max_instance_count == settings.instance_count:
        return line
    return f"{line}; up to ${cost['most_per_hour']:.2f}/h with {settings.max_instance_count}"


def check(settings: Target) -> Finding:
    """Return whether the cost of all instances is within the limit."""
    what = f"the cost can exceed the limit of ${settings.max_usd_per_hour:.2f}/h"
    return limited(settings, settings.max_instance_count, what, summary(settings))


def limited(settings: Target, instances: int, what: str, seen: str) -> Finding:
    """Return whether the cost of some instances is within the limit; `what` and `seen` if it is not."""
    limit = settings.max_usd_per_hour
    if limit and not settings.usd_per_hour:
        unknown = f"the price of {settings.instance_type} is unknown"
        next_step = "set usd_per_hour to its price, or max_usd_per_hour to 0"
        return finding(OVER_BUDGET, ERROR, unknown, f"max_usd_per_hour = {limit}", next_step)
    if limit and instances * settings.usd_per_hour > limit:
        next_step = "use fewer or cheaper instances, or increase max_usd_per_hour in do/config.toml"
        return finding(OVER_BUDGET, ERROR, what, seen, next_step)
    within = f"within ${limit:.2f}/h" if limit else "max_usd_per_hour = 0"
    return finding("cost", OK, "cost limit" if limit else "no cost limit", within)


def per_hour(settings: Target, endpoint: Resource) -> float | None:
    """Return the US dollars per hour of an endpoint, None if its price is unknown.

    An endpoint that is being created or deleted counts with the number of instances in its settings.
    """
    variants = endpoint.described.get("ProductionVariants") or [{}]
    count = sum(variant.get("CurrentInstanceCount", settings.instance_count) for variant in variants)
    if endpoint.status == "Failed":
        return 0.0
    return count * settings.usd_per_hour if settings.usd_per_hour else None


def since_creation(settings: Target, endpoint: Resource) -> float | None:
    """Return the US dollars that an endpoint has cost since its creation, at its present rate."""
    rate, created = per_hour(settings, endpoint), endpoint.described.get("CreationTime")
    if rate is None or created is None:
        return None
    return float(rate * max(0.0, (datetime.now(UTC) - created).total_seconds() / 3600))


def described(settings: Target, resource: Resource) -> str:
    """Return a resource with its cost."""
    if resource.kind != "endpoint":
        return str(resource)
    rate = per_hour(settings, resource)
    return f"{resource}: {'price unknown' if rate is None else f'${rate:.2f}/h'}"
