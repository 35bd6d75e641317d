"""The resources that serve a model, kept to be restored without the calls that created them."""

import copy
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends

from tests.fakes.aws.containers import Container
from tests.fakes.aws.resources import Component, Endpoint
from tests.fakes.aws.wire import ACCOUNT
from tests.fakes.aws.world import World

REGION = "us-east-1"
KINDS = ("configs", "models", "endpoints", "components", "targets", "policies")


def empty(world: World) -> None:
    """Delete the resources that serve models and the alarms in a Region, without calls."""
    world.stop()
    region = world.region(REGION)
    for kind in (*KINDS, "jobs", "descriptions"):
        getattr(region, kind).clear()
    cloudwatch_backends[ACCOUNT][REGION].alarms.clear()


@dataclass(frozen=True)
class Snapshot:
    """The resources in a stable state, by kind and name; their containers keep running until `close`."""

    kept: dict[str, dict[Any, Any]]
    alarms: dict[str, Any]

    @classmethod
    def take(cls, world: World) -> "Snapshot":
        """Take the resources out of the world, and put copies there."""
        region = world.region(REGION)
        alarms = dict(cloudwatch_backends[ACCOUNT][REGION].alarms)
        snapshot = cls({kind: getattr(region, kind) for kind in KINDS}, alarms)
        snapshot.restore(world)
        return snapshot

    def restore(self, world: World) -> None:
        """Put copies of the resources into the world, which has none."""
        # Events cannot be copied, and the world must not stop the containers of copies.
        replaced: dict[int, Any] = {}
        for item in self._running():
            replaced[id(item.abandoned)] = threading.Event()
            if item.container:
                replaced[id(item.container)] = replace(item.container, stop=lambda: None)
        region = world.region(REGION)
        with world.lock:
            for kind, items in copy.deepcopy(self.kept, replaced).items():
                setattr(region, kind, items)
            cloudwatch_backends[ACCOUNT][REGION].alarms.update(self.alarms)

    def close(self) -> None:
        """Stop the containers."""
        containers: list[Container | None] = [item.container for item in self._running()]
        for container in containers:
            if container:
                container.stop()

    def _running(self) -> Iterator[Endpoint | Component]:
        """Yield the resources that can have a container."""
        yield from self.kept["endpoints"].values()
        yield from self.kept["components"].values()
