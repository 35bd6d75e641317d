"""Fixtures of the unit tests."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.fakes.hub import Hub
from tests.unit.hub_lookups import NAME, TINY, TOKEN

# Other programs can slow a machine down at any moment: that is no fault of a test.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub({NAME: TINY}, tokens={TOKEN}) as server:
        yield server
