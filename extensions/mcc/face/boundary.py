"""Adapters between Jinja filters and functions: errors, argument types and argument order."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from copier.errors import UserMessageError

from ..errors.errors import MccError
from ..interview import requirements

P = ParamSpec("P")
T = TypeVar("T")


def for_user(function: Callable[P, T]) -> Callable[P, T]:
    """Let an MccError end Copier with its text alone, instead of a traceback."""

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except MccError as error:
            raise UserMessageError(str(error)) from None

    return wrapper


def with_requirements(function: Callable[..., T], at: int = 0) -> Callable[..., T]:
    """Give a function the question `need`, its argument number `at`, as ServingRequirements."""

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> T:
        return function(*args[:at], requirements.parse(args[at]), *args[at + 1 :], **kwargs)

    return wrapper


def piped_second(function: Callable[[Any, Any], T]) -> Callable[[Any, Any], T]:
    """Return a filter whose value, before the |, is the second argument of a function."""

    @wraps(function)
    def wrapper(value: Any, first: Any) -> T:
        return function(first, value)

    return wrapper
