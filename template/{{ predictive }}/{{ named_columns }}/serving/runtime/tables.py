# Part of the library: `copier update` replaces this file.
"""Rows with named columns: read in every supported form, checked, and converted to the model's input."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, NoReturn

import numpy as np
from runtime import codec, csv_rows
from runtime.codec import CSV, JSON, NPY, RequestError, Rows
from runtime.column import ANY, NUMBER, Column
from runtime.row_errors import SAME_LENGTH
from runtime.values import of_cells, place, typed

try:
    import pandas
except ImportError:
    pandas = None

FORMS = ("instances", "dataframe_records", "dataframe_split", "inputs", "columns")
SHOWN_NAMES = 20
NO_PANDAS = "it takes a DataFrame and pandas is not installed. Run: copier update --trust -d pandas=true"


def has_pandas() -> bool:
    """Return True if pandas is installed."""
    return pandas is not None


class Named(dict[str, list[Any]]):
    """The values of each column, and the number of rows."""

    rows = 0
    parameters: Any = None
    signature_name: Any = None


class ByName(Rows):
    """Rows of numbers, picked by name from objects."""

    may_hold_booleans = True


class Table:
    """Reads rows for a model with these columns. With `frame`, the model takes a DataFrame, else an array.

    An array has Python objects if some column is not of numbers.
    """

    def __init__(self, found: Sequence[Column], frame: bool) -> None:
        self.frame = frame
        if frame and pandas is None:
            raise RuntimeError(NO_PANDAS)
        self.columns = found
        self.names = [column.name for column in found]
        self.needed = {column.name for column in found if column.used}
        self.allow_missing = any(column.nullable for column in found)
        self.never_missing = [at for at, column in enumerate(found) if not column.nullable]
        # Rows of such a model are arrays as they arrive.
        self.numeric = all(column.type == NUMBER and not column.values for column in found)
        is_array = self.numeric and not self.frame and len(self.names) > 1
        self.pick = itemgetter(*self.names) if is_array else None
        self.all_known = not any(c.used and (c.type == ANY or c.as_stated) for c in found)
        self.example = {column.name: column.example for column in found}

    def decode(self, body: bytes, content_type: str | None) -> Any:
        """Return the rows of a body: `Named`, or a list or array of rows in order. Raise RequestError."""
        media_type = codec.checked_type(body, content_type)
        if media_type == CSV:
            rows = self._csv(csv_rows.text_of(body))
        elif media_type == NPY:
            rows = codec.decode(body, NPY)
            if not self.numeric:
                raise RequestError(
                    400, f"{NPY} has only numbers, but the model has other columns: send JSON."
                )
        elif media_type == JSON:
            document = codec.load_json(body)
            if isinstance(document, dict):
                rows = self._object(document, body)
            else:
                rows = self._listed(document, body, 0)
        else:
            lines = codec.json_lines(body)
            if "features" not in self.needed:
                lines = [x["features"] if isinstance(x, dict) and "features" in x else x for x in lines]
            rows = self._listed(
                lines, b"[%b]" % b",".join(line for line in body.splitlines() if line.strip()), 0
            )
        codec.limit_rows(rows.rows if isinstance(rows, Named) else len(rows))
        return rows

    def rows(self, found: Any) -> Any:
        """Return rows that an own function read: objects, lists of values in order, or values by column."""
        if isinstance(found, Mapping):
            return self._by_column({name: list(values) for name, values in found.items()})
        if isinstance(found, list) and found and isinstance(found[0], dict):
            return self._of_objects(found)
        return found

    def features(self, rows: Any) -> Any:
        """Return decoded rows as an array, or as a DataFrame with the types of training."""
        if not isinstance(rows, Named):
            if self.numeric:
                numbers = self.numbers(rows)
                return pandas.DataFrame(numbers, columns=self.names) if self.frame else numbers
            rows = self.named(rows)
        if not rows.rows:
            raise RequestError(400, "The request has no rows. Send at least one.")
        unused = np.full(rows.rows, None)
        arrays = [typed(c, rows[c.name]) if c.used else unused for c in self.columns]
        if not self.frame:
            return np.column_stack(arrays)
        index = pandas.RangeIndex(rows.rows)
        # Without a dtype, pandas 3 converts objects to its type for text, which cannot hold None.
        series = (pandas.Series(a, index, dtype=object) if a.dtype == object else a for a in arrays)
        return pandas.DataFrame(dict(zip(self.names, series, strict=True)), index, copy=False)

    def named(self, rows: Any) -> Named:
        """Return decoded rows by column."""
        return rows if isinstance(rows, Named) else self._by_header(self.names, rows)

    def numbers(self, rows: Any) -> np.ndarray:
        """Return decoded rows in order as an array, for a model of numbers alone."""
        try:
            numbers = codec.to_array(rows, (len(self.names),), self.allow_missing)
        except RequestError:
            if isinstance(rows, ByName):  # the message then has the name of the column
                for column, values in zip(self.columns, zip(*rows, strict=True), strict=True):
                    typed(column, values)
            raise
        if self.allow_missing and self.never_missing:
            for at in self.never_missing:
                if (lacking := np.isnan(numbers[:, at])).any():
                    raise RequestError(400, f"{place(lacking.argmax(), self.names[at])} may not be missing.")
        return numbers

    def _object(self, document: dict[str, Any], body: bytes) -> Any:
        """Return the rows of an object: one row, or rows in one of FORMS."""
        if len(document) == 1 and "instances" in document:
            return self._listed(document["instances"], body, 1)
        forms = [form for form in FORMS if form in document]
        if self.needed <= document.keys() and not self.needed <= set(FORMS):
            return self._listed([document], body, 0)
        if len(forms) > 1:
            raise RequestError(400, f'The JSON object has both "{forms[0]}" and "{forms[1]}". Send one.')
        if not forms:
            lacks = f"is no row: it lacks {self._lacking(document)[0]!r}"
            raise RequestError(400, f'The JSON object has no "instances", and {lacks}. {self._shown()}')
        form, found = forms[0], document[forms[0]]
        if form in ("dataframe_split", "columns"):
            rows: Any = self._split(document if form == "columns" else found)
            _refuse_twice(body, len(document) + (form != "columns") * len(found))
        elif form == "inputs" and isinstance(found, dict):
            rows = self._by_column(found)
            _refuse_twice(body, len(document) + len(found))
        else:
            rows = self._listed(found, body, len(document))
        rows.parameters = codec.parameters(document)
        rows.signature_name = document.get("signature_name")
        return rows

    def _listed(self, found: Any, body: bytes, more_keys: int) -> Any:
        """Return a list of rows, each an object or a list of values in order.

        The JSON text has `more_keys` besides those of the rows.
        """
        if not isinstance(found, list):
            raise RequestError(400, 'Send {"instances": [...]} with a list of rows, or a list of rows.')
        if not found or not isinstance(found[0], dict):
            ordered = Rows(found)
            ordered.may_hold_booleans = codec.may_hold_booleans(body)
            return ordered
        rows = self._of_objects(found)
        _refuse_twice(body, more_keys + sum(map(len, found)))
        return rows

    def _of_objects(self, found: list[Any]) -> Any:
        try:
            return ByName(map(self.pick, found)) if self.pick else self._records(found)
        except (KeyError, TypeError, AttributeError):
            for number, row in enumerate(found, start=1):
                self._refuse_lacking(number, row)
            raise

    def _records(self, found: list[Any]) -> "Named":
        named = Named()
        named.rows = len(found)
        for column in self.columns:
            name = column.name
            named[name] = [row[name] for row in found] if column.used else [row.get(name) for row in found]
        return named

    def _split(self, found: Any) -> Named:
        """Return the rows of an object with `columns` and `data`."""
        if not isinstance(found, dict) or not all(
            isinstance(found.get(x), list) for x in ("columns", "data")
        ):
            raise RequestError(400, 'Send {"columns": [...], "data": [[...], ...]}.')
        if not all(isinstance(name, str) for name in found["columns"]):
            raise RequestError(400, 'Not every name in "columns" is text.')
        return self._by_header(found["columns"], found["data"])

    def _by_column(self, found: dict[str, Any]) -> Named:
        """Return the rows of an object with a list of values for each column."""
        lists = {name: found[name] for name in self.names if name in found}
        if wrong := [name for name, values in lists.items() if not isinstance(values, list)]:
            raise RequestError(400, f'In "inputs", column {wrong[0]!r} is not a list of values.')
        sizes = {len(values): name for name, values in lists.items()}
        if len(sizes) > 1:
            (one, first), (other, second) = sorted(sizes.items())[:2]
            raise RequestError(400, f"Column {first!r} has {one} values, but column {second!r} has {other}.")
        return self._named(lists, next(iter(sizes), 0))

    def _csv(self, text: str) -> Any:
        """Return the rows of a CSV text. The first is a header if it has the name of every column."""
        records = csv.reader(io.StringIO(text, newline=""))
        try:
            first = next(filter(None, records), [])
            if self.needed <= set(first):
                return self._cells(first, records, text, 1)
            if self.numeric:
                return csv_rows.numbers(text)
            return self._cells(self.names, chain([first], records), text, 0)
        except csv.Error as error:
            raise RequestError(400, f"The body is not valid CSV: {error}") from None

    def _cells(self, header: list[str], records: Iterable[list[str]], text: str, skipped: int) -> Named:
        """Return the rows of `text`, without those `skipped` at its start. `records` are these rows, too."""
        if len(set(header)) == len(header) and (columns := csv_rows.columns(text, len(header))):
            for cells in columns:
                del cells[:skipped]
            named = self._named(dict(zip(header, columns, strict=True)), len(columns[0]))
        else:
            named = self._by_header(header, [cells for cells in records if cells])
        for column in filter(lambda column: column.name in header, self.columns):
            named[column.name] = of_cells(column, named[column.name])
        return named

    def _by_header(self, header: list[str], rows: list[Any]) -> Named:
        """Return rows of values in the order of `header`."""
        if twice := [name for name in self.names if header.count(name) > 1]:
            raise RequestError(400, f"Column {twice[0]!r} is named twice.")
        for number, row in enumerate(rows, start=1):
            if not isinstance(row, list):
                raise RequestError(400, f"Row {number} is not a list of values. {SAME_LENGTH}")
            if len(row) != len(header):
                self._refuse_length(number, row, header)
        values = zip(*rows, strict=True) if rows else [[]] * len(header)
        return self._named(dict(zip(header, map(list, values), strict=True)), len(rows))

    def _named(self, values: Mapping[str, list[Any]], rows: int) -> Named:
        self._refuse_lacking(1, values)
        named = Named((name, values.get(name) or [None] * rows) for name in self.names)
        named.rows = rows
        return named

    def _lacking(self, row: Mapping[str, Any]) -> list[str]:
        return [name for name in self.names if name in self.needed and name not in row]

    def _refuse_lacking(self, number: int, row: Any) -> None:
        """Raise RequestError for a row that is no object or lacks a column."""
        if not isinstance(row, Mapping):
            raise RequestError(400, f"Row {number} is not an object, unlike the first row.")
        if lacking := self._lacking(row):
            raise RequestError(400, f"Row {number} lacks {lacking[0]!r}. {self._shown()}")

    def _refuse_length(self, number: int, row: list[Any], header: list[str]) -> NoReturn:
        has = f"Row {number} has {len(row)} value{'s' * (len(row) != 1)}"
        if header is not self.names:
            raise RequestError(400, f"{has}, but {len(header)} columns are named.")
        raise RequestError(400, f"{has}. The model expects {len(header)} values. {self._shown()}")

    def _shown(self) -> str:
        shown = self.names[:SHOWN_NAMES]
        more = ", …" if len(shown) < len(self.names) else ""
        return f"The columns are: {', '.join(shown)}{more}."


def _refuse_twice(body: bytes, keys: int) -> None:
    """Raise RequestError if an object in a JSON text has a key twice. Searched only if it has not `keys`."""
    # To count one character takes a third of the time of two, but texts can have colons, too.
    if body.count(b":") != keys and body.count(b'":') != keys:
        try:
            json.loads(body, object_pairs_hook=_unique)
        except RecursionError:
            raise RequestError(400, "The JSON document is nested too deeply.") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RequestError(400, f"A JSON object has the key {twice[:40]!r} twice.")
    return found
