"""Batch transform: one record in the output for each in the input, in order, however a file is split."""

import json
import urllib.error

import pytest

from tests.conftest import Render
from tests.fakes.batch import MEGABYTE, TransformJob
from tests.serving.test_hangs import Serving, both_servers, prepared, serving

ROW = [0.0, 0.455, 0.365, 0.095, 0.514, 0.2245, 0.101, 0.15]
ROWS = [[float(number % 3), 0.4 + number / 5000, *ROW[2:]] for number in range(400)]


def as_csv(rows: list[list[float]], end: str = "\n") -> bytes:
    return "".join(",".join(map(str, row)) + end for row in rows).encode()


def as_lines(rows: list[list[float]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def records(output: bytes) -> list[str]:
    """Return the records of an output file, without the empty lines between the answers."""
    return [line for line in output.decode().splitlines() if line]


def same(found: list[str], wanted: list[float], name: str) -> None:
    """Assert that records are predictions. The last digit depends on how many rows a request has."""
    assert [*map(float, found)] == pytest.approx(wanted, rel=1e-12), name


def predicted(running: Serving, rows: list[list[float]]) -> list[float]:
    """Return the predictions of one request."""
    answer = TransformJob(accept="application/json", payload_mb=25).run(running.port, as_csv(rows))
    found: list[float] = json.loads(answer)["predictions"]
    return found


@both_servers
def test_every_record_has_its_prediction_in_order(render: Render, server: str) -> None:
    with prepared(render, server, hooks="") as (project, python), serving(project, python) as running:
        wanted = predicted(running, ROWS)
        assert len(set(wanted)) > 10, "the order must show"
        lines = "application/jsonlines"
        for name, as_job, data in (
            ("CSV", TransformJob(), as_csv(ROWS)),
            ("CRLF, no last line end", TransformJob(), as_csv(ROWS, "\r\n").removesuffix(b"\r\n")),
            ("one record per request", TransformJob(strategy="SingleRecord"), as_csv(ROWS)),
            ("JSON Lines", TransformJob(lines, lines), as_lines(ROWS)),
            ("JSON Lines to CSV", TransformJob(lines), as_lines(ROWS)),
        ):
            same(records(as_job.run(running.port, data)), wanted, name)
        job, data = TransformJob(payload_mb=1), as_csv(ROWS * 60)
        assert len([*job.payloads(data)]) == 2
        same(records(job.run(running.port, data)), wanted * 60, "two requests")
        refuses_what_does_not_fit(running)


def refuses_what_does_not_fit(running: Serving) -> None:
    """A payload over the limit of the server, or a record of another length, ends the job."""
    rows = as_csv([[0.0] * 5000]) * 1400
    assert len(rows) > 26 * MEGABYTE
    with pytest.raises(urllib.error.HTTPError) as caught:
        TransformJob(payload_mb=30).run(running.port, rows)
    assert caught.value.code == 413
    with pytest.raises(urllib.error.HTTPError) as caught:
        TransformJob().run(running.port, as_csv(ROWS) + b"1,2\n")
    assert caught.value.code == 400 and "row 401" in json.load(caught.value)["message"]
