"""How versions are compared."""

import re
from functools import lru_cache


@lru_cache
def version_key(version: str) -> tuple[int, ...]:
    """Return a version as numbers to compare: (0, 10, 1) for v0.10.1 or 0.10.1.post1."""
    return tuple(int(number) for number in re.findall(r"[0-9]+", version.partition("post")[0])[:3])
