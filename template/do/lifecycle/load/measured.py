# Part of the library: `copier update` replaces this file.
"""The figures of a load test: rates, percentiles, errors, and their cost."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

MILLION = 1_000_000


@dataclass(frozen=True)
class Percentiles:
    """Percentiles of times in milliseconds."""

    p50: float
    p90: float
    p99: float

    def __str__(self) -> str:
        return "/".join(f"{value:.0f}" if value >= 100 else f"{value:.3g}" for value in self.all)

    @property
    def all(self) -> tuple[float, float, float]:
        return (self.p50, self.p90, self.p99)


@dataclass(frozen=True)
class Level:
    """The figures of a number of concurrent requests. A model that returns no tokens has None for theirs.

    `first_token` is the time to the first token, `between_tokens` the mean time between tokens of a request.
    `problems` are the texts of the errors, with their number.
    """

    concurrency: int
    requests: int
    requests_s: float
    latency: Percentiles
    errors: int = 0
    problems: tuple[str, ...] = ()
    tokens_s: float | None = None
    prompt_tokens: float | None = None
    first_token: Percentiles | None = None
    between_tokens: Percentiles | None = None

    @property
    def rate(self) -> float:
        """The tokens per second, or the requests per second of a model that returns no tokens."""
        return self.requests_s if self.tokens_s is None else self.tokens_s

    def usd_per_million(self, usd_per_hour: float) -> float | None:
        """Return the US dollars per million tokens, or requests; None if the price is unknown."""
        return usd_per_hour / 3600 / self.rate * MILLION if usd_per_hour and self.rate else None

    def as_json(self, usd_per_hour: float) -> dict[str, Any]:
        """Return the figures for --json."""
        return {**asdict(self), "usd_per_million": self.usd_per_million(usd_per_hour)}


def percentiles(times: Sequence[float]) -> Percentiles:
    """Return the percentiles of at least one time, by the nearest rank."""
    ordered = sorted(times)
    return Percentiles(*(ordered[max(0, -(-len(ordered) * share // 100) - 1)] for share in (50, 90, 99)))
