"""The AWS stand-in: one for the session, empty for every test."""

from collections.abc import Iterator

import pytest

from tests.lifecycle.deployment import Deployment
from tests.standins.aws.server import AwsStandIn


@pytest.fixture(scope="session")
def aws_server() -> Iterator[AwsStandIn]:
    """Return the stand-in of this session."""
    aws = AwsStandIn()
    aws.start()
    yield aws
    aws.stop()


@pytest.fixture
def aws(aws_server: AwsStandIn) -> Iterator[AwsStandIn]:
    """Return an empty AWS: `calls`, `fault(...)`, `enforce(...)`, `boto3_client(...)`, `environment()`."""
    aws_server.reset()
    yield aws_server
    aws_server.reset()


@pytest.fixture
def deployment(aws: AwsStandIn) -> Deployment:
    """Return what deploys to an empty AWS, call by call."""
    return Deployment(aws)
