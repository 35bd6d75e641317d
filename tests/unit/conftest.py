"""Fixtures of the unit tests."""

from collections.abc import Iterator

import pytest

from tests.fakes.hub import Hub
from tests.unit.hub_lookups import NAME, TINY, TOKEN


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub({NAME: TINY}, tokens={TOKEN}) as server:
        yield server
