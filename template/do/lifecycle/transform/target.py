# Part of the library: `copier update` replaces this file.
"""The settings of batch transform jobs, and their validation."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from lifecycle.formats import Format
from lifecycle.sagemaker import model_target
from lifecycle.sagemaker.formats import FORMATS

STRATEGIES = ("MultiRecord", "SingleRecord")
MOST_MB = 25  # of a request to the server; SageMaker sends up to 100
MOST_MB_AT_ONCE = 100  # of all concurrent requests
MOST_INSTANCES = 100
LONGEST_RESPONSE = 3600
LONGEST_PREFIX = 42  # of a name that ends in a dash, the time and a random number
IN_STACK = "batch/"  # the prefix of the data in the bucket of iam/stack.yml
LOCATION = Format(
    re.compile(r"|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.*'()=+-]+)*/"),
    "an s3:// address that ends in /",
    "s3://bucket/churn/",
)


@dataclass(frozen=True, kw_only=True)
class Target(model_target.Target):
    """The settings in do/config.toml. A job has instances while it runs, and no copies or endpoint."""

    setting_formats: ClassVar[Mapping[str, Format]] = {**FORMATS, "batch_location": LOCATION}
    target_kind: ClassVar[Literal["component", "model", "job"]] = "job"

    batch_location: str
    batch_strategy: str
    max_payload_mb: int
    max_concurrent_transforms: int
    invocation_retries: int
    job_expires_after_hours: float
    memory_mib: int = field(default=0, init=False)
    expires_after_hours: float = field(default=0.0, init=False)  # a model costs nothing
    provision_seconds: int = field(default=86400, init=False)  # the limit of a job with wait_seconds = 0
    startup_seconds: int = field(default=0, init=False)

    @property
    def job_prefix(self) -> str:
        """The prefix of the names of jobs, which end in the time and a random number."""
        return f"{self.project_name[:LONGEST_PREFIX].rstrip('-')}-"

    @property
    def data_bucket(self) -> str:
        """The bucket of the data: that of batch_location, or the one that iam/stack.yml creates."""
        named = self.batch_location.removeprefix("s3://").partition("/")[0]
        return named or f"mcc-{self.project_id}-{self.account}-{self.region}"

    @property
    def data_prefix(self) -> str:
        """The prefix of the keys of the data, which ends in / unless it is empty."""
        return (
            self.batch_location.removeprefix("s3://").partition("/")[2] if self.batch_location else IN_STACK
        )

    def _mismatches(self) -> Iterator[tuple[str, str]]:
        """Yield the invalid setting and the fix."""
        limits: dict[str, tuple[float, float]] = {
            "instance_count": (1, MOST_INSTANCES),
            "max_payload_mb": (1, MOST_MB),
            "max_concurrent_transforms": (1, MOST_MB_AT_ONCE),
            "invocation_retries": (0, 3),
            "invoke_seconds": (1, LONGEST_RESPONSE),
        }
        for name, (least, most) in limits.items():
            if not least <= (value := getattr(self, name)) <= most:
                yield f"{name} is {value}, not {least} to {most}", f"set {name} = {least}"
        if (at_once := self.max_payload_mb * self.max_concurrent_transforms) > MOST_MB_AT_ONCE:
            seen = f"max_payload_mb x max_concurrent_transforms is {at_once} MB, SageMaker accepts 100 MB"
            yield seen, f"set max_concurrent_transforms = {MOST_MB_AT_ONCE // self.max_payload_mb}"
        if self.batch_strategy not in STRATEGIES:
            seen = f"batch_strategy is {self.batch_strategy}, not {' or '.join(STRATEGIES)}"
            yield seen, f'set batch_strategy = "{STRATEGIES[0]}"'
        if self.derived_for != self.instance_type:
            seen = f"the price is for {self.derived_for}, not {self.instance_type}"
            yield seen, f"copier update --trust -d instance_type={self.instance_type}"
        yield from self._mismatches_of_container()
