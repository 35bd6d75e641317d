"""The SageMaker resources: endpoint configurations, models, endpoints and components."""

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from extensions.mcc.catalog import catalog
from extensions.mcc.catalog.entries.instances import Instance
from tests.fakes.aws.containers import Container

Tags = dict[str, str]
NO_CAPACITY = (
    "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error. "
    "Please retry using a different ML instance type."
)


@dataclass
class EndpointConfig:
    name: str
    arn: str
    request: dict[str, Any]
    tags: Tags
    created: datetime = field(default_factory=lambda: now())

    @property
    def variants(self) -> list[dict[str, Any]]:
        """Return the production variants of the request."""
        variants: list[dict[str, Any]] = self.request["ProductionVariants"]
        return variants

    @property
    def is_serverless(self) -> bool:
        """Return whether its variant has no instances."""
        return any("ServerlessConfig" in variant for variant in self.variants)


@dataclass(frozen=True)
class Subnet:
    """A subnet: its VPC and its zone."""

    vpc: str
    zone: str


@dataclass
class Model:
    name: str
    arn: str
    request: dict[str, Any]
    tags: Tags
    created: datetime = field(default_factory=lambda: now())

    @property
    def container(self) -> dict[str, Any]:
        """Return the container in the format of a component, with the address of its files."""
        primary = self.request["PrimaryContainer"]
        source = primary.get("ModelDataSource", {}).get("S3DataSource", {}).get("S3Uri")
        kept = {name: primary[name] for name in ("Image", "Environment") if name in primary}
        return kept | ({"ArtifactUrl": source} if source else {})


@dataclass
class Endpoint:
    """An endpoint. While it changes, `due` is the time and `becomes` the next status."""

    name: str
    arn: str
    config: EndpointConfig
    tags: Tags
    status: str = "Creating"
    failure_reason: str | None = None
    due: float = 0.0
    becomes: str | None = "InService"
    failing: str | None = None
    container: Container | None = None  # of a serverless endpoint
    changing: bool = False  # whether a thread starts such a container
    serving: EndpointConfig | None = None  # the configuration to roll back to
    cold_calls: int = 0
    abandoned: threading.Event = field(default_factory=threading.Event)
    created: datetime = field(default_factory=lambda: now())
    modified: datetime = field(default_factory=lambda: now())

    def begin(self, status: str, becomes: str, seconds: float, failing: str | None = None) -> None:
        """Enter a transitional state that ends after some seconds, with a failure if there is a reason."""
        self.status, self.becomes, self.failing = status, becomes, failing
        self.due, self.modified = time.monotonic() + seconds, now()

    def settle(self) -> None:
        """Leave a transitional state after its time."""
        if self.changing or self.becomes is None or time.monotonic() < self.due:
            return
        self.status = "Failed" if self.failing else self.becomes
        self.failure_reason, self.becomes, self.modified = self.failing, None, now()

    def changed(self, reason: str | None, rolls_back: bool) -> None:
        """End the change of a serverless endpoint, which failed if there is a reason."""
        self.changing = False
        if reason and self.serving is not None and rolls_back:
            self.config, reason = self.serving, None
        elif not reason:
            self.serving = self.config
        self.failing = reason
        self.settle()


@dataclass
class Component:
    """An inference component, and the container that serves it."""

    name: str
    arn: str
    endpoint: Endpoint
    variant: str
    specification: dict[str, Any]
    copies: int
    tags: Tags
    status: str = "Creating"
    current_copies: int = 0
    failure_reason: str | None = None
    deployment: dict[str, Any] | None = None
    container: Container | None = None
    resolved_image: str | None = None
    abandoned: threading.Event = field(default_factory=threading.Event)
    gone_at: float | None = None
    created: datetime = field(default_factory=lambda: now())
    modified: datetime = field(default_factory=lambda: now())

    @property
    def instance(self) -> Instance:
        """Return the instance type of the component."""
        variants = {variant["VariantName"]: variant for variant in self.endpoint.config.variants}
        return catalog.instances()[variants[self.variant]["InstanceType"]]


@dataclass
class Job:
    """A transform job, and the container of its only instance while it runs."""

    name: str
    arn: str
    request: dict[str, Any]
    tags: Tags
    status: str = "InProgress"
    failure_reason: str | None = None
    container: Container | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    started: datetime | None = None
    ended: datetime | None = None
    created: datetime = field(default_factory=lambda: now())
    modified: datetime = field(default_factory=lambda: now())

    def end(self, status: str, reason: str | None = None) -> None:
        """Leave the running state."""
        self.status, self.failure_reason = status, reason
        self.ended = self.modified = now()


def now() -> datetime:
    """Return the time of day."""
    return datetime.now(UTC)


def tags_of(request: dict[str, Any]) -> Tags:
    """Return the tags of a SageMaker request."""
    return {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
