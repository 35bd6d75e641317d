"""CSV without quotes is split into columns at once. The csv module, cell by cell, gives the same."""

import csv
import random
import sys
import warnings
from typing import Any

sys.path.insert(0, "serving")

from runtime import csv_rows
from runtime.codec import CSV, RequestError
from runtime.column import ANY, BOOLEAN, NUMBER, STRING, Column
from runtime.tables import Named, Table

random.seed(0)
warnings.simplefilter("ignore")  # of numpy for a text without rows
csv_rows.PIECE_BYTES = 40
csv.field_size_limit(30)
COLUMNS = [Column("a", NUMBER), Column("b", STRING), Column("c", ANY), Column("d", BOOLEAN)]
TABLES = [Table(COLUMNS, frame=False), Table(COLUMNS[:1], frame=False), Table(COLUMNS[:2], frame=False)]
NUMBERS = ("1", "2.5", "-3e2", " 7", "8 ", "+.5", "1e999", "nan", "-inf", "0x1", "1_0", "٣", "1.0.0", "")
TEXTS = ("x", "Bonn", "New York", "true", "False ", " ", "\t", "\x1c", "\0", "é", "'", "y" * 31)
CELLS = (*NUMBERS, *NUMBERS, *TEXTS)
ENDS = ("\n", "\n", "\n", "\n", "\r\n", "\n\n", "\r", "\r\n\n", "\v", "\u2028")
columns, numbers_in = csv_rows.columns, csv_rows.numbers_in
split = 0


def counted(text: str, width: int) -> Any:
    """Split a text, and count those that were."""
    global split
    found = columns(text, width)
    split += found is not None
    return found


def decoded(table: Table, body: bytes) -> str:
    """Return the columns of a body with their types, or the message of the error."""
    try:
        rows = table.decode(body, CSV)
    except RequestError as error:
        return f"{error.status} {error}"
    return repr((rows.rows, dict(rows))) if isinstance(rows, Named) else repr(rows.tolist())


def text(width: int) -> str:
    """Return a random text, most of which have the same number of cells in each row."""
    simple, end = random.random() < 0.5, random.choice(ENDS)
    more, rows = random.choice(("", "", "", "x", "xa")), []
    width += len(more)
    for _ in range(random.randint(0, 12)):
        length = width if random.random() < 0.98 else random.randint(0, width + 2)
        rows.append(",".join(random.choice(NUMBERS[:6] if simple else CELLS) for _ in range(length)))
    if random.random() < 0.4:
        names = [*"abcd"[: width - len(more)], *more]
        random.shuffle(names)
        rows.insert(0, ",".join(names))
    found = end.join(rows) + random.choice(("", end))
    if random.random() < 0.1:  # break it
        at = random.randrange(len(found) + 1)
        found = found[:at] + random.choice(('"', '""', ",", "\n", "\r")) + found[at:]
    return found


for _ in range(20_000):
    table = random.choice(TABLES)
    body = text(len(table.names)).encode()
    csv_rows.columns, csv_rows.numbers_in = counted, numbers_in
    at_once = decoded(table, body)
    csv_rows.columns = lambda text, width: None
    csv_rows.numbers_in = lambda cells: list(map(csv_rows.number_in, cells))
    cell_by_cell = decoded(table, body)
    assert at_once == cell_by_cell, (body, at_once, cell_by_cell)
assert split > 3000, split
print("same", split)
