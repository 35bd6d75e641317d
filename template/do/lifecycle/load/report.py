# Part of the library: `copier update` replaces this file.
"""The figures of a load test as a table and as a picture."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from lifecycle.load.measured import Level

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 300, 60, 250, 50
RATE, SLOW, TYPICAL = "#3b6fb6", "#d98b2b", "#3d9a5f"


def table(levels: Sequence[Level], usd_per_hour: float) -> str:
    """Return the figures in lines of at most 80 columns. Times are p50/p90/p99 in milliseconds."""
    tokens = levels[0].tokens_s is not None
    heads = ["clients", "requests/s", *(["tokens/s", "first token"] if tokens else [])]
    heads += ["between tokens" if tokens else "latency", "errors", *(["$/M"] if usd_per_hour else [])]
    rows = [heads, *(_cells(level, usd_per_hour) for level in levels)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    unit = "tokens" if tokens else "requests"
    notes = ["times: p50/p90/p99 in ms"]
    notes += [f"$/M: US dollars per million {unit} at ${usd_per_hour:.2f}/h"] if usd_per_hour else []
    return "\n".join([*lines, "; ".join(notes)])


def _cells(level: Level, usd_per_hour: float) -> list[str]:
    cost = level.usd_per_million(usd_per_hour)
    cells = [str(level.concurrency), _number(level.requests_s)]
    if level.tokens_s is not None:
        cells += [_number(level.tokens_s), str(level.first_token or "")]
        cells.append(str(level.between_tokens or ""))
    else:
        cells.append(str(level.latency))
    return [*cells, str(level.errors), *([f"{cost:.3g}" if cost is not None else ""] if usd_per_hour else [])]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def svg(levels: Sequence[Level], title: str) -> str:
    """Return a picture: the rate and the latency, which have a scale each, by the number of clients."""
    unit = "requests/s" if levels[0].tokens_s is None else "tokens/s"
    series = (
        (RATE, unit, [level.rate for level in levels]),
        (TYPICAL, "latency p50 ms", [level.latency.p50 for level in levels]),
        (SLOW, "latency p99 ms", [level.latency.p99 for level in levels]),
    )
    most, slowest = max(series[0][2]), max(series[2][2])
    columns = [LEFT + (WIDTH - 2 * LEFT) * index / max(1, len(levels) - 1) for index in range(len(levels))]
    shapes = []
    for number, (color, name, values) in enumerate(series):
        scale = (BOTTOM - TOP) / (most if number == 0 else slowest)
        points = [(x, BOTTOM - value * scale) for x, value in zip(columns, values, strict=True)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        shapes.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>')
        for (x, y), value in zip(points, values, strict=True):
            shown = f"<title>{name} {_number(value)}</title>"
            shapes.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{color}">{shown}</circle>')
        place = LEFT + 180 * number
        shapes.append(f'<rect x="{place}" y="280" width="12" height="12" fill="{color}"/>')
        top = f" (top {_number(max(values))})"
        shapes.append(f'<text x="{place + 16}" y="290" font-size="11">{name}{top}</text>')
    for x, level in zip(columns, levels, strict=True):
        shapes.append(
            f'<text x="{x:.1f}" y="268" font-size="11" text-anchor="middle">{level.concurrency}</text>'
        )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
            ' font-family="sans-serif" font-size="13">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
            f'<text x="20" y="28" font-weight="bold">{escape(title)}</text>',
            f'<line x1="{LEFT}" y1="{BOTTOM}" x2="{WIDTH - LEFT}" y2="{BOTTOM}" stroke="#c3c7cc"/>',
            *shapes,
            "</svg>",
            "",
        ]
    )
