"""Reads of SageMaker that do not show the last change yet: AWS documents eventually consistent reads."""

import time
from dataclasses import replace
from typing import Any

from tests.fakes.aws.permissions import is_mutating
from tests.fakes.aws.wire import OPERATIONS, Operation, Refusal, Request
from tests.fakes.aws.world import World

DESCRIBES = {"InferenceComponentName": "DescribeInferenceComponent", "EndpointName": "DescribeEndpoint"}


def carry_out(world: World, request: Request, operation: Operation) -> Any:
    """Return the result of a call; that of a description can be the one before the last change.

    Raise Refusal as the operation does, or because the description does not show a creation yet.
    """
    delay = world.settings.describes_changes_after_seconds
    kind = next((name for name in DESCRIBES if name in request.parameters), "")
    if not delay or not kind or request.service != "sagemaker":
        return operation(world, request)
    descriptions, key = world.region(request.region).descriptions, request.parameters[kind]
    if request.operation in DESCRIBES.values() and key in descriptions.get(kind, {}):
        before, until = descriptions[kind][key]
        if time.monotonic() < until:
            if isinstance(before, Refusal):
                raise before
            return before
    if not is_mutating(request):
        return operation(world, request)
    before = _described(world, request, kind)
    result = operation(world, request)
    descriptions.setdefault(kind, {})[key] = (before, time.monotonic() + delay)
    return result


def _described(world: World, request: Request, kind: str) -> dict[str, Any] | Refusal:
    describe = OPERATIONS["sagemaker", DESCRIBES[kind]]
    asked = replace(request, operation=DESCRIBES[kind], parameters={kind: request.parameters[kind]})
    try:
        return dict(describe(world, asked))  # type: ignore[arg-type]
    except Refusal as refused:
        return refused
