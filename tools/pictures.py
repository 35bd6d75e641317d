"""`make pictures`: the drawings of README.md and docs/ that are made from facts of the catalog.

The memory bar is that of `make size MODEL=Qwen/Qwen3-8B`; the architecture is drawn here.
"""

import sys
from dataclasses import dataclass

from extensions.mcc.face import size
from extensions.mcc.models import lookup
from extensions.mcc.sizing import sizing_view
from tools.projects import REPOSITORY

FOLDER = REPOSITORY / "docs" / "pictures"
MODEL = "Qwen/Qwen3-8B"


def main() -> int:
    """Write the pictures."""
    for name, text in pictures().items():
        (FOLDER / name).write_text(text, "utf-8")
        print(f"docs/pictures/{name}")
    return 0


def pictures() -> dict[str, str]:
    """Return the pictures by the names of their files."""
    sized = size.of_model(lookup.model(MODEL, offline=True))
    assert sized.best is not None
    return {"memory.svg": sizing_view.svg(sized, sized.best), "architecture.svg": architecture()}


@dataclass(frozen=True)
class Box:
    """A box of the drawing: its place, and up to three lines of text, the first one bold."""

    x: int
    y: int
    width: int
    lines: tuple[str, ...]
    fill: str


BLUE, GREEN, ORANGE = "#e3ecf8", "#e2f2e7", "#faeedd"
HEIGHT = 76
BOXES = (
    Box(10, 40, 170, ("Your answers", "model, server, target", "copier copy"), BLUE),
    Box(230, 40, 170, ("The template", "catalog: prices, GPUs,", "versions, memory"), BLUE),
    Box(450, 40, 180, ("Your project", "Dockerfile, handler, tests", "IAM policies, commands"), GREEN),
    Box(10, 172, 170, ("Your machine", "do/run --local", "do/test --contract"), ORANGE),
    Box(230, 172, 170, ("Amazon ECR", "do/build, do/push", "or do/submit"), ORANGE),
    Box(450, 172, 180, ("SageMaker, HyperPod", "do/plan, do/deploy", "do/status, do/clean"), ORANGE),
)
ARROWS = ("M180 78H226", "M400 78H446", "M540 116V144H95V168", "M315 144V168", "M540 144V168", "M400 210H446")


def architecture() -> str:
    """Return the drawing of the way from answers to an endpoint."""
    shapes = [text for box in BOXES for text in _box(box)]
    arrows = [f'<path d="{path}" marker-end="url(#head)"/>' for path in ARROWS]
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 262" role="img"'
            ' font-family="sans-serif" font-size="13">',
            "<title>From answers to an endpoint</title>",
            '<defs><marker id="head" markerWidth="8" markerHeight="8" refX="6" refY="3" orient="auto">'
            '<path d="M0 0L6 3L0 6z" fill="#555"/></marker></defs>',
            '<rect width="640" height="262" fill="#ffffff"/>',
            '<text x="10" y="26" fill="#555">You answer a few questions</text>',
            '<text x="450" y="26" fill="#555">and own the result</text>',
            *shapes,
            '<g fill="none" stroke="#555" stroke-width="1.5">',
            *arrows,
            "</g>",
            "</svg>",
            "",
        ]
    )


def _weight(number: int) -> str:
    return "" if number else ' font-weight="bold"'


def _box(box: Box) -> list[str]:
    middle = box.x + box.width // 2
    lines = [
        f'<text x="{middle}" y="{box.y + 24 + 19 * number}" text-anchor="middle"'
        f"{_weight(number)}>{line}</text>"
        for number, line in enumerate(box.lines)
    ]
    frame = f'<rect x="{box.x}" y="{box.y}" width="{box.width}" height="{HEIGHT}" rx="8" fill="{box.fill}"'
    return [f'{frame} stroke="#8a8f98"/>', *lines]


if __name__ == "__main__":
    sys.exit(main())
