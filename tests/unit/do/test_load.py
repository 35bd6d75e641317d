"""The results of the load generators, as do/benchmark reads them, and the figures made of them."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree

import pytest
from lifecycle.language_model import load, prompts
from lifecycle.load import fixed, report
from lifecycle.load.measured import Level, Percentiles, percentiles
from lifecycle.project import Failure
from lifecycle.sagemaker import remote

TIMES = Percentiles(20.0, 30.0, 46.5)
LEVEL = Level(
    4, 20, 4.89, Percentiles(709.4, 757.7, 758.7), 1, ("HTTP 429: busy (1 times)",), 156.3, 8.0, TIMES, TIMES
)


def metric(middle: float) -> dict[str, float]:
    return {"avg": middle, "p50": middle, "p90": 2 * middle, "p99": 3 * middle}


def result(**changes: Any) -> dict[str, Any]:
    """Return the keys that are read of a result of AIPerf 0.13."""
    found = {"request_count": {"unit": "requests", "avg": 20.0}, "request_throughput": {"avg": 4.89}}
    found |= {"output_token_throughput": {"avg": 156.3}, "request_latency": metric(700)}
    found |= {"time_to_first_token": metric(30), "inter_token_latency": metric(22)}
    error = {"code": 429, "type": "Too Many Requests", "message": "busy\n  later"}
    return {**found, "error_summary": [{"error_details": error, "count": 3}], **changes}


def test_a_result_of_aiperf_is_read(tmp_path: Path) -> None:
    (tmp_path / load.RESULT).write_text(json.dumps(result()))
    level = load.read(tmp_path, 4)
    assert (level.concurrency, level.requests, level.rate, level.errors) == (4, 20, 156.3, 3)
    assert level.first_token == Percentiles(30, 60, 90) and level.between_tokens == Percentiles(22, 44, 66)
    assert level.problems == ("HTTP 429: busy later (3 times)",)


@pytest.mark.parametrize("text", ["", "{", json.dumps({"request_count": {"avg": 1}})])
def test_a_result_that_cannot_be_read_is_a_failure(tmp_path: Path, text: str) -> None:
    (tmp_path / "output.log").write_text("Traceback\n\nOutOfMemory\n")
    if text:
        (tmp_path / load.RESULT).write_text(text)
    with pytest.raises(Failure) as caught:
        load.read(tmp_path, 4)
    assert caught.value.finding.id == "generator-failed" and "OutOfMemory" in caught.value.finding.seen


@pytest.mark.parametrize(
    ("codes", "name", "words"),
    [
        ((403, 403), "no-response", "a new run has a new token"),
        ((500, 500), "no-response", "do/test"),
        ((500, None), "generator-failed", "output.log"),
        ((), "generator-failed", "output.log"),
    ],
)
def test_a_run_without_a_response_is_explained(
    tmp_path: Path, codes: tuple[int | None, ...], name: str, words: str
) -> None:
    (tmp_path / "output.log").write_text("aborted")
    errors = [{"error": {"code": code, "message": "refused"} if code else None} for code in codes]
    (tmp_path / load.RECORDS).write_text("\n".join(json.dumps(error) for error in errors))
    failure = load._no_response(tmp_path, 2, 1)
    assert failure.finding.id == name and words in failure.finding.next
    assert name != "no-response" or failure.finding.seen == f"HTTP {codes[0]}: refused"


def test_a_result_of_locust_is_read(tmp_path: Path) -> None:
    found = {"seconds": 2.0, "times_ms": [1.0, 3.0, 2.0, 4.0], "problems": {"HTTP 500: x": 2}}
    (tmp_path / "result.json").write_text(json.dumps(found))
    level = fixed.read(tmp_path, 2)
    assert (level.requests_s, level.errors, level.latency) == (2.0, 2, Percentiles(2.0, 4.0, 4.0))
    (tmp_path / "result.json").write_text(json.dumps({**found, "times_ms": []}))
    with pytest.raises(Failure, match="no request succeeded") as caught:
        fixed.read(tmp_path, 2)
    assert caught.value.finding.seen == "HTTP 500: x (2 times)"


def test_percentiles_are_of_the_nearest_rank() -> None:
    assert percentiles([float(number) for number in range(1, 101)]) == Percentiles(50, 90, 99)
    assert percentiles([7.0]) == Percentiles(7, 7, 7)


def test_the_cost_is_that_of_the_time_for_a_million() -> None:
    assert LEVEL.usd_per_million(3.6) == pytest.approx(0.001 / 156.3 * 1e6)
    assert LEVEL.usd_per_million(0) is None


def test_the_table_fits_and_the_picture_is_xml() -> None:
    text = report.table([LEVEL, Level(16, 160, 12345.6, TIMES, tokens_s=98765.4, first_token=TIMES)], 12.5)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "20/30/46.5" in text and "12,346" in text and "$12.50/h" in text
    plain = report.table([Level(1, 5, 2.0, TIMES)], 0)
    assert "tokens" not in plain and "$" not in plain and "latency" in plain
    for levels in ([LEVEL], [LEVEL, LEVEL]):
        picture = ElementTree.fromstring(report.svg(levels, "a <b> & c"))
        assert picture[0].text == "a <b> & c"


def test_prompts_differ_and_have_their_length() -> None:
    texts = prompts.texts(20, 64, 4)
    assert len(set(texts)) == 20 and {len(text.split()) for text in texts} == {64}
    assert texts == prompts.texts(20, 64, 4) != prompts.texts(20, 64, 5)


class Clients:
    """The part of the AWS access that an address takes."""

    region = "us-east-1"

    def endpoint_url(self, service: str) -> str:
        return f"https://{service}.example"


@pytest.mark.parametrize(("kind", "names"), [("component", {"house"}), ("serverless", set())])
def test_only_an_endpoint_with_components_is_told_the_name_of_one(kind: str, names: set[str]) -> None:
    settings = cast(Any, SimpleNamespace(project_name="house", target_kind=kind))
    access = remote.Endpoint(settings, cast(Any, Clients())).access()
    assert set(access.headers.values()) == names
    assert access.path == "/endpoints/house/invocations" and access.region == "us-east-1"
