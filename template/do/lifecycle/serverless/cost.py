# Part of the library: `copier update` replaces this file.
"""The billing of a serverless endpoint. Its prices are not in the catalog, so there are no amounts."""

from typing import Any

from lifecycle.project import OK, Finding, finding
from lifecycle.resources import Resource
from lifecycle.sagemaker import cost as endpoints
from lifecycle.serverless.target import Target

OVER_BUDGET = endpoints.OVER_BUDGET
PER_REQUEST = "billed per request: compute time at this memory size, and data"
PROVISIONED = "provisioned concurrency is billed while the endpoint exists"


def of(settings: Target) -> dict[str, Any]:
    """Return how the endpoint is billed."""
    return {"billing": "per request", "provisioned_concurrency": settings.provisioned_concurrency}


def summary(settings: Target) -> str:
    """Return how the endpoint is billed, in a line."""
    return f"{PER_REQUEST}; {PROVISIONED}" if settings.provisioned_concurrency else PER_REQUEST


def check(settings: Target) -> Finding:
    """Return how the endpoint is billed: there is no cost per hour to limit."""
    return finding("cost", OK, "cost", summary(settings))


def per_hour(settings: Target, endpoint: Resource) -> float | None:
    """Return None: the cost depends on the requests."""
    return None


def since_creation(settings: Target, endpoint: Resource) -> float | None:
    """Return None: the cost depends on the requests."""
    return None


def described(settings: Target, resource: Resource) -> str:
    """Return a resource with its billing."""
    return f"{resource}: {summary(settings)}" if resource.kind == "endpoint" else str(resource)
