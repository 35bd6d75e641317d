# Part of the library: `copier update` replaces this file.
"""The rows in examples.json, to compare a compiled model on. Any rows will do, of whichever model."""

import json
from pathlib import Path
from typing import Any

from runtime import examples
from runtime.codec import RequestError
from runtime.tables import Named
from runtime.tables import Table as Reader

MAX_ROWS = 1_000


def read(directory: Path, reader: Reader | None) -> list[Named]:
    """Return the rows of the examples that a reader accepts, by column. The examples are checked later."""
    if reader is None or not (path := directory / examples.FILE).exists():
        return []
    try:
        found = examples.bodies(json.loads(path.read_text("utf-8")), directory)
    except (OSError, ValueError, RecursionError):
        return []
    every: list[Named] = []
    for body, content_type in found:
        try:
            rows: Any = reader.named(reader.decode(body, content_type))
        except RequestError:
            continue
        if sum(each.rows for each in every) + rows.rows <= MAX_ROWS:
            every.append(rows)
    return every
