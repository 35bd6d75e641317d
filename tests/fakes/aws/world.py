"""The resources of the fake AWS in every Region, and its settings."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from moto.logs.models import logs_backends

from tests.fakes.aws.containers import Container, LightRunner, Runner
from tests.fakes.aws.images import ImageStore, MemoryStore
from tests.fakes.aws.motos import moto_tags
from tests.fakes.aws.resources import Component, Endpoint, EndpointConfig, Job, Model, Subnet, Tags, now
from tests.fakes.aws.settings import Settings
from tests.fakes.aws.wire import ACCOUNT

STOP_SECONDS = 45.0  # the stop timeout of a container; Docker gets 30


@dataclass
class Region:
    """The resources of this package in one Region, without those of moto."""

    name: str
    configs: dict[str, EndpointConfig] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    components: dict[str, Component] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    policies: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    projects: dict[str, dict[str, Any]] = field(default_factory=dict)
    builds: dict[str, dict[str, Any]] = field(default_factory=dict)
    subnets: dict[str, Subnet] = field(default_factory=dict)
    security_groups: dict[str, str] = field(default_factory=dict)  # the VPC of each
    vpc_endpoints: list[tuple[str, str]] = field(default_factory=list)  # VPC and service
    keys: dict[str, str] = field(default_factory=dict)  # the state of each KMS key, by ARN
    # Descriptions before a change, and the time until which reads return them, by kind and name (stale.py).
    descriptions: dict[str, dict[str, tuple[Any, float]]] = field(default_factory=dict)

    def instances(self, kind: str) -> int:
        """Return the number of instances of a type that endpoints have."""
        living = [endpoint.config for endpoint in self.endpoints.values() if endpoint.status != "Failed"]
        variants = [variant for config in living for variant in config.variants]
        return sum(item["InitialInstanceCount"] for item in variants if item.get("InstanceType") == kind)

    def settle(self) -> None:
        """Apply elapsed time: end transitional states that are due, and drop deleted resources."""
        moment = time.monotonic()
        for endpoint in self.endpoints.values():
            endpoint.settle()
        self.endpoints = {name: e for name, e in self.endpoints.items() if e.status != "Gone"}
        self.components = {
            name: c for name, c in self.components.items() if c.gone_at is None or moment < c.gone_at
        }

    def sagemaker_tags(self) -> Iterator[tuple[str, Tags]]:
        """Yield the ARN and the tags of every SageMaker resource."""
        kinds: tuple[Mapping[str, EndpointConfig | Model | Endpoint | Component | Job], ...] = (
            self.configs,
            self.models,
            self.endpoints,
            self.components,
            self.jobs,
        )
        for kind in kinds:
            for resource in kind.values():
                yield resource.arn, resource.tags

    def tagged(self) -> Iterator[tuple[str, Tags]]:
        """Yield the ARN and the tags of all resources of this package."""
        yield from self.sagemaker_tags()
        for target in self.targets.values():
            yield target["ScalableTargetARN"], target["Tags"]
        for policy in self.policies.values():
            yield policy["PolicyARN"], {}
        for project in self.projects.values():
            yield project["arn"], {tag["key"]: tag["value"] for tag in project.get("tags", [])}


class _Stoppable(Protocol):
    described: dict[str, Any]

    def stop(self) -> None: ...


@dataclass
class _Followed:
    container: Container
    region: str
    group: str
    stream: str
    written: int = 0


@dataclass
class Cluster:
    """A HyperPod cluster: where its Kubernetes API is, with the certificate of its authority (base64)."""

    name: str
    endpoint: str = ""
    authority: str = ""
    status: str = "InService"
    orchestrator: str = "Eks"
    eks_status: str = "ACTIVE"
    created: datetime = field(default_factory=lambda: now())

    @property
    def eks_name(self) -> str:
        """Return the name of its EKS cluster."""
        return f"{self.name}-eks"


class World:
    """All Regions, the settings, the runner of containers and the store of images; `lock` protects them."""

    def __init__(self, runner: Runner | None = None, images: ImageStore | None = None) -> None:
        self.lock = threading.RLock()
        self.settings = Settings()
        self.light = LightRunner()
        self.runner: Runner = runner or self.light
        self.images: ImageStore = images or MemoryStore()
        self.regions: dict[str, Region] = defaultdict(lambda: Region(""))
        self.policies: list[dict[str, Any]] | None = (
            None  # the enforced policies; None: everything is allowed
        )
        self.secrets: dict[str, str] = {}  # the secret access keys, by access key
        self.sessions: dict[str, list[dict[str, Any]]] = {}  # the policies of an access key
        self.clusters: dict[str, Cluster] = {}  # HyperPod's, by name
        self.builds: dict[str, _Stoppable] = {}
        self.short_of_capacity = False  # during a call with a fault that removes the capacity
        self.closed = False
        self._followed: list[_Followed] = []
        self._stopping: list[threading.Thread] = []

    def region(self, name: str) -> Region:
        """Return a Region after applying elapsed time."""
        region = self.regions[name]
        region.name = name
        region.settle()
        return region

    def follow(self, container: Container, region: str, group: str, stream: str) -> None:
        """Keep a log stream of CloudWatch Logs in sync with the log of a container."""
        self._followed.append(_Followed(container, region, group, stream))

    def flush_logs(self) -> None:
        """Write the new log lines of containers."""
        for followed in list(self._followed):
            lines = followed.container.lines()
            self.log(followed.region, followed.group, followed.stream, lines[followed.written :])
            followed.written = len(lines)

    def dispose(self, container: Container | None) -> None:
        """Stop a container without waiting for it, and keep its log."""
        if container is None:
            return
        self.flush_logs()
        self._followed = [followed for followed in self._followed if followed.container is not container]
        thread = threading.Thread(target=container.stop, daemon=True)
        thread.start()
        self._stopping.append(thread)

    def log(self, region: str, group: str, stream: str, lines: list[tuple[int, str]]) -> None:
        """Write lines with their times (milliseconds) to a stream of CloudWatch Logs."""
        if self.closed:
            return
        backend = logs_backends[ACCOUNT][region]
        backend.ensure_log_group(group)
        if stream not in backend.groups[group].streams:
            backend.create_log_stream(group, stream)
        if lines:
            events = [{"timestamp": moment, "message": line} for moment, line in lines]
            backend.groups[group].streams[stream].put_log_events(events)

    def inventory(self) -> dict[str, Tags]:
        """Return the tags of all resources, including those of moto, by ARN."""
        found: dict[str, Tags] = {}
        with self.lock:
            for name in list(self.regions):
                found |= dict(self.region(name).tagged())
        return found | dict(moto_tags())

    def stop(self) -> None:
        """Stop all containers and builds, cancel creations, and write no more logs."""
        self.closed = True
        for build in list(self.builds.values()):
            build.stop()
        for region in list(self.regions.values()):
            for component in list(region.components.values()):
                component.abandoned.set()
                self.dispose(component.container)
            for job in list(region.jobs.values()):
                job.stopped.set()
                self.dispose(job.container)
            for endpoint in list(region.endpoints.values()):
                endpoint.abandoned.set()
                self.dispose(endpoint.container)

    def wait_until_stopped(self) -> None:
        """Wait for containers that are being stopped."""
        for thread in self._stopping:
            thread.join(STOP_SECONDS)
