# Part of the library: `copier update` replaces this file.
"""The settings of a serverless endpoint, and their validation."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from lifecycle.sagemaker import model_target

MEMORY_MIB = range(1024, 6145, 1024)
MOST_CONCURRENCY = 200


@dataclass(frozen=True, kw_only=True)
class Target(model_target.Target):
    """The settings in do/config.toml. SageMaker fixes the others: there are no instances and no copies."""

    target_kind: ClassVar[Literal["component", "model", "job"]] = "model"

    max_concurrency: int
    provisioned_concurrency: int
    instance_type: str = field(default="serverless inference", init=False)
    derived_for: str = field(default="serverless inference", init=False)
    instance_count: int = field(default=0, init=False)
    usd_per_hour: float = field(default=0.0, init=False)
    price_estimated: bool = field(default=False, init=False)
    max_usd_per_hour: float = field(default=0.0, init=False)
    subnets: list[str] = field(default_factory=list, init=False)
    security_groups: list[str] = field(default_factory=list, init=False)
    network_isolation: bool = field(default=False, init=False)
    kms_key: str = field(default="", init=False)
    provision_seconds: int = field(default=600, init=False)
    startup_seconds: int = field(default=180, init=False)  # the time until /ping must succeed

    def _mismatches(self) -> Iterator[tuple[str, str]]:
        """Yield the invalid setting and the fix."""
        if self.memory_mib not in MEMORY_MIB:
            sizes = ", ".join(map(str, MEMORY_MIB))
            yield f"memory_mib is {self.memory_mib}, not one of {sizes}", "set memory_mib = 2048"
        if not 1 <= self.max_concurrency <= MOST_CONCURRENCY:
            seen = f"max_concurrency is {self.max_concurrency}, not 1 to {MOST_CONCURRENCY}"
            yield seen, "set max_concurrency = 10"
        if self.provisioned_concurrency > self.max_concurrency:
            seen = f"provisioned_concurrency {self.provisioned_concurrency} exceeds max_concurrency"
            yield f"{seen} {self.max_concurrency}", "set provisioned_concurrency = 0"
        if self.model_data.endswith("/"):
            seen = f"model_data {self.model_data} is a prefix; a serverless endpoint loads one archive"
            yield seen, 'set model_data = "s3://bucket/models/model.tar.gz"'
        yield from self._mismatches_of_container()
