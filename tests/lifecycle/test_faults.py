"""After a fault in any call, a second run reaches the same state, or the remaining resources are reported.

The tests combine every call of do/deploy and do/clean with every kind of fault, and kill the commands after
every line of the journal. test_faults_of_models.py has the other deployment targets.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.aws.calls import Kind
from tests.fakes.aws.server import FakeAws
from tests.lifecycle.commands import NAME, Project
from tests.lifecycle.conftest import copied
from tests.lifecycle.fault_lane import CASES, IDS, Lane, examine
from tests.lifecycle.forks import Forks

pytestmark = pytest.mark.xdist_group("faults")  # one process deploys and counts the calls
ARGUMENTS: dict[str, list[str]] = {"deploy": [], "clean": ["--yes"]}
# A scaled endpoint, to include all kinds of resources.
SETTINGS = {"MCC_DO_SCALE_TO_ZERO": "true", "MCC_DO_MAX_COPIES": "2", "MCC_DO_POLL_SECONDS": "0.02"}
SETTINGS["MCC_DO_ALARM_ERRORS_PERCENT"] = "1"


@pytest.fixture(scope="module")
def lane(rendered: Path, aws_server: FakeAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    aws_server.reset()
    project = Project(copied(rendered, tmp_path_factory.mktemp("faults") / NAME), aws_server)
    forks = Forks(rendered / ".venv" / "bin" / "python", project.path)
    lane = Lane(project, forks, SETTINGS, ARGUMENTS)
    lane.deploy()
    yield lane
    lane.close()
    aws_server.reset()


def wanted_after(lane: Lane, verb: str) -> dict[str, str]:
    if verb == "clean":
        return {}
    states = lane.wanted_after(verb)
    assert len(states) == 6 and all(state in ("InService", "exists") for state in states.values())
    return states


@pytest.mark.parametrize(("kind", "after"), CASES, ids=IDS)
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
