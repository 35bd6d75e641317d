"""The page on performance shows what the benchmark measured."""

import json
import re

from tests.bench import report
from tests.bench.peers import RECORDS

EACH = {"rate": 100.0, "p99": 80.0, "processor": 5.0}
MINE = {"rate": 1500.0, "p99": 8.0, "processor": 0.25}
FOUND = {
    "date": "2026-01-02",
    "load": 1.5,
    "models": {"lr": {f"1 row, {RECORDS}": {"plain": EACH, "http-fastapi": MINE, "mlflow": EACH}}},
}


def test_the_page_and_the_picture_are_those_of_the_results() -> None:
    found = json.loads(report.RESULTS.read_text())
    page = report.PAGE.read_text("utf-8")
    assert report.MARKED.sub(lambda _: report.table(found), page) == page
    assert report.PICTURE.read_text("utf-8") == report.picture(found)


def test_cells_are_ratios_to_the_plain_stack() -> None:
    _, _, row = report.table(FOUND).splitlines()
    cells = [cell.strip() for cell in row.split("|")[2:-1]]
    assert cells == ["100, 5.0 ms, 80 ms", "", "15, 20, 0.10", "1.0, 1.0, 1.00", "", "", ""]


def test_bars_are_as_long_as_the_ratios_of_cpu_time() -> None:
    widths = [float(width) for width in re.findall(r'width="([\d.]+)" height="12"', report.picture(FOUND))]
    assert len(widths) == 2 and widths[0] == 20 * widths[1]
