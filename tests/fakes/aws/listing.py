"""Lists of SageMaker resources: filters, order and pages."""

import base64
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from tests.fakes.aws.wire import Refusal

T = TypeVar("T")
PAGE = 10  # the default of SageMaker for MaxResults


def page(
    items: Sequence[T], token: str | None, size: int, code: str = "ValidationException"
) -> tuple[list[T], str | None]:
    """Return the page of a token, and the next token. Raise Refusal for an unknown token."""
    try:
        start = int(base64.b64decode(token).decode().removeprefix("after:")) if token else 0
    except ValueError:
        raise Refusal(code, "Invalid NextToken") from None
    end = start + size
    following = base64.b64encode(f"after:{end}".encode()).decode() if end < len(items) else None
    return list(items[start:end]), following


def listed(
    resources: Iterable[Any], parameters: dict[str, Any], summary: Callable[[Any], dict[str, Any]], key: str
) -> dict[str, Any]:
    """Return the response of a List call over resources with name, status, creation and change time."""
    kept = [resource for resource in resources if _wanted(resource, parameters)]
    sort = {"Name": "name", "Status": "status"}.get(parameters.get("SortBy", "CreationTime"), "created")
    descending = parameters.get("SortOrder", "Descending") == "Descending"
    kept.sort(key=lambda resource: getattr(resource, sort), reverse=descending)
    items, token = page(kept, parameters.get("NextToken"), parameters.get("MaxResults", PAGE))
    return {key: [summary(item) for item in items], **({"NextToken": token} if token else {})}


def _wanted(resource: Any, parameters: dict[str, Any]) -> bool:
    endpoint = getattr(resource, "endpoint", None)
    tests: dict[str, Callable[[Any], bool]] = {
        "NameContains": lambda wanted: wanted.lower() in resource.name.lower(),
        "StatusEquals": lambda wanted: resource.status == wanted,
        "EndpointNameEquals": lambda wanted: endpoint is not None and endpoint.name == wanted,
        "VariantNameEquals": lambda wanted: resource.variant == wanted,
        "CreationTimeAfter": lambda wanted: resource.created >= wanted,
        "CreationTimeBefore": lambda wanted: resource.created <= wanted,
        "LastModifiedTimeAfter": lambda wanted: resource.modified >= wanted,
        "LastModifiedTimeBefore": lambda wanted: resource.modified <= wanted,
    }
    return all(test(parameters[name]) for name, test in tests.items() if name in parameters)
