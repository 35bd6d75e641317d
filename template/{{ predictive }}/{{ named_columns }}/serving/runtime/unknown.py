# Part of the library: `copier update` replaces this file.
"""Counts categories that are unknown to a model that answers anyway, and logs them at most once a minute."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from time import monotonic

SECONDS = 60.0
log = logging.getLogger("serving")


class UnknownCategories:
    """The unknown values since the last line of the log, by column. The values themselves are not kept."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.logged = -SECONDS

    def add(self, column: str, values: int) -> None:
        """Count unknown values of a column."""
        self.counts[column] += values
        if monotonic() - self.logged < SECONDS:
            return
        self.logged, counts, self.counts = monotonic(), self.counts, Counter()
        shown = ", ".join(f"{name} ({count})" for name, count in counts.most_common(10))
        log.warning("values that are unknown to the model, by column: %s", shown)


@contextmanager
def uncounted() -> Iterator[None]:
    """Neither count nor log unknown values while the block runs."""
    global categories
    kept, categories = categories, UnknownCategories()
    categories.logged = inf
    try:
        yield
    finally:
        categories = kept


categories = UnknownCategories()
