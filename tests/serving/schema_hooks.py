"""Schemathesis loads this module (SCHEMATHESIS_HOOKS): the bodies of text formats, of generated rows."""

import csv
import io
import json
from typing import Any

import schemathesis


@schemathesis.serializer("application/jsonlines")
def json_lines(_context: Any, rows: Any) -> bytes:
    """Return a row per line."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


@schemathesis.serializer("text/csv")
def csv_rows(_context: Any, rows: Any) -> bytes:
    """Return a row per line, with a header if the rows are objects; null is an empty cell."""
    lines = rows
    if isinstance(rows[0], dict):
        header = [name for name in rows[0] if all(name in row for row in rows)]
        lines = [header, *([row[name] for name in header] for row in rows)]
    text = io.StringIO()
    csv.writer(text).writerows(lines)  # its own line ends: with others, it does not quote "\r"
    return text.getvalue().encode()
