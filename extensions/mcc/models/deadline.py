"""Calls that take part in one deadline, whatever the time-outs of a client leave unbounded."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def start(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
    """Run a function in a thread that the end of the process does not wait for, as an executor's would."""
    future: Future[R] = Future()

    def run() -> None:
        try:
            future.set_result(function(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def result(future: Future[R], end: float) -> R:
    """Return the result, at the latest at `end` of time.monotonic. Raises TimeoutError, or as the call."""
    return future.result(max(end - time.monotonic(), 0))
