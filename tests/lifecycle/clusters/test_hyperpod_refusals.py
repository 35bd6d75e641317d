"""Invalid input is refused before anything is applied."""

from typing import Any

import pytest

from tests.fakes.kubernetes.store import EXTENSIONS
from tests.lifecycle.clusters.cluster import NAMESPACE, Cluster
from tests.lifecycle.clusters.marks import in_process


def test_what_others_have_set_is_not_overruled_unasked(cluster: Cluster) -> None:
    cluster.deploy()
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/abalone"
    cluster.actor.patch(path, {"spec": {"replicas": 1}})
    ran = cluster.run("deploy")
    assert (ran.code, ran.id) == (4, "apply-conflict")
    assert ".spec.replicas" in ran.document["findings"][0]["what"] and "kubectl-edit" in ran.seen
    assert cluster.deployed()["spec"]["replicas"] == 1
    cluster.deploy("--force")
    assert cluster.deployed()["spec"]["replicas"] == 2


def wrong_cluster(cluster: Cluster) -> None:
    cluster.edit("do/config.toml", '"ml-cluster"', '"ml-clutser"')


def slurm(cluster: Cluster) -> None:
    cluster.aws.world.clusters["ml-cluster"].orchestrator = "Slurm"


def failed_cluster(cluster: Cluster) -> None:
    cluster.aws.world.clusters["ml-cluster"].status = "Failed"


def eks_in_creation(cluster: Cluster) -> None:
    cluster.aws.world.clusters["ml-cluster"].eks_status = "CREATING"


def no_namespace(cluster: Cluster) -> None:
    cluster.edit("kubernetes/kustomization.yaml", NAMESPACE, "elsewhere")


def too_much_memory(cluster: Cluster) -> None:
    cluster.edit("kubernetes/deployment.yaml", '"5836Mi"', '"80Gi"')


def wrong_nodes(cluster: Cluster) -> None:
    cluster.edit("kubernetes/deployment.yaml", "ml.c5.xlarge", "ml.c5.9xlarge")


def no_queue(cluster: Cluster) -> None:
    cluster.edit(
        "kubernetes/deployment.yaml",
        "spec:\n  replicas",
        "  labels:\n    kueue.x-k8s.io/queue-name: q\nspec:\n  replicas",
    )


def no_claim(cluster: Cluster) -> None:
    cluster.edit(
        "kubernetes/deployment.yaml",
        '          emptyDir:\n            sizeLimit: "2048Mi"',
        "          persistentVolumeClaim:\n            claimName: weights",
    )


def token_as_a_setting(cluster: Cluster) -> None:
    with (cluster.project / "kubernetes" / "settings.env").open("a") as file:
        file.write("HF_TOKEN=not-even-a-real-one\n")


def token_as_a_value(cluster: Cluster) -> None:
    with (cluster.project / "kubernetes" / "settings.env").open("a") as file:
        file.write(f"SERVING_EXTRA=hf_{'a' * 34}\n")


def a_patch(cluster: Cluster) -> None:
    with (cluster.project / "kubernetes" / "kustomization.yaml").open("a") as file:
        file.write("patches: []\n")


def no_yaml(cluster: Cluster) -> None:
    (cluster.project / "kubernetes" / "service.yaml").write_text("kind: [")


def misspelt_field(cluster: Cluster) -> None:
    cluster.edit("kubernetes/service.yaml", "targetPort", "targetport")


def somebody_elses(cluster: Cluster) -> None:
    service = {"metadata": {"name": "abalone"}, "spec": {"ports": [{"port": 80}]}}
    cluster.actor.create(f"/api/v1/namespaces/{NAMESPACE}/services", service)


def nothing_pushed(cluster: Cluster) -> None:
    cluster.aws.boto3_client("ecr").batch_delete_image(
        repositoryName="abalone", imageIds=[{"imageTag": "latest"}]
    )


BAD = [
    (wrong_cluster, 3, "no-cluster", "available: ml-cluster"),
    (slurm, 3, "not-eks", "Slurm"),
    (failed_cluster, 3, "cluster-not-usable", "Failed"),
    (eks_in_creation, 3, "cluster-not-usable", "CREATING"),
    (no_namespace, 3, "no-namespace", "ml-cluster-eks"),
    (too_much_memory, 2, "pod-too-large", "requests 80.0 GiB memory, a node has 7.0 GiB"),
    (wrong_nodes, 3, "no-such-nodes", "it has ml.c5.xlarge, ml.g6e.xlarge"),
    pytest.param(no_queue, 3, "no-queue", "Kueue is not installed", marks=in_process),
    (no_claim, 3, "no-claim", NAMESPACE),
    (token_as_a_setting, 2, "secret-in-manifests", "sets HF_TOKEN"),
    (token_as_a_value, 2, "secret-in-manifests", "sets SERVING_EXTRA"),
    (a_patch, 2, "bad-manifest", "do not support patches"),
    (no_yaml, 2, "bad-manifest", "flow"),
    (misspelt_field, 2, "invalid-object", "targetport"),
    (somebody_elses, 7, "not-ours", "labels"),
    (nothing_pushed, 3, "no-image", "abalone:latest"),
]


@pytest.mark.parametrize(
    ("spoil", "code", "name", "seen"), BAD, ids=lambda value: getattr(value, "__name__", "")
)
def test_bad_input_is_refused_before_anything_is_applied(
    cluster: Cluster, spoil: Any, code: int, name: str, seen: str
) -> None:
    spoil(cluster)
    before = cluster.objects()
    ran = cluster.run("deploy")
    assert (ran.code, ran.id) == (code, name), ran.said
    assert seen in ran.seen
    assert cluster.changing == [] and cluster.objects() == before
    assert "hf_aaaa" not in ran.said + str(ran.document) and "not-even" not in ran.said


@in_process
def test_a_queue_that_exists_is_used(cluster: Cluster) -> None:
    cluster.api.store.known |= EXTENSIONS
    no_queue(cluster)
    ran = cluster.run("deploy")
    assert ran.id == "no-queue" and "available: none" in ran.seen
    path = f"/apis/kueue.x-k8s.io/v1beta1/namespaces/{NAMESPACE}/localqueues"
    cluster.actor.create(path, {"metadata": {"name": "q"}})
    cluster.deploy()
    assert cluster.deployed()["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "q"
    assert "kueue" not in str(cluster.deployed()["spec"])


def test_nothing_is_deployed_without_a_request_to_test_it_with(cluster: Cluster) -> None:
    (cluster.project / "model" / "examples.json").unlink()
    cluster.push()
    ran = cluster.run("deploy")
    assert (ran.code, ran.id) == (2, "no-data")
    assert "create" not in ran.said
    assert cluster.run("deploy", "--no-test").code == 0
