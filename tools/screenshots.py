"""`make screenshots`: the interview in a real terminal, and the site in a real browser, for docs/pictures.

Not part of `make docs`: they need Chromium and pyte (a terminal that keeps its screen).
"""

import html
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pexpect
import pyte

REPOSITORY = Path(__file__).resolve().parents[1]
PICTURES = REPOSITORY / "docs" / "pictures"
SITE = REPOSITORY / ".site" / "html"
LARGEST = 100_000  # bytes
COLUMNS, ROWS = 80, 30
ENTERS = 8  # questions that are answered with their defaults
CELL_WIDTH, CELL_HEIGHT = 8.4, 18
COLORS = {
    "default": "#d6d9de",
    "black": "#17191d",
    "red": "#e06c75",
    "green": "#8bc37a",
    "brown": "#e0b25b",
    "blue": "#6ea8e5",
    "magenta": "#c58fe0",
    "cyan": "#67bcc4",
    "white": "#f2f4f7",
}
SHOTS = {  # file -> page of the site, width and height of the window
    "site-desktop.png": ("gallery/vllm.html", 1280, 720),
    "site-phone.png": ("tutorials/first-prediction.html", 390, 760),
}


def main() -> int:
    """Write the pictures; return 1 when one of them is too large or cannot be made."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        print("chromium is not on PATH. On Debian: apt-get install chromium", file=sys.stderr)
        return 1
    (PICTURES / "interview.svg").write_text(drawing(interview()), "utf-8")
    for name, (page, width, height) in SHOTS.items():
        photograph(browser, SITE / page, PICTURES / name, width, height)
    sizes = {path.name: path.stat().st_size for path in sorted(PICTURES.iterdir())}
    print(*(f"docs/pictures/{name}: {size:,} bytes" for name, size in sizes.items()), sep="\n")
    return int(any(size > LARGEST for size in sizes.values()))


def interview() -> pyte.Screen:
    """Return the screen of a terminal after the first questions of a copy."""
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.Stream(screen)
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["copy", "--trust", "--skip-tasks", "--vcs-ref", "HEAD", str(REPOSITORY), "my-model"]
        child = pexpect.spawn(
            str(REPOSITORY / ".venv" / "bin" / "copier"),
            arguments,
            cwd=folder,
            dimensions=(ROWS, COLUMNS),
            encoding="utf-8",
            env={"PATH": "/usr/bin:/bin", "TERM": "xterm-256color", "HOME": folder, "LANG": "C.UTF-8"},
        )
        for number in range(ENTERS + 1):
            _read_until_quiet(child, stream, screen)
            if number < ENTERS:
                child.send("\r")
        child.close(force=True)
    return screen


def _read_until_quiet(
    child: "pexpect.spawn[str]",
    stream: pyte.Stream,
    screen: pyte.Screen,
    first: float = 30,
    rest: float = 4,
) -> None:
    """Feed a terminal with what a program prints until it waits for a key, and answer its requests."""
    seconds = first
    while True:
        try:
            text = child.read_nonblocking(4096, seconds)
        except (pexpect.TIMEOUT, pexpect.EOF):
            return
        stream.feed(text)
        if "\x1b[6n" in text:  # where is the cursor?
            child.send(f"\x1b[{screen.cursor.y + 1};{screen.cursor.x + 1}R")
        seconds = rest


def drawing(screen: pyte.Screen) -> str:
    """Return a terminal's screen as an SVG document."""
    used = max((row for row in range(ROWS) if screen.display[row].strip()), default=0) + 1
    width, height = COLUMNS * CELL_WIDTH + 24, used * CELL_HEIGHT + 24
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img"'
            ' font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">',
            "<title>The interview in a terminal</title>",
            f'<rect width="{width:.0f}" height="{height:.0f}" rx="8" fill="{COLORS["black"]}"/>',
            *(text for row in range(used) for text in _row(screen, row)),
            "</svg>",
            "",
        ]
    )


def _row(screen: pyte.Screen, row: int) -> Iterator[str]:
    """Yield a text element for each stretch of one style."""
    cells = [screen.buffer[row][column] for column in range(COLUMNS)]
    column = 0
    for (color, bold), stretch in groupby(cells, lambda cell: (cell.fg, cell.bold)):
        styled = list(stretch)  # a wide character takes two cells, of which the second is empty
        text = "".join(cell.data for cell in styled)
        x = 12 + column * CELL_WIDTH + (len(text) - len(text.lstrip())) * CELL_WIDTH
        column += len(styled)
        if shown := text.strip():
            fill = COLORS.get(color, f"#{color}" if len(color) == 6 else COLORS["default"])
            weight = ' font-weight="bold"' if bold else ""
            yield (
                f'<text x="{x:.1f}" y="{row * CELL_HEIGHT + 26}" fill="{fill}"{weight} xml:space="preserve"'
                f' textLength="{len(shown) * CELL_WIDTH:.1f}">{html.escape(shown)}</text>'
            )


def photograph(browser: str, page: Path, picture: Path, width: int, height: int) -> None:
    """Write what a browser shows of a page. Raises CalledProcessError when it fails."""
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                browser,
                *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
                *("--hide-scrollbars", f"--user-data-dir={profile}", f"--window-size={width},{height}"),
                f"--screenshot={picture}",
                page.as_uri(),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=120,
        )


if __name__ == "__main__":
    sys.exit(main())
