"""The SHA-256 of the wheels of each pin in the catalog (hashes.yml)."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from .catalog import CATALOG
from .catalog_reader import document


@lru_cache
def known(directory: Path = CATALOG) -> Mapping[str, tuple[str, ...]]:
    """Return the hashes of each pin, written without its marker: numpy==2.4.6."""
    return {pin: tuple(digests) for pin, digests in document(directory / "hashes.yml")["hashes"].items()}
