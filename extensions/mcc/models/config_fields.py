"""A config.json as a mapping whose sizes are checked as they are read."""

from collections.abc import Mapping
from typing import Any

from ..errors import redaction
from ..errors.errors import UnsizableModel

LARGEST = 10**8  # no size in the config.json of a model that exists is larger
MOST_LAYERS = 10_000
NESTED = ("text_config", "language_config", "llm_config", "thinker_config", "llm")


class Fields:
    """A config.json whose sizes are checked as they are read."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw

    def size(self, *names: str, default: int | None = None, least: int = 1, most: int = LARGEST) -> int:
        """Return the first of these fields, else the default. Raises UnsizableModel for other values."""
        for name in names:
            value = self.raw.get(name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise UnsizableModel(
                    f"{name}: {redaction.shown(value)} is not a whole number from {least} to {most}"
                )
            return value
        if default is None:
            raise UnsizableModel(f"{names[0]} is missing")
        return default


def merged(config: Mapping[str, Any], depth: int = 3) -> dict[str, Any]:
    """Return a config with the parts about its text model, as multimodal models nest them, put on top."""
    found = dict(config)
    for name in NESTED if depth else ():
        if isinstance(config.get(name), Mapping):
            inner = merged(config[name], depth - 1)
            found.update({key: value for key, value in inner.items() if value is not None})
    return found
