"""Deployments through HyperPod's inference operator."""

from tests.fakes.kubernetes.actor import wait
from tests.lifecycle.clusters.cluster import Cluster
from tests.lifecycle.clusters.marks import in_process, with_operator


@with_operator
def test_the_operators_object_is_followed_to_its_end(cluster: Cluster) -> None:
    cluster.deploy("--no-test")
    assert cluster.deployed("InferenceEndpointConfig")["status"]["state"] == "DeploymentComplete"
    cluster.api.calls.clear()
    cluster.deploy("--no-test")
    assert cluster.changing == []


@with_operator
def test_why_the_operator_gave_up_is_told(cluster: Cluster) -> None:
    cluster.actor.operator_fails = "no capacity for ml.g6e.xlarge"
    ran = cluster.run("deploy", "--no-test")
    assert ran.code == 4 and "no capacity for ml.g6e.xlarge" in ran.seen
    wait(lambda: not cluster.objects())


@in_process
@with_operator
def test_a_cluster_without_the_operator_is_told(cluster: Cluster) -> None:
    del cluster.api.store.known["inference.sagemaker.aws.amazon.com/v1"]
    ran = cluster.run("deploy")
    assert (ran.code, ran.id) == (3, "unknown-kind") and "inference.sagemaker" in ran.seen
