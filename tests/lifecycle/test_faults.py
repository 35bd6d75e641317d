"""After a fault in any call, a second run reaches the same state, or the remaining resources are reported.

The tests combine every call of do/deploy and do/clean with every kind of fault, and kill the commands after
every line of the journal.
"""

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.aws.calls import Call, Kind
from tests.fakes.aws.server import FakeAws
from tests.lifecycle.commands import NAME, Done, Project, serving
from tests.lifecycle.conftest import copied
from tests.lifecycle.forks import Forks

KINDS: tuple[Kind, ...] = ("throttle", "deny", "expire", "no capacity", "reset", "hang")
ARGUMENTS: dict[str, list[str]] = {"deploy": [], "clean": ["--yes"]}
# A scaled endpoint, to include all kinds of resources.
SETTINGS = {"MCC_DO_SCALE_TO_ZERO": "true", "MCC_DO_MAX_COPIES": "2", "MCC_DO_POLL_SECONDS": "0.02"}
SETTINGS["MCC_DO_ALARM_ERRORS_PERCENT"] = "1"
# The number of these calls depends on the speed of the fake AWS.
POLLED = ("Describe", "ListTags", "FilterLogEvents")
Place = tuple[str, str, int]


class Lane:
    """A project whose commands run repeatedly, with or without a deployment."""

    def __init__(self, project: Project, forks: Forks) -> None:
        self.project, self.forks, self.aws = project, forks, project.aws
        self.requests: list[Call] = []
        self.aws.settings.endpoint_seconds = self.aws.settings.component_seconds = 0.0
        self.aws.settings.deletion_seconds = 0.0

    def run(self, verb: str, kill_after: int = 0, **more: str) -> Done:
        command = self.project.command(verb, *ARGUMENTS[verb])
        variables = self.project.variables({**SETTINGS, **more})
        return self.forks.run(command, variables, self.project.path, kill_after)

    def start_over(self, verb: str) -> None:
        """Reset AWS, and deploy again for commands that delete."""
        self.empty()
        self.forget()
        if verb == "clean":
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

    def places(self, verb: str) -> list[Place]:
        """Return the calls of a command: service, operation, and number of the call."""
        counts: Counter[tuple[str, str]] = Counter()
        places = []
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


@pytest.fixture(scope="module")
def lane(rendered: Path, aws_server: FakeAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    aws_server.reset()
    project = Project(copied(rendered, tmp_path_factory.mktemp("faults") / NAME), aws_server)
    forks = Forks(rendered / ".venv" / "bin" / "python")
    lane = Lane(project, forks)
    aws_server.forget_calls()
    done = lane.run("deploy")
    assert done.code == 0, done.err
    lane.requests = [call for call in aws_server.mutations if call.service != "ecr"]
    yield lane
    forks.close()
    aws_server.reset()


def problem_after(lane: Lane, verb: str, done: Done, wanted: dict[str, str]) -> str:
    """Return the problem of a command's end: an unexpected state, or a remaining resource without a name."""
    if done.code == 0:
        return "" if lane.states() == wanted else f"it ended well with {lane.states()}"
    if done.code not in (3, 4, 5, 6) or "Traceback" in done.err:
        return f"exit code {done.code}"
    lines = [line for line in (done.out + done.err).splitlines() if "left: " in line]
    for arn in serving(lane.aws.resources()):
        kind, _, name = arn.split(":", 5)[5].replace(":", "/", 1).partition("/")
        word, name = kind.rpartition("-")[2], NAME if kind == "scalable-target" else name
        if not any(word in line and (name in line or f"{NAME}-*" in line) for line in lines):
            return f"{arn} is left and not named"
    return ""


def examine(lane: Lane, verb: str, kind: Kind, after: bool, wanted: dict[str, str]) -> list[str]:
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


def is_mutating(operation: str) -> bool:
    return not operation.startswith(("Describe", "List", "Get", "Batch", "Filter", "Invoke", "Head"))


def wanted_after(lane: Lane, verb: str) -> dict[str, str]:
    if verb == "clean":
        return {}
    lane.start_over(verb)
    assert lane.run(verb).code == 0
    states = lane.states()
    assert len(states) == 6 and all(state in ("InService", "exists") for state in states.values())
    return states


CASES = [(kind, False) for kind in KINDS] + [("reset", True), ("hang", True)]


@pytest.mark.parametrize(("kind", "after"), CASES, ids=[f"{k}-after" if a else k for k, a in CASES])
@pytest.mark.parametrize("verb", ARGUMENTS)
def test_each_call_may_fail(lane: Lane, verb: str, kind: Kind, after: bool) -> None:
    problems = examine(lane, verb, kind, after, wanted_after(lane, verb))
    assert not problems, "\n\n".join(problems)


@pytest.mark.parametrize("verb", ARGUMENTS)
def test_a_throttled_call_is_tried_again(lane: Lane, verb: str) -> None:
    wanted = wanted_after(lane, verb)
    places = lane.places(verb)
    lane.start_over(verb)
    faults = [lane.aws.fault("throttle", s, operation, nth=number) for s, operation, number in places[::3]]
    done = lane.run(verb, MCC_DO_CALL_ATTEMPTS="5")
    assert done.code == 0 and lane.states() == wanted, done.err
    assert sum(fault.struck for fault in faults) > 5


@pytest.mark.parametrize("following", ARGUMENTS)
@pytest.mark.parametrize("verb", ARGUMENTS)
def test_it_may_be_killed_after_each_line_of_the_journal(lane: Lane, verb: str, following: str) -> None:
    wanted = wanted_after(lane, following)
    lane.start_over(verb)
    assert lane.run(verb).code == 0
    lines = len(lane.project.journal())
    assert lines >= 10
    for line in range(1, lines + 1):
        lane.start_over(verb)
        assert lane.run(verb, kill_after=line).code == -9
        assert len(lane.project.journal()) == line
        done = lane.run(following)
        assert done.code == 0 and lane.states() == wanted, f"killed after line {line}: {done.err}"
