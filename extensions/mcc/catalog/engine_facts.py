"""Typed access to the facts about engines in catalog/ that concern GPUs."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from .catalog import CATALOG
from .catalog_reader import document, read
from .entries.gpu_support import GpuSupport


@lru_cache
def gpu_support(directory: Path = CATALOG) -> Mapping[str, GpuSupport]:
    """Return the GPUs that each engine supports, by the names of `registry` in servers.yml."""
    return read(directory / "gpu_support.yml", GpuSupport)[0]


@lru_cache
def newest_releases(directory: Path = CATALOG) -> Mapping[str, str]:
    """Return the newest release of each engine whose registry was read."""
    found: Mapping[str, str] = document(directory / "architectures.yml").get("sources", {})
    return found
