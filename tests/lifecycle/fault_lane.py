"""Runs commands with a fault in one of their calls, then without, and compares the states in AWS."""

import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fakes.aws.calls import Call, Kind
from tests.fakes.aws.server import FakeAws
from tests.lifecycle.commands import NAME, Done, Project, serving
from tests.lifecycle.forks import Forks

KINDS: tuple[Kind, ...] = ("throttle", "deny", "expire", "no capacity", "reset", "hang")
CASES: list[tuple[Kind, bool]] = [(kind, False) for kind in KINDS] + [("reset", True), ("hang", True)]
IDS = [f"{kind}-after" if after else kind for kind, after in CASES]
# The number of these calls depends on the speed of the fake AWS.
POLLED = ("Describe", "ListTags", "FilterLogEvents")
Place = tuple[str, str, int]


@dataclass
class Lane:
    """A project whose commands run repeatedly, with or without a deployment."""

    project: Project
    forks: Forks
    settings: dict[str, str]
    arguments: dict[str, list[str]]
    requests: list[Call] = field(default_factory=list)
    _wanted: dict[str, dict[str, str]] = field(default_factory=dict)
    _places: dict[str, list[Place]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.aws.settings.endpoint_seconds = self.aws.settings.component_seconds = 0.0
        self.aws.settings.deletion_seconds = self.aws.settings.job_seconds = 0.0

    @property
    def aws(self) -> FakeAws:
        return self.project.aws

    def deploy(self) -> None:
        """Deploy for the first time, and keep the requests."""
        self.aws.forget_calls()
        done = self.run("deploy")
        assert done.code == 0, done.err
        self.requests = [call for call in self.aws.mutations if call.service != "ecr"]

    def run(self, verb: str, kill_after: int = 0, **more: str) -> Done:
        command = self.project.command(verb, *self.arguments[verb])
        variables = self.project.variables({**self.settings, **more})
        return self.forks.run(command, variables, self.project.path, kill_after)

    def start_over(self, verb: str) -> None:
        """Reset AWS, and deploy again for commands that need a deployment."""
        self.empty()
        self.forget()
        if verb != "deploy":
            self.replay()
        self.aws.forget_calls()

    def forget(self) -> None:
        shutil.rmtree(self.project.path / ".do", ignore_errors=True)

    def empty(self) -> None:
        """Delete the resources that serve the model, without API calls."""
        self.aws.world.stop()
        region = self.aws.world.region("us-east-1")
        for kind in (region.components, region.endpoints, region.configs, region.targets, region.policies):
            kind.clear()
        region.models.clear()
        region.jobs.clear()
        alarms = self.aws.boto3_client("cloudwatch")
        alarms.delete_alarms(AlarmNames=[f"{NAME}-from-zero", f"{NAME}-errors"])

    def replay(self) -> None:
        """Deploy with the requests of the first deployment."""
        for call in self.requests:
            client = self.aws.boto3_client(call.service)
            getattr(client, snake(call.operation))(**call.parameters)
            while "Creating" in self.states().values():
                time.sleep(0.01)

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
        if verb not in self._wanted:
            self.start_over(verb)
            assert self.run(verb).code == 0
            self._wanted[verb] = self.states()
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
        for call in self.aws.calls:
            counts[call.service, call.operation] += 1
            places.append((call.service, call.operation, counts[call.service, call.operation]))
        return places


def snake(operation: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation).lstrip("_")


def without_ids(arn: str) -> str:
    """Return an ARN without the parts that AWS generates."""
    return arn.partition(":scalable-target/")[0] if ":scalable-target/" in arn else arn


def is_mutating(operation: str) -> bool:
    return not operation.startswith(("Describe", "List", "Get", "Batch", "Filter", "Invoke", "Head"))


def problem_after(lane: Lane, verb: str, done: Done, wanted: dict[str, str]) -> str:
    """Return the problem of a command's end: an unexpected state, or a remaining resource without a name."""
    if done.code == 0:
        return "" if lane.states() == wanted else f"it ended well with {lane.states()}"
    if done.code not in (3, 4, 5, 6) or "Traceback" in done.err:
        return f"exit code {done.code}"
    lines = [line for line in (done.out + done.err).splitlines() if "left: " in line]
    unnamed = lane.unnamed(verb, lines)
    return f"{unnamed} is left and not named" if unnamed else ""


def examine(
    lane: Lane,
    verb: str,
    kind: Kind,
    after: bool,
    wanted: dict[str, str],
    examined: Callable[[Place], bool] = lambda place: True,
) -> list[str]:
    """Let each examined call of a command fail in turn, run the command again, and return the problems."""
    more = {"MCC_DO_CALL_ATTEMPTS": "1"}
    if kind == "hang":
        more |= {"MCC_DO_CALL_SECONDS": "1", "MCC_DO_INVOKE_SECONDS": "1"}
    problems = []
    for service, operation, number in filter(examined, lane.places(verb)):
        if after and not is_mutating(operation):
            continue
        lane.start_over(verb)
        fault = lane.aws.fault(kind, service, operation, nth=number, after=after)
        first = lane.run(verb, 0, **more)
        problem = problem_after(lane, verb, first, wanted)
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
