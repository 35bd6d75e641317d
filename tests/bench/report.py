"""The table and the picture of docs/explanation/performance.md, made of results/pipelines.json."""

import json
import re
from typing import Any

from tests.bench.peers import PEERS, RECORDS
from tests.bench.servers import HERE, REPOSITORY

RESULTS = HERE / "results" / "pipelines.json"
PAGE = REPOSITORY / "docs" / "explanation" / "performance.md"
PICTURE = REPOSITORY / "docs" / "pictures" / "pipelines.svg"
MARKED = re.compile(r"(?<=<!-- pipelines -->\n).*?(?=<!-- /pipelines -->)", re.DOTALL)
TITLES = {"lr": "logistic regression", "hgb": "histogram gradient boosting", "rf": "random forest"}
OTHERS = PEERS[1:]
COLORS = {"http-fastapi": "#2f6db3", "http-flask": "#7aa7d9", "asgi": "#8fc3a0"}
WIDTH, LEFT, BAR, STEP = 640, 132, 12, 16


def main() -> None:
    """Write the table and the picture."""
    found = json.loads(RESULTS.read_text())
    PAGE.write_text(MARKED.sub(lambda _: table(found), PAGE.read_text("utf-8")), "utf-8")
    PICTURE.write_text(picture(found), "utf-8")


def table(found: dict[str, Any]) -> str:
    """Return a table of the figures of the plain stack, and the ratios of each other server to them."""
    titles = [peer.title for peer in OTHERS]
    lines = [
        f"| {found['date']}, load average {found['load']} | plain | {' | '.join(titles)} |",
        "| --- | --- |" + " --- |" * len(titles),
    ]
    for model, requests in found["models"].items():
        for request, figures in requests.items():
            plain = figures["plain"]
            cells = [f"{plain['rate']:.0f}, {plain['processor']:.1f} ms, {plain['p99']:.0f} ms"]
            cells += [_cell(figures.get(peer.name), plain) for peer in OTHERS]
            lines.append(f"| {TITLES[model]}, {request} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(mine: dict[str, float] | None, plain: dict[str, float]) -> str:
    if mine is None:
        return ""
    rate, processor = mine["rate"] / plain["rate"], plain["processor"] / mine["processor"]
    return f"{_short(rate)}, {_short(processor)}, {mine['p99'] / plain['p99']:.2f}"


def _short(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}"


def picture(found: dict[str, Any]) -> str:
    """Return bars of the requests for each second of processor time, as multiples of the plain stack."""
    shapes: list[str] = []
    top = 44
    for model, requests in found["models"].items():
        for request, figures in requests.items():
            if not request.endswith(RECORDS):
                continue
            title = f"{TITLES[model]}, {request.removesuffix(f', {RECORDS}')}"
            shapes.append(f'<text x="10" y="{top}" font-weight="bold">{title}</text>')
            top += 8
            for peer in OTHERS:
                shapes += _bar(peer.name, peer.title, figures, top)
                top += STEP
            top += 26
    heading = "Requests per second of CPU time, as multiples of plain Flask + pandas (JSON records)"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top - 10}" role="img"'
            ' font-family="sans-serif" font-size="12">',
            "<title>Pipelines over tables: requests per second</title>",
            f'<rect width="{WIDTH}" height="{top - 10}" fill="#ffffff"/>',
            f'<text x="10" y="20" fill="#555">{heading}</text>',
            *shapes,
            "</svg>",
            "",
        ]
    )


def _bar(name: str, title: str, figures: dict[str, Any], top: int) -> list[str]:
    plain = figures["plain"]["processor"]
    ratios = {server: plain / each["processor"] for server, each in figures.items()}
    if name not in ratios:
        return []
    width = (WIDTH - LEFT - 60) * ratios[name] / max(ratios.values())
    fill = COLORS.get(name, "#c9ccd1")
    return [
        f'<text x="{LEFT - 6}" y="{top + BAR - 2}" text-anchor="end" fill="#333">{title}</text>',
        f'<rect x="{LEFT}" y="{top}" width="{width:.1f}" height="{BAR}" fill="{fill}"/>',
        f'<text x="{LEFT + width + 6:.1f}" y="{top + BAR - 2}">{_short(ratios[name])}</text>',
    ]


if __name__ == "__main__":
    main()
