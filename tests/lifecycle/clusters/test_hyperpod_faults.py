"""A Kubernetes API that fails, is slow, or disappears."""

from typing import Any

import pytest

from tests.lifecycle.clusters.cluster import Cluster
from tests.lifecycle.clusters.marks import in_process

FAULTS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "too busy": ("GET", 429, {"times": 2, "headers": {"Retry-After": "0"}}),
    "server error": ("PATCH .*deployments", 500, {}),
    "unavailable": ("GET .*deployments", 503, {"times": 2}),
    "cut while reading": ("GET .*pods", 0, {"times": 2}),
    "cut while applying": ("PATCH .*services/abalone.fieldManager=[a-z-]*&force", 0, {}),
    "timeout of the server": ("PATCH", 504, {}),
    "slow": ("GET .*nodes", 0, {"seconds": 6.0}),
    "first call": ("GET .*namespaces", 0, {}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_is_survived(cluster: Cluster, fault: str) -> None:
    pattern, status, details = FAULTS[fault]
    armed = cluster.api.fault(pattern, status, **details)
    cluster.deploy()
    assert armed.struck == armed.times
    assert all(change["action"] == "keep" for change in cluster.run("plan").document["result"]["changes"])


@in_process
def test_a_listing_that_expires_is_read_again(cluster: Cluster) -> None:
    cluster.api.page = 2
    armed = cluster.api.fault("GET .*nodes.*continue", 410)
    assert cluster.run("plan").document["result"]["capacity"]["nodes"] == 3
    assert armed.struck == 1


def test_a_cluster_that_goes_away_leaves_things_as_they_are(cluster: Cluster) -> None:
    cluster.api.fault("(GET|PATCH) .*deployments/abalone", 0, times=100, skip=3)
    ran = cluster.run("deploy", MCC_DO_CALL_ATTEMPTS="2")
    assert (ran.code, ran.id) == (4, "cluster-unreachable"), ran.said
    assert "Deployment abalone" in cluster.objects()
    cluster.api.faults.clear()
    cluster.deploy()
