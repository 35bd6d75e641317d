"""A sizing as people look at it: a table and a bar in text, and the bar as a picture."""

import textwrap
from collections.abc import Iterable
from xml.sax.saxutils import escape

from ..catalog import catalog
from ..catalog.entries.instances import Instance, Price
from . import explanation, gpu_sizer, parameters, sizing
from .advisor import Advice
from .gpu_sizer import Choice
from .sizing import Sizing

BAR = 60  # characters
COLUMNS = 80
PRICES = "on demand in us-east-1 (~ estimated); $/M: per million tokens; tokens/s: upper limit"
HEADINGS = ["type", "per hour", "GPUs", "spare/GPU", "tokens/s", "$/M"]  # dollars per million tokens
LETTERS = {"weights": "W", "activation": "A", "runtime": "R", "kv_cache": "K", "reserve": "-", "spare": "."}
NAMES = {
    "weights": "weights",
    "activation": "activation",
    "runtime": "runtime",
    "kv_cache": "KV cache",
    "reserve": "reserve",
    "spare": "spare",
}
COLOURS = {
    "weights": "#3b6fb6",
    "activation": "#d98b2b",
    "runtime": "#8a8f98",
    "kv_cache": "#3d9a5f",
    "reserve": "#c3c7cc",
    "spare": "#e8eaed",
}


def text(sized: Sizing) -> str:
    """Return the whole sizing in lines for a terminal."""
    lines = [*headline(sized), ""]
    if sized.best:
        lines += _table([HEADINGS, *(choice_row(sized, c) for c in sized.fitting[: sizing.SHOWN])])
        if failing := sized.cheaper[: sizing.SHOWN_CHEAPER]:
            lines += ["", "Cheaper types, and why they do not fit:"]
            lines += _table([c.instance.name, price(c.instance), c.reason] for c in failing)
        lines += ["", *bar(sized, sized.best), "", *why(sized, sized.best), ""]
        lines += _labeled("settings", settings(sized, sized.best))
    else:
        lines += ["No instance type can serve this. Nearest types:"]
        lines += _table([c.instance.name, price(c.instance), c.reason] for c in nearest(sized))
    lines += _labeled("confidence", confidence(sized))
    lines += _labeled("prices", PRICES)
    if advice := sized.advice():
        lines += ["", "Ways to reduce the cost:" if sized.best else "Ways to make it fit:"]
        for number, item in enumerate(advice, start=1):
            shown = f"  {number}. {advice_line(item)}"
            lines += textwrap.wrap(shown, COLUMNS, subsequent_indent=" " * 5)
    return "\n".join(lines)


def why(sized: Sizing, choice: Choice) -> list[str]:
    """Return the reasons for a type, wrapped to the columns of a terminal."""
    return [line for text in explanation.reasons(sized, choice) for line in textwrap.wrap(text, COLUMNS)]


def headline(sized: Sizing) -> list[str]:
    """Return the model, its size and its load, in three lines."""
    load, facts, constants = sized.load, sized.facts, catalog.memory()
    engine = constants.engines[load.engine]
    count = parameters.count(facts).total
    number = f"{count / 1e12:.2f} T" if count >= 1e12 else f"{count / 1e9:.3g} B"
    return [
        f"{sized.name} ({sized.source})",
        f"{number} parameters, {constants.quantizations[facts.quantization].title}, "
        f"{constants.kinds[facts.kind].title}",
        f"{load.max_concurrency:,} concurrent requests of {load.max_model_len:,} tokens, "
        f"{engine.title} {load.version or engine.default_version}",
    ]


def choice_row(sized: Sizing, choice: Choice) -> list[str]:
    """Return a type's cells under HEADINGS; the spare memory is the reason if the model does not fit."""
    best = gpu_sizer.ceiling(sized.facts, sized.load, choice)
    speed = f"{best.tokens_s:,.0f}" if best else ""
    cost = f"{best.usd_per_million:.2f}" if best and choice.instance.price else ""
    left = f"{choice.headroom_gib:.1f} GiB" if choice.fits else choice.reason
    return [choice.instance.name, _per_hour(choice.instance), gpus(choice), left, speed, cost]


def choice_table(sized: Sizing, choice: Choice) -> list[str]:
    """Return one type as a table."""
    return _table([HEADINGS, choice_row(sized, choice)])


def gpus(choice: Choice) -> str:
    """Return a type's GPUs, and how many copies of the model they hold if more than one."""
    card = choice.instance.accelerator
    assert card is not None
    shown = f"{card.count} x {card.name.removeprefix('NVIDIA ').removesuffix(' Server')}"
    return f"{shown} ({choice.replicas} copies)" if choice.replicas > 1 else shown


def price(instance: Instance) -> str:
    """Return the hourly price of a type, marked when it is an estimate."""
    if instance.price is None:
        return "price unknown"
    return f"{'about ' if instance.price.estimated else ''}{_dollars(instance.price)}/h"


def _per_hour(instance: Instance) -> str:
    """Return the hourly price of a type for a column, with ~ if it is an estimate."""
    if instance.price is None:
        return "unknown"
    return f"{'~' if instance.price.estimated else ''}{_dollars(instance.price)}"


def _dollars(price: Price) -> str:
    return f"${price.usd_h:.{2 if price.usd_h >= 1 else 3}f}"


def bar(sized: Sizing, choice: Choice) -> list[str]:
    """Return a GPU's memory as a bar of letters, with its legend."""
    filled = sizing.segments(sized, choice)
    total = sum(filled.values())
    drawn = "".join(LETTERS[part] * width for part, width in _widths(filled, BAR).items())
    legend = ", ".join(f"{LETTERS[part]} {NAMES[part]} {value:.1f}" for part, value in filled.items())
    head = f"one GPU of {choice.instance.name}, {total:.1f} GiB:"
    return [head, f"[{drawn}]", *textwrap.wrap(legend, COLUMNS)]


def settings(sized: Sizing, choice: Choice) -> str:
    """Return the engine's settings in a line, without those that are left to the engine."""
    return ", ".join(f"{name} {value}" for name, value in sized.settings(choice).items() if value)


def confidence(sized: Sizing) -> str:
    """Return how far the estimate of this kind of model can be trusted, and what is kept because of it."""
    kind = catalog.memory().kinds[sized.facts.kind].title
    shown = f"{sized.confidence} for {kind} on {catalog.memory().engines[sized.load.engine].title}"
    found = sized.best.estimate if sized.best else None
    if found is None:
        return shown
    kept = found.margin + found.cache_margin * found.load(sized.load.max_concurrency)
    return f"{shown}: {kept:.1f} GiB of each GPU stay free for the estimate's error"


def advice_line(item: Advice) -> str:
    """Return an advice with the type it leads to."""
    return f"{item.change}: {item.choice.instance.name} at {price(item.choice.instance)}"


def nearest(sized: Sizing) -> list[Choice]:
    """Return the types that lack least, when none fits."""
    lacking = [choice for choice in sized.ranked if choice.headroom_gib is not None]
    return sorted(lacking, key=lambda choice: -(choice.headroom_gib or 0.0))[: sizing.SHOWN_CHEAPER]


def svg(sized: Sizing, choice: Choice) -> str:
    """Return a GPU's memory as a picture: a stacked bar with its legend."""
    filled = sizing.segments(sized, choice)
    width, x, shapes = 640, 20.0, []
    scale = (width - 40) / sum(filled.values())
    for part, value in filled.items():
        shapes.append(
            f'<rect x="{x:.1f}" y="44" width="{value * scale:.1f}" height="36" fill="{COLOURS[part]}">'
            f"<title>{NAMES[part]} {value:.1f} GiB</title></rect>"
        )
        x += value * scale
    left = 20
    for part, value in filled.items():
        label = f"{NAMES[part]} {value:.1f}"
        shapes.append(f'<rect x="{left}" y="98" width="12" height="12" fill="{COLOURS[part]}"/>')
        shapes.append(f'<text x="{left + 16}" y="108" font-size="11">{label}</text>')
        left += 28 + 6 * len(label)
    title = f"{sized.name} on one GPU of {choice.instance.name}, GiB of {sum(filled.values()):.1f}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 128" role="img"'
            ' font-family="sans-serif" font-size="13">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{width}" height="128" fill="#ffffff"/>',
            f'<text x="20" y="28" font-weight="bold">{escape(title)}</text>',
            *shapes,
            "</svg>",
            "",
        ]
    )


def note_svg(text: str) -> str:
    """Return a line of text as a picture."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 40" role="img" font-family="sans-serif" '
        f'font-size="13">\n<title>{escape(text)}</title>\n<text x="20" y="25">{escape(text)}</text>\n</svg>\n'
    )


def _labeled(label: str, value: str) -> list[str]:
    """Return a label and its value, wrapped to the columns of a terminal."""
    return textwrap.wrap(value, COLUMNS, initial_indent=f"{label:<12}", subsequent_indent=" " * 12)


def _widths(filled: dict[str, float], width: int) -> dict[str, int]:
    """Share `width` characters among parts, so that they add up and none that is there disappears."""
    total, done, ends = sum(filled.values()), 0.0, {}
    for part, value in filled.items():
        done += value
        ends[part] = round(done / total * width)
    previous, widths = 0, {}
    for part, end in ends.items():
        end = max(end, previous + (filled[part] > 0))
        widths[part] = min(end, width) - previous
        previous = min(end, width)
    return widths


def _table(rows: Iterable[list[str]]) -> list[str]:
    """Return rows as lines with columns one under another."""
    listed = [row for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*listed, strict=True)]
    return ["  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in listed]
