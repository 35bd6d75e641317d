# Part of the library: `copier update` replaces this file.
"""The cost of batch transform jobs, from the price in do/config.toml. A model costs nothing."""

from datetime import UTC, datetime
from typing import Any

from lifecycle.project import Finding
from lifecycle.resources import Resource
from lifecycle.sagemaker import cost as endpoints
from lifecycle.transform.target import Target

OVER_BUDGET, PRICE_REGION = endpoints.OVER_BUDGET, endpoints.PRICE_REGION


def of(settings: Target) -> dict[str, Any]:
    """Return the cost in US dollars per hour of a running job; 0: unknown."""
    return {
        "per_hour_of_a_job": round(settings.usd_per_hour * settings.instance_count, 4),
        "ceiling_per_hour": settings.max_usd_per_hour,
        "estimated": settings.price_estimated,
    }


def summary(settings: Target) -> str:
    """Return the cost of a job per hour in a line."""
    if not settings.usd_per_hour:
        return f"the price of {settings.instance_type} is unknown"
    about = "about " if settings.price_estimated else ""
    line = f"{about}${of(settings)['per_hour_of_a_job']:.2f}/h in {PRICE_REGION} while a job runs"
    return f"{line}, for {settings.instance_count} x {settings.instance_type}"


def check(settings: Target) -> Finding:
    """Return whether the cost of a job is within the limit."""
    what = f"a job costs more than the limit of ${settings.max_usd_per_hour:.2f}/h"
    return endpoints.limited(settings, settings.instance_count, what, summary(settings))


def per_hour(settings: Target, endpoint: Resource) -> float | None:
    """Return None: an endpoint of another deployment target has another price."""
    return None


def since_creation(settings: Target, endpoint: Resource) -> float | None:
    """Return None, as `per_hour` does."""
    return None


def spent(settings: Target, job: dict[str, Any]) -> float | None:
    """Return the US dollars that a job has cost, at the price in the settings; None if it is unknown."""
    started, resources = job.get("TransformStartTime"), job["TransformResources"]
    if started is None:
        return 0.0
    if not settings.usd_per_hour or resources["InstanceType"] != settings.instance_type:
        return None
    hours = max(0.0, ((job.get("TransformEndTime") or datetime.now(UTC)) - started).total_seconds() / 3600)
    return float(hours * settings.usd_per_hour * resources["InstanceCount"])


def described(settings: Target, resource: Resource) -> str:
    """Return a resource; a running job with its cost so far."""
    if resource.kind != "transform job":
        return str(resource)
    usd = spent(settings, resource.described)
    return f"{resource}: {'price unknown' if usd is None else f'${usd:.2f} so far'}"
