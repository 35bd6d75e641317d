"""What an endpoint costs, by the price of do/config.toml."""

from datetime import datetime, timezone
from typing import Any

from lifecycle.inventory import Resource
from lifecycle.target import Target

HOURS_OF_MONTH = 730


def of(settings: Target) -> dict[str, Any]:
    """Return US dollars an hour and a month, with the least and the most instances."""
    least = 0 if settings.scale_to_zero else settings.instance_count
    price = settings.usd_per_hour
    now, most = settings.instance_count * price, settings.max_instance_count * price
    return {
        "per_hour": round(now, 4),
        "per_month": round(now * HOURS_OF_MONTH, 2),
        "least_per_hour": round(least * price, 4),
        "most_per_hour": round(most, 4),
        "ceiling_per_hour": settings.max_usd_per_hour,
        "estimated": settings.price_estimated,
        "known": price > 0,
    }


def told(settings: Target) -> str:
    """Return what it costs, in a line."""
    if not settings.usd_per_hour:
        return f"the price of {settings.instance_type} is not known"
    known = of(settings)
    about = "about " if settings.price_estimated else ""
    line = f"{about}{known['per_hour']:.2f} $/h ({known['per_month']:.0f} $ a month)"
    line += f" for {settings.instance_count} x {settings.instance_type}"
    return f"{line}, at most {known['most_per_hour']:.2f} $/h with {settings.max_instance_count}"


def per_hour(settings: Target, endpoint: Resource) -> float | None:
    """Return US dollars an hour of an endpoint as it is now, None when its price is not known.

    An endpoint that is being made or removed is counted with the instances that it was asked for.
    """
    if endpoint.status == "Failed":
        return 0.0
    variants = endpoint.described.get("ProductionVariants", [])
    counts = [variant.get("CurrentInstanceCount", settings.instance_count) for variant in variants]
    return (sum(counts) if variants else settings.instance_count) * settings.usd_per_hour or None


def since_creation(settings: Target, endpoint: Resource) -> float | None:
    """Return US dollars that an endpoint has cost since it was made, if it has always been as it is now."""
    rate = per_hour(settings, endpoint)
    if rate is None or endpoint.created is None:
        return None
    hours = (datetime.now(timezone.utc) - endpoint.created).total_seconds() / 3600
    return rate * max(0.0, hours)


def described(settings: Target, resource: Resource) -> str:
    """Return a resource with what it costs."""
    if resource.kind != "endpoint":
        return str(resource)
    rate = per_hour(settings, resource)
    return f"{resource}: {'price not known' if rate is None else f'{rate:.2f} $/h'}"
