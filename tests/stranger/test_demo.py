"""`make demo`: the first thing that a stranger runs."""

import re
from pathlib import Path

import pytest

from tests import demo
from tests.conftest import REPOSITORY
from tests.servers import free_port

DATA = REPOSITORY / "template" / "sample_model" / "abalone.csv.gz"


def test_the_report_labels_predictions_and_measures_their_error() -> None:
    _, unseen = demo.abalones(DATA)
    report = demo.report(DATA, lambda rows: [row[-1] + 2.0 for row in unseen][: len(rows)])
    assert f"mean absolute error of {len(unseen)} abalones): 2.00 rings" in report
    assert re.search(r"predicted +measured\n +17.0 +15\n", report)
    assert "Rings of abalones" in report


@pytest.mark.slow
@pytest.mark.xdist_group("stranger")
def test_the_demo_ends_with_labeled_predictions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "PROJECT", tmp_path / "abalone-age")
    monkeypatch.setattr(demo, "PORT", free_port())
    assert demo.main() == 0
    shown = capfd.readouterr().out
    error = re.search(r"Typical error .*: ([0-9.]+) rings", shown)
    guess = re.search(r"median .*: ([0-9.]+) rings", shown)
    assert error and guess and float(error[1]) < 0.75 * float(guess[1])
    assert "Next steps:" in shown and "docs/tutorials/first-prediction.md" in shown
