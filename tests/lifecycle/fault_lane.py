"""Runs commands with a fault in one of their calls, then without, and compares the states in AWS."""

import re
import shutil
from collections import Counter
from dataclasses import dataclass, field

from tests.fakes.aws.calls import STARTS_INSTANCES, Kind
from tests.fakes.aws.server import FakeAws
from tests.fakes.aws.snapshot import Snapshot, empty
from tests.lifecycle.commands import NAME, Done, Project, serving
from tests.lifecycle.forks import Forks

KINDS: tuple[Kind, ...] = ("throttle", "deny", "expire", "no capacity", "reset", "hang")
CASES: list[tuple[Kind, bool]] = [(kind, False) for kind in KINDS] + [("reset", True), ("hang", True)]
IDS = [f"{kind}-after" if after else kind for kind, after in CASES]
# The number of these calls depends on the speed of the fake AWS.
POLLED = ("Describe", "ListTags", "FilterLogEvents")
Place = tuple[str, str, int]
# The ids of the failures that each kind of fault causes.
FAILURES: dict[Kind, set[str]] = {
    "throttle": {"throttled"},
    "deny": {"access-denied"},
    "expire": {"expired-credentials"},
    "no capacity": {"quota-exceeded"},
    "reset": {"aws-unreachable"},
    "hang": {"aws-unreachable"},
}
WITHOUT_CAPACITY = {"not-in-service", "job-failed"}  # of resources whose creation fails later


@dataclass
class Lane:
    """A project whose commands run repeatedly, with or without a deployment."""

    project: Project
    forks: Forks
    settings: dict[str, str]
    arguments: dict[str, list[str]]
    deployed: Snapshot = field(init=False)
    _wanted: dict[str, dict[str, str]] = field(default_factory=dict)
    _places: dict[str, list[Place]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.aws.settings.endpoint_seconds = self.aws.settings.component_seconds = 0.0
        self.aws.settings.deletion_seconds = self.aws.settings.job_seconds = 0.0

    @property
    def aws(self) -> FakeAws:
        return self.project.aws

    def deploy(self) -> None:
        """Deploy once, and keep the resources for each start."""
        done = self.run("deploy")
        assert done.code == 0, done.err
        states = self.states()
        self.deployed = Snapshot.take(self.aws.world)
        self.start_over("clean")
        assert states and self.states().items() >= states.items()

    def close(self) -> None:
        """Stop the containers and the runner of the commands."""
        self.deployed.close()
        self.forks.close()

    def run(self, verb: str, kill_after: int = 0, **more: str) -> Done:
        command = self.project.command(verb, *self.arguments[verb])
        variables = self.project.variables({**self.settings, **more})
        return self.forks.run(command, variables, self.project.path, kill_after)

    def start_over(self, verb: str) -> None:
        """Reset AWS, and restore the deployment for commands that need one."""
        empty(self.aws.world)
        self.forget()
        if verb != "deploy":
            self.deployed.restore(self.aws.world)
        self.aws.forget_calls()

    def forget(self) -> None:
        shutil.rmtree(self.project.path / ".do", ignore_errors=True)

    def states(self) -> dict[str, str]:
        """Return the resources that serve the model, with their states."""
        region = self.aws.world.region("us-east-1")
        states = {endpoint.arn: endpoint.status for endpoint in region.endpoints.values()}
        states |= {component.arn: component.status for component in region.components.values()}
        names = {arn: states.get(arn, "exists") for arn in serving(self.aws.resources())}
        return {without_ids(arn): state for arn, state in names.items()}

    def unnamed(self, verb: str, lines: list[str]) -> str:
        """Return a resource that a failed command left and does not name in these lines, "" without any."""
        for arn in serving(self.aws.resources()):
            kind, _, name = arn.split(":", 5)[5].replace(":", "/", 1).partition("/")
            word, name = kind.rpartition("-")[2], NAME if kind == "scalable-target" else name
            if not any(word in line and (name in line or f"{NAME}-*" in line) for line in lines):
                return arn
        return ""

    def wanted_after(self, verb: str) -> dict[str, str]:
        """Return the states after a command without a fault."""
        self.places(verb)
        return self._wanted[verb]

    def places(self, verb: str) -> list[Place]:
        """Return the calls of a command: service, operation, and number of the call."""
        if verb in self._places:
            return self._places[verb]
        counts: Counter[tuple[str, str]] = Counter()
        places = self._places.setdefault(verb, [])
        self.start_over(verb)
        done = self.run(verb)
        assert done.code == 0, done.err
        self._wanted[verb] = self.states()
        for call in self.aws.calls:
            counts[call.service, call.operation] += 1
            places.append((call.service, call.operation, counts[call.service, call.operation]))
        return places


def without_ids(arn: str) -> str:
    """Return an ARN without the parts that AWS generates."""
    return arn.partition(":scalable-target/")[0] if ":scalable-target/" in arn else arn


def is_mutating(operation: str) -> bool:
    return not operation.startswith(("Describe", "List", "Get", "Batch", "Filter", "Invoke", "Head"))


def failure_id(done: Done) -> str:
    """Return the id of the failure that a command reports, "" without one."""
    found = re.search(r"^failed \(([\w-]+)\)", done.err, re.MULTILINE)
    return found[1] if found else ""


def failures(kind: Kind, operation: str) -> set[str]:
    """Return the ids of the failures that a fault of an operation causes."""
    later = kind == "no capacity" and operation in STARTS_INSTANCES
    return WITHOUT_CAPACITY if later else FAILURES[kind]


def problem_after(lane: Lane, verb: str, ids: set[str], done: Done, wanted: dict[str, str]) -> str:
    """Return the problem of a command's end: an unexpected state or id, or a resource that is not named."""
    if done.code == 0:
        return "" if lane.states() == wanted else f"it ended well with {lane.states()}"
    if done.code not in (3, 4, 5, 6) or "Traceback" in done.err:
        return f"exit code {done.code}"
    if failure_id(done) not in ids:
        return f"exit code {done.code} and the failure {failure_id(done)!r}"
    lines = [line for line in (done.out + done.err).splitlines() if "left: " in line]
    unnamed = lane.unnamed(verb, lines)
    return f"{unnamed} is left and not named" if unnamed else ""


def examine(
    lane: Lane,
    verb: str,
    kind: Kind,
    after: bool,
    wanted: dict[str, str],
) -> list[str]:
    """Let each call of a command fail in turn, run the command again, and return the problems."""
    more = {"MCC_DO_CALL_ATTEMPTS": "1"}
    if kind == "hang":
        more |= {"MCC_DO_CALL_SECONDS": "1", "MCC_DO_INVOKE_SECONDS": "1"}
    problems = []
    for service, operation, number in lane.places(verb):
        if after and not is_mutating(operation):
            continue
        lane.start_over(verb)
        fault = lane.aws.fault(kind, service, operation, nth=number, after=after)
        first = lane.run(verb, 0, **more)
        problem = problem_after(lane, verb, failures(kind, operation), first, wanted)
        if not fault.struck and not operation.startswith(POLLED):
            problem = "the fault struck nothing"
        if first.code and not problem:
            lane.aws.forget_calls()
            second = lane.run(verb)
            if second.code or lane.states() != wanted:
                problem = f"the second run ends with {second.code} and {lane.states()}: {second.err}"
        if problem:
            problems.append(f"{service}.{operation} ({number}): {problem}\n{first.err}{first.out}")
    return problems
