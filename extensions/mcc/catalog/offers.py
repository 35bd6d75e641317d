"""The instance types that SageMaker hosting has in each Region, as offers.yml lists them."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path

from .catalog import CATALOG, instances
from .catalog_reader import document


def offers_date(directory: Path = CATALOG) -> date:
    """Return the date of offers.yml."""
    found: date = document(directory / "offers.yml")["date"]
    return found


@lru_cache
def offers(directory: Path = CATALOG) -> Mapping[str, frozenset[str]]:
    """Return the types of each Region."""
    families: dict[str, set[str]] = {}
    for name in instances(directory):
        families.setdefault(name.split(".")[1], set()).add(name)
    listed: Mapping[str, list[str]] = document(directory / "offers.yml")["offers"]
    return {
        region: frozenset(name for item in items for name in families.get(item, {item}))
        for region, items in listed.items()
    }
