# Part of the library: `copier update` replaces this file.
"""What an endpoint costs, by the price of do/config.toml."""

from datetime import UTC, datetime
from typing import Any

from lifecycle.belongings import Resource
from lifecycle.sagemaker.target import Target

HOURS_OF_MONTH = 730


def of(settings: Target) -> dict[str, Any]:
    """Return US dollars an hour and a month, and an hour with the most instances; 0 when not known."""
    rate = settings.usd_per_hour
    return {
        "per_hour": round(rate * settings.instance_count, 4),
        "per_month": round(rate * settings.instance_count * HOURS_OF_MONTH, 2),
        "most_per_hour": round(rate * settings.max_instance_count, 4),
        "ceiling_per_hour": settings.max_usd_per_hour,
        "estimated": settings.price_estimated,
    }


def told(settings: Target) -> str:
    """Return what it costs, in a line."""
    if not settings.usd_per_hour:
        return f"the price of {settings.instance_type} is not known"
    known, about = of(settings), "about " if settings.price_estimated else ""
    line = f"{about}{known['per_hour']:.2f} $/h ({known['per_month']:.0f} $ a month)"
    line += f" for {settings.instance_count} x {settings.instance_type}"
    return f"{line}, at most {known['most_per_hour']:.2f} $/h with {settings.max_instance_count}"


def per_hour(settings: Target, endpoint: Resource) -> float | None:
    """Return US dollars an hour of an endpoint, None when its price is not known.

    One that is being made or removed is counted with the instances that it was asked for.
    """
    variants = endpoint.described.get("ProductionVariants") or [{}]
    count = sum(variant.get("CurrentInstanceCount", settings.instance_count) for variant in variants)
    if endpoint.status == "Failed":
        return 0.0
    return count * settings.usd_per_hour if settings.usd_per_hour else None


def since_creation(settings: Target, endpoint: Resource) -> float | None:
    """Return US dollars that an endpoint has cost since it was made, if it has always been as it is now."""
    rate, created = per_hour(settings, endpoint), endpoint.described.get("CreationTime")
    if rate is None or created is None:
        return None
    return float(rate * max(0.0, (datetime.now(UTC) - created).total_seconds() / 3600))


def described(settings: Target, resource: Resource) -> str:
    """Return a resource with what it costs."""
    if resource.kind != "endpoint":
        return str(resource)
    rate = per_hour(settings, resource)
    return f"{resource}: {'price not known' if rate is None else f'{rate:.2f} $/h'}"
