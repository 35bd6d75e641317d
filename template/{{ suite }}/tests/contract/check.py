"""What a check is: a number, a title and a function that raises when the contract is broken."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from typing import Any, NamedTuple

from .bodies import Bodies
from .client import Client, Failed, NotApplicable, Reply, Request, invoke, same
from .servers import OwnServer, Server

# The order of checks: those on the running server, those that end it, those that start others.
RUNNING, ENDING, STARTING = range(3)


class Context:
    """What the checks look at, and what they share."""

    def __init__(
        self, server: Server, bodies: Bodies, soak_requests: int = 5_000, start_seconds: float = 0
    ) -> None:
        self.server, self.client, self.bodies = server, server.client, bodies
        self.soak_requests, self.start_seconds = soak_requests, start_seconds
        self.pings: list[float] = []
        self.stack = ExitStack()

    @property
    def own(self) -> OwnServer:
        """Return the server if it was started here. Raises NotApplicable if not."""
        if isinstance(self.server, OwnServer):
            return self.server
        raise NotApplicable("needs a server that is started here: --local or --image")

    @cached_property
    def reference(self) -> Any:
        """Return the prediction for one row, which every other way of sending that row must give."""
        return self.client.send(invoke(self.bodies.json())).predictions()[0]

    def send(self, request: Request, rows: int = 1, client: Client | None = None, **how: Any) -> Reply:
        """Return the reply to a request. Raises Failed unless it holds the right prediction for each row."""
        expected = self.reference
        reply = (client or self.client).send(request, **how)
        answer = reply.predictions()
        expect(len(answer) == rows, f"{len(answer)} predictions for {rows} rows")
        wrong = [value for value in answer if not same(value, expected)]
        expect(not wrong, f"predicted {wrong[:1]}, but {expected} for the same row sent alone as JSON")
        return reply


class Outcome(NamedTuple):
    """What came of a check: passed, failed or not applicable, and what was measured, or why."""

    number: int
    title: str
    result: str
    detail: str
    ms: int


class Check(NamedTuple):
    """One rule. `run` returns what it measured, or raises Failed or NotApplicable."""

    number: int
    title: str
    phase: int
    run: Callable[[Context], str]

    def outcome(self, context: Context) -> Outcome:
        """Run the check; whatever goes wrong in it counts as failed."""
        started = time.perf_counter()
        try:
            result, detail = "passed", self.run(context)
        except NotApplicable as reason:
            result, detail = "not applicable", str(reason)
        except Exception as error:
            result, detail = (
                "failed",
                f"{'' if isinstance(error, Failed) else type(error).__name__ + ': '}{error}",
            )
        return Outcome(self.number, self.title, result, detail, round((time.perf_counter() - started) * 1000))


CHECKS: dict[int, Check] = {}


def check(number: int, title: str, phase: int = RUNNING) -> Callable[[Callable[[Context], str]], None]:
    """Register the decorated function as check `number`."""

    def register(run: Callable[[Context], str]) -> None:
        CHECKS[number] = Check(number, title, phase, run)

    return register


def expect(condition: bool, message: str) -> None:
    """Raise Failed with `message` unless `condition` holds."""
    if not condition:
        raise Failed(message)
