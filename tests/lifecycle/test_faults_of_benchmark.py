"""After a fault in a call that do/benchmark makes before it measures, it names the fault and leaves nothing.

The calls find the deployment and send it one request; the price is a setting, and the token is made here. A
program that does not measure takes the place of the load generator, which test_benchmark.py runs.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.aws.calls import Kind
from tests.fakes.aws.server import FakeAws
from tests.lifecycle.commands import NAME, Project
from tests.lifecycle.conftest import copied, render, write_examples
from tests.lifecycle.fault_lane import KINDS, Lane, failure_id, is_mutating
from tests.lifecycle.forks import Forks
from tests.load_generators import install

pytestmark = pytest.mark.xdist_group("faults-benchmark")
SETTINGS = {"MCC_DO_POLL_SECONDS": "0.02"}
# The exit code and the id of the failure for each fault.
ENDS: dict[Kind, tuple[int, str]] = {
    "throttle": (4, "throttled"),
    "deny": (4, "access-denied"),
    "expire": (3, "expired-credentials"),
    "no capacity": (3, "quota-exceeded"),
    "reset": (4, "aws-unreachable"),
    "hang": (4, "aws-unreachable"),
}
# These requests have a bearer token, and no client of AWS.
OTHER_ENDS_OF_CHATS: dict[Kind, tuple[int, str]] = {
    "deny": (4, "token-refused"),
    "reset": (3, "no-server"),
    "hang": (3, "no-server"),
}
METRIC = {"avg": 1.0, "p50": 1.0, "p90": 1.0, "p99": 1.0}
FIGURES: dict[str, dict[str, object]] = {
    "locust": {"seconds": 1.0, "times_ms": [1.0], "problems": {}},
    "aiperf": {
        "request_count": METRIC,
        "request_throughput": METRIC,
        "output_token_throughput": METRIC,
        "request_latency": METRIC,
        "time_to_first_token": METRIC,
    },
}
# The file of the result: in a variable for Locust, next to the configuration for AIPerf.
GENERATOR = """#!/bin/sh
cp "{figures}" "${{BENCHMARK_RESULT:-$(dirname "$5")/profile_export_aiperf.json}}"
"""


@dataclass(frozen=True)
class Kept:
    """A deployed project: its lane, and the calls that do/benchmark makes in order."""

    lane: Lane
    calls: list[str]


TARGETS: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    "component": ({}, "locust", ["DescribeInferenceComponent", "InvokeEndpoint"]),
    "serverless": (
        {"deployment_target": "serverless-inference"},
        "locust",
        ["DescribeEndpoint", "InvokeEndpoint"],
    ),
    "chat": (
        {"deployment_config": "transformers-vllm", "offline": True},
        "aiperf",
        ["DescribeInferenceComponent", "ChatCompletions", "ChatCompletions"],  # one of them calls a tool
    ),
}


@pytest.fixture(scope="module", params=TARGETS)
def kept(
    request: pytest.FixtureRequest,
    template: Path,
    rendered: Path,
    aws_server: FakeAws,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Kept]:
    answers, generator, calls = TARGETS[request.param]
    aws_server.reset()
    path = tmp_path_factory.mktemp("benchmarks") / NAME
    if answers:
        render(template, path, **answers)
        (path / ".venv").symlink_to(rendered / ".venv")
        if generator == "locust":
            write_examples(path)
    else:
        copied(rendered, path)
    lane = Lane(
        Project(path, aws_server),
        Forks(rendered / ".venv" / "bin" / "python", path),
        SETTINGS,
        {"deploy": [], "benchmark": ["--remote", "--concurrency", "1"]},
    )
    lane.deploy()
    install(path)
    figures = path / "figures.json"
    figures.write_text(json.dumps(FIGURES[generator]))
    (path / ".venv-benchmark" / "bin" / "python").write_text(GENERATOR.format(figures=figures))
    yield Kept(lane, calls)
    lane.close()
    aws_server.reset()


@pytest.mark.parametrize("kind", KINDS)
def test_each_call_before_the_load_may_fail(kept: Kept, kind: Kind) -> None:
    lane, figures = kept.lane, kept.lane.project.path / "benchmark.json"
    wanted, places = lane.wanted_after("benchmark"), lane.places("benchmark")
    assert [operation for _, operation, _ in places] == kept.calls
    assert not any(is_mutating(operation) for operation in kept.calls if operation != "ChatCompletions")
    for service, operation, number in places:
        figures.unlink(missing_ok=True)
        lane.start_over("benchmark")
        # A call is tried twice.
        fault = lane.aws.fault(kind, service, operation, nth=number, times=2)
        done = lane.run("benchmark", 0, MCC_DO_INVOKE_SECONDS="1" if kind == "hang" else "20")
        expected = (ENDS | OTHER_ENDS_OF_CHATS if operation == "ChatCompletions" else ENDS)[kind]
        assert (done.code, failure_id(done)) == expected, f"{operation}: {done.err}"
        assert fault.struck and "Traceback" not in done.err and "  next: " in done.err
        assert not figures.exists() and not lane.aws.mutations and lane.states() == wanted
        lane.aws.forget_calls()
        again = lane.run("benchmark")
        assert again.code == 0 and figures.exists() and lane.states() == wanted, again.err


def test_one_fault_of_a_call_that_is_tried_again_is_survived(kept: Kept) -> None:
    lane = kept.lane
    operations = dict.fromkeys((service, name) for service, name, _ in lane.places("benchmark"))
    lane.start_over("benchmark")
    faults = [lane.aws.fault("throttle", service, name) for service, name in operations]
    assert lane.run("benchmark").code == (4 if "ChatCompletions" in kept.calls else 0)
    assert all(fault.struck for fault in faults)


def test_without_credentials_nothing_is_called(kept: Kept) -> None:
    lane = kept.lane
    lane.start_over("benchmark")
    done = lane.run("benchmark", 0, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert (done.code, failure_id(done)) == (3, "no-credentials"), done.err
    assert not lane.aws.calls


def test_a_project_without_an_endpoint_calls_nothing(batch: Project) -> None:
    batch.aws.forget_calls()
    done = batch.do("benchmark", "--remote")
    assert (done.code, failure_id(done)) == (2, "no-endpoint") and not batch.aws.calls, done.err
