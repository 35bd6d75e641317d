"""do/clean deletes the objects of a project in a cluster, and no others."""

from tests.lifecycle.clusters.cluster import NAMESPACE, Cluster
from tests.lifecycle.clusters.marks import every_kind


@every_kind
def test_clean_leaves_nothing_and_proves_it(cluster: Cluster) -> None:
    cluster.deploy("--no-test")
    other = {"metadata": {"name": "somebody-elses"}, "data": {"a": "b"}}
    cluster.actor.create(f"/api/v1/namespaces/{NAMESPACE}/configmaps", other)
    ran = cluster.run("clean", "--yes")
    assert ran.code == 0, ran.said
    assert list(cluster.objects()) == ["ConfigMap somebody-elses"]
    assert ran.document["result"]["left"] == [] and ran.document["result"]["deleted"]
    receipts = list((cluster.project / ".do").glob("clean-*.json"))
    assert len(receipts) == 1
    again = cluster.run("clean", "--yes")
    assert again.code == 0 and again.document["result"]["deleted"] == []


def test_clean_leaves_an_object_that_only_has_the_labels(cluster: Cluster) -> None:
    cluster.deploy("--no-test")
    labels = cluster.deployed()["metadata"]["labels"]
    forged = {"metadata": {"name": "payments", "labels": labels}, "data": {"a": "b"}}
    cluster.actor.create(f"/api/v1/namespaces/{NAMESPACE}/configmaps", forged)
    ran = cluster.run("clean", "--yes")
    assert ran.code == 0, ran.said
    assert list(cluster.objects()) == ["ConfigMap payments"]


def test_clean_survives_faults_and_asks_first(cluster: Cluster) -> None:
    cluster.deploy()
    before = cluster.objects()
    ran = cluster.run("clean")
    assert (ran.code, ran.id) == (2, "not-asked") and cluster.objects() == before
    cluster.api.fault("DELETE", 429, times=3)
    cluster.api.fault("DELETE .*services", 500)
    cluster.api.fault("GET .*pods", 0, times=2)
    assert cluster.run("clean", "--yes").code == 0
    assert cluster.objects() == {}


def test_what_a_finalizer_holds_is_told(cluster: Cluster) -> None:
    cluster.deploy()
    service = f"/api/v1/namespaces/{NAMESPACE}/services/abalone"
    cluster.actor.patch(service, {"metadata": {"finalizers": ["example.com/held"]}})
    ran = cluster.run("clean", "--yes", MCC_DO_DELETE_SECONDS="1")
    assert (ran.code, ran.id) == (6, "left-behind") and "Service abalone" in ran.seen
    cluster.actor.patch(service, {"metadata": {"finalizers": None}})
    assert cluster.run("clean", "--yes").code == 0 and cluster.objects() == {}
