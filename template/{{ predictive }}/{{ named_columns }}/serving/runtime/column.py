# Part of the library: `copier update` replaces this file.
"""A column of the rows that a model takes: its type and accepted values."""

from dataclasses import dataclass
from typing import Any

NUMBER, STRING, BOOLEAN, ANY = "number", "string", "boolean", "any"
INTEGER, DATETIME = "integer", "datetime"  # as an MLflow signature states them
CATEGORY = "category"  # text or whole numbers, of which the values are unknown


@dataclass(frozen=True)
class Column:
    """A column of the rows that a model takes.

    `values` are the known categories, None for a column without; `missing` is what null becomes before the
    model sees it. `as_given` keeps values as Python objects, for categories that were objects in training.
    The type of a column `as_stated` is that of a signature: what the steps of the model do with it is not
    known.
    """

    name: str
    type: str = ANY
    nullable: bool = True
    values: frozenset[Any] | None = None
    refuses_unknown: bool = False
    missing: Any = None
    as_given: bool = False
    as_stated: bool = False
    used: bool = True
    example: Any = 0.0

    def described(self) -> dict[str, Any]:
        """Return the column for /ping: of categories only their number, because they are training data."""
        about: dict[str, Any] = {"name": self.name, "type": self.type, "nullable": self.nullable}
        if self.values is not None:
            about["values"] = len(self.values)
            about["unknown"] = "refused" if self.refuses_unknown else "accepted"
        if not self.used:
            about["used"] = False
        return about


def is_missing(value: Any) -> bool:
    """Return True for None, NaN and pandas.NA."""
    return value is None or type(value).__name__ == "NAType" or (isinstance(value, float) and value != value)
