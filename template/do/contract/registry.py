# Part of the library: `copier update` replaces this file.
"""The numbered checks of the suite: how one is registered, run and judged."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from .client import Failed, NotApplicable, Request

# These run last, in this order: they kill a worker, end the server, or start others.
LAST = (57, 45, 56, 65, 46, 48, 47, 49, 53, 55, 50, 51, 52, 58)
Measure = Callable[[Any], str]
M = TypeVar("M", bound=Measure)
CHECKS: dict[int, tuple[str, Measure]] = {}
Row = tuple[int, str, set[int], Callable[[Any], list[Request]]]


@dataclass(frozen=True)
class Outcome:
    """The outcome of a check: `result` is passed, failed or not applicable, `detail` what was measured."""

    number: int
    title: str
    result: str
    detail: str
    ms: int


def run(number: int, checked: Any) -> Outcome:
    """Run a check."""
    (title, measure), started = CHECKS[number], time.perf_counter()
    try:
        result, detail = "passed", measure(checked)
    except NotApplicable as reason:
        result, detail = "not applicable", str(reason)
    except Exception as error:
        result, detail = "failed", str(error) if isinstance(error, Failed) else repr(error)
    ms = round((time.perf_counter() - started) * 1000)
    return Outcome(number, title, result, detail, ms)


def in_order(numbers: Iterable[int]) -> list[int]:
    """Return check numbers in the order in which they may run."""
    chosen = set(numbers)
    return [*sorted(chosen - set(LAST)), *(number for number in LAST if number in chosen)]


def check(number: int, title: str) -> Callable[[M], M]:
    """Register the decorated function, which returns what it measured, as check `number`."""

    def registered(measure: M) -> M:
        CHECKS[number] = (title, measure)
        return measure

    return registered


def expect(condition: bool, message: str, measured: str = "") -> str:
    """Return what was measured, or else `message`. Raises Failed with `message` unless `condition` holds."""
    if not condition:
        raise Failed(message)
    return measured or message
