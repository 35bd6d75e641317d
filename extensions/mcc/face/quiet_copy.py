"""A copy without a line for each file.

Copier prints one line per file of a project, about 90 of them, and the summary scrolls off the screen.
"""

import sys
from collections.abc import Sequence
from functools import wraps
from typing import Any

HIDDEN = ("create", "identical")
PRETEND = ("-n", "--pretend")
MARK = "hides_files"


def hide_files(copier_main: Any, arguments: Sequence[str] = sys.argv) -> None:
    """Drop Copier's lines about files that cause no question. Conflicts and overwritten files stay.

    A copy with --pretend keeps all lines: they are its result. `printf` is private to Copier, so a version
    without it keeps them too. The mark prevents a second wrapper: an update loads this package twice.
    """
    printf = getattr(copier_main, "printf", None)
    if not callable(printf) or hasattr(printf, MARK) or any(flag in arguments for flag in PRETEND):
        return

    @wraps(printf)
    def without_files(action: str, *more: Any, **named: Any) -> Any:
        return None if action in HIDDEN else printf(action, *more, **named)

    setattr(without_files, MARK, True)
    copier_main.printf = without_files
