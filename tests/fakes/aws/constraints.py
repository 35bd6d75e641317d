"""The constraints of the service models that botocore does not check: patterns, ranges, enumerations."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import regex
from botocore.model import ListShape, MapShape, Shape, StructureShape

from tests.fakes.aws.wire import Refusal, Request

CODES = {
    "application-autoscaling": "ValidationException",
    "codebuild": "InvalidInputException",
    "ecr": "InvalidParameterException",
    "logs": "InvalidParameterException",
    "sagemaker": "ValidationException",
    "service-quotas": "IllegalArgumentException",
}
UNEVEN = {"\\p{Print}+": "[[:print:]]+"}  # Java classes with another name in the regex module


def check(request: Request) -> None:
    """Raise the error of the service for a request that violates its model."""
    code = CODES.get(request.service)
    shape = request.model.input_shape
    if code is None or shape is None:
        return
    faults = list(_faults(shape, request.parameters, ""))
    if faults:
        plural = "s" if len(faults) > 1 else ""
        raise Refusal(code, f"{len(faults)} validation error{plural} detected: {'; '.join(faults)}")


def _faults(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        for name in shape.required_members:
            if value.get(name) is None:
                yield _fault("null", _join(path, name), "Member must not be null")
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from _faults(member, value[name], _join(path, name))
    elif isinstance(shape, ListShape):
        yield from _range_faults(shape, len(value), value, path, "length")
        for number, item in enumerate(value, 1):
            yield from _faults(shape.member, item, f"{path}.{number}.member")
    elif isinstance(shape, MapShape):
        yield from _range_faults(shape, len(value), value, path, "length")
        for key, item in value.items():
            yield from _faults(shape.key, key, f"{path}.{key}")
            yield from _faults(shape.value, item, f"{path}.{key}.member")
    elif shape.type_name == "string":
        yield from _range_faults(shape, len(value), value, path, "length")
        choices, pattern = shape.metadata.get("enum"), shape.metadata.get("pattern")
        if choices and value not in choices:
            rule = f"Member must satisfy enum value set: [{', '.join(choices)}]"
            yield _fault(value, path, rule)
        if pattern and not _compiled(pattern).fullmatch(value):
            yield _fault(value, path, f"Member must satisfy regular expression pattern: {pattern}")
    elif shape.type_name in ("integer", "long", "float", "double"):
        yield from _range_faults(shape, value, value, path, "value")


def _range_faults(shape: Shape, size: float, value: Any, path: str, what: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    of = "have length" if what == "length" else "have value"
    if least is not None and size < least:
        yield _fault(value, path, f"Member must {of} greater than or equal to {least}")
    if most is not None and size > most:
        yield _fault(value, path, f"Member must {of} less than or equal to {most}")


def _fault(value: Any, path: str, rule: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {rule}"


def _join(path: str, name: str) -> str:
    name = name[0].lower() + name[1:]
    return f"{path}.{name}" if path else name


@cache
def _compiled(pattern: str) -> "regex.Pattern[str]":
    surrogates = r"\uD800\uDC00-\uDBFF\uDFFF"  # the Java notation of characters outside the basic plane
    return regex.compile(UNEVEN.get(pattern, pattern).replace(surrogates, r"\U00010000-\U0010FFFF"))
