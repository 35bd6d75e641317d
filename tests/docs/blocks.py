"""The command blocks of README.md and docs/, and the comment about its test right before each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import REPOSITORY

BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*?) -->\n)?^```(?:bash|sh|console)\n(?P<text>.*?)^```$", re.S | re.M
)


@dataclass(frozen=True)
class Block:
    """A command block: where it starts, its text, and the comment before it, which may be empty."""

    page: str
    line: int
    text: str
    mark: str

    @property
    def is_run(self) -> bool:
        """Whether tests/docs/test_commands.py runs it: blocks without a comment are."""
        return not self.mark

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def of_text(page: str, text: str) -> Iterator[Block]:
    """Yield the command blocks of a page."""
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("text"))
        yield Block(page, line, found["text"], found["mark"] or "")


def all_blocks() -> list[Block]:
    """Return the command blocks of README.md and docs/."""
    pages = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
    return [block for path in pages for block in of_text(_name(path), path.read_text("utf-8"))]


def _name(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()
