"""Plans and deployments on a HyperPod cluster, against a fake Kubernetes API and a fake AWS."""

import re

from tests.lifecycle.clusters.cluster import Cluster
from tests.lifecycle.clusters.marks import every_kind


@every_kind
def test_a_plan_shows_what_would_be_and_changes_nothing(cluster: Cluster) -> None:
    cluster.aws.forget_calls()  # pushing the image is one
    plan = cluster.run("plan")
    assert plan.code == 0, plan.said
    result = plan.document["result"]
    assert {change["action"] for change in result["changes"]} == {"create"}
    assert re.fullmatch(r".*/(abalone|chat|operated)@sha256:[0-9a-f]{64}", result["image"])
    room = result["capacity"]
    gpus = 0 if cluster.project.name == "abalone" else 2
    assert (room["gpus"], room["free_gpus"]) == (gpus, gpus)
    assert room["room_for_pods"] == (3 if gpus == 0 else 2)
    assert cluster.objects() == {} and cluster.changing == [] and not cluster.aws.mutations


@every_kind
def test_a_plan_without_credentials_shows_the_first_deployment(cluster: Cluster) -> None:
    none = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}
    plan = cluster.run("plan", **none)
    assert plan.code == 3 and plan.id == "no-credentials", plan.said
    result = plan.document["result"]
    assert {change["action"] for change in result["changes"]} == {"create"}
    assert result["image"].startswith(cluster.project.name)
    assert cluster.run("clean", "--yes", **none).id == "no-credentials"


def test_what_is_deployed_serves_and_a_second_time_changes_nothing(cluster: Cluster) -> None:
    first = cluster.deploy()
    assert first.document["result"]["answer"]["predictions"] == [1.0]
    before = cluster.objects()
    assert {name.split()[0] for name in before} == {
        "ConfigMap",
        "Deployment",
        "NetworkPolicy",
        "Pod",
        "PodDisruptionBudget",
        "ReplicaSet",
        "Service",
    }
    assert len([name for name in before if name.startswith("Pod ")]) == 2
    cluster.api.calls.clear()
    second = cluster.deploy()
    assert {change["action"] for change in second.document["result"]["changes"]} == {"keep"}
    assert cluster.changing == []
    versions = {name: entry["metadata"]["resourceVersion"] for name, entry in before.items()}
    assert {n: e["metadata"]["resourceVersion"] for n, e in cluster.objects().items()} == versions
    assert all(change["differences"] == [] for change in cluster.run("plan").document["result"]["changes"])


def test_the_image_goes_by_digest_and_another_one_is_rolled_out(cluster: Cluster) -> None:
    cluster.deploy()
    digest = cluster.push()
    plan = cluster.run("plan").document["result"]["changes"]
    changed = {change["object"]: change["differences"] for change in plan if change["action"] == "change"}
    assert list(changed) == ["Deployment abalone"]
    assert len(changed["Deployment abalone"]) == 1 and "containers[server].image" in str(changed)
    cluster.deploy()
    pods = [entry for name, entry in cluster.objects().items() if name.startswith("Pod ")]
    assert len(pods) == 2
    assert all(pod["spec"]["containers"][0]["image"].endswith(digest) for pod in pods)


def test_other_settings_make_another_config_map_and_new_pods(cluster: Cluster) -> None:
    cluster.deploy()
    before = {name for name in cluster.objects() if name.startswith("ConfigMap")}
    cluster.edit("kubernetes/settings.env", "SERVING_THREADS=16", "SERVING_THREADS=8")
    cluster.deploy()
    new = {name for name in cluster.objects() if name.startswith("ConfigMap")} - before
    assert len(new) == 1
    used = cluster.deployed()["spec"]["template"]["spec"]["containers"][0]["envFrom"][0]["configMapRef"]
    assert f"ConfigMap {used['name']}" in new
