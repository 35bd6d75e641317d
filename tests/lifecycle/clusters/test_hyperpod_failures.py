"""A failed rollout is explained and rolled back."""

import re
import subprocess
import sys
import time

import pytest

from tests.fakes.kubernetes.actor import wait
from tests.lifecycle.clusters.cluster import NAMESPACE, Cluster, Object
from tests.lifecycle.clusters.marks import with_gpus

FAILURES = {
    "image": (3, "image-not-pulled", "ImagePullBackOff"),
    "config": (2, "container-not-made", 'secret "hf-token" not found'),
    "oom": (4, "out-of-memory", "killed at the limit of 5.7 GiB"),
    "crash": (4, "server-crashing", "ended 2 times, last with code 3; its last line: no model in /opt/ml"),
    "probe": (4, "probe-failing", "HTTP probe failed with statuscode: 502"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_what_does_not_come_to_serve_is_explained_and_removed(cluster: Cluster, failure: str) -> None:
    cluster.actor.behave = lambda pod: failure
    cluster.api.logs = lambda pod, previous: ["loading", "no model in /opt/ml/model"]
    ran = cluster.run("deploy")
    code, name, seen = FAILURES[failure]
    assert (ran.code, ran.id) == (code, name), ran.said
    assert seen in ran.seen and ran.seen.endswith("the created objects are deleted")
    assert "no model in /opt/ml/model" in ran.said
    wait(lambda: not cluster.objects())


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failing_change_gives_way_to_what_was_before(cluster: Cluster, failure: str) -> None:
    cluster.deploy()
    before = cluster.deployed()["spec"]
    digest = cluster.push()
    cluster.edit("kubernetes/settings.env", "SERVING_THREADS=16", "SERVING_THREADS=8")
    cluster.actor.behave = lambda pod: failure if digest in str(pod["spec"]) else "ready"
    ran = cluster.run("deploy")
    assert ran.id == FAILURES[failure][1] and ran.seen.endswith("rolled back to the previous version"), (
        ran.said
    )
    assert cluster.deployed()["spec"] == before

    def settled() -> bool:
        pods = [entry for name, entry in cluster.objects().items() if name.startswith("Pod ")]
        return len(pods) == 2 and all(digest not in str(pod["spec"]) for pod in pods)

    wait(settled)
    cluster.actor.behave = lambda pod: "ready"
    cluster.deploy()
    assert digest in str(cluster.deployed()["spec"])


@with_gpus
def test_a_pod_without_a_node_says_which_resource_is_short(cluster: Cluster) -> None:
    cluster.deploy("--no-test")
    cluster.edit("kubernetes/deployment.yaml", "replicas: 1", "replicas: 4")
    plan = cluster.run("plan").document
    assert plan["result"]["capacity"]["free_gpus"] == 1
    ran = cluster.run("deploy", "--no-test")
    assert (ran.code, ran.id) == (4, "pod-unschedulable")
    assert "2 Insufficient nvidia.com/gpu" in ran.seen
    assert ran.document["findings"][0]["cause"] == "insufficient cpu, memory, nvidia.com/gpu"
    assert cluster.deployed()["spec"]["replicas"] == 1


@with_gpus
def test_little_room_is_told_before(cluster: Cluster) -> None:
    for number in range(2):
        pod = {
            "metadata": {"name": f"other-{number}"},
            "spec": {
                "nodeName": f"gpu-{number}",
                "containers": [{"name": "x", "image": "x", "resources": {"limits": {"nvidia.com/gpu": "1"}}}],
            },
        }
        cluster.actor.create(f"/api/v1/namespaces/{NAMESPACE}/pods", pod)
    plan = cluster.run("plan")
    assert plan.id == "little-room" and "0 of 2 GPUs are free" in plan.seen


def test_a_node_that_goes_does_not_end_the_rollout(cluster: Cluster) -> None:
    lost: list[str] = []

    def behave(pod: Object) -> str:
        if not lost:
            lost.append(pod["metadata"]["name"])
        return "evicted" if pod["metadata"]["name"] in lost else "ready"

    cluster.actor.behave = behave
    ran = cluster.deploy()
    assert "TaintManagerEviction" in ran.said
    serving = [e for n, e in cluster.objects().items() if n.startswith("Pod ") and n[4:] not in lost]
    assert len(serving) == 2


def test_a_pod_that_never_becomes_ready_is_given_up(cluster: Cluster) -> None:
    cluster.actor.behave = lambda pod: "starting"
    cluster.edit("kubernetes/deployment.yaml", "progressDeadlineSeconds: 1200", "progressDeadlineSeconds: 4")
    ran = cluster.run("deploy")
    assert (ran.code, ran.id) == (4, "rollout-timed-out") and re.match("[12] (Running|Pending)", ran.seen)
    wait(lambda: not cluster.objects())


def test_a_deployment_that_answers_wrongly_stays_and_is_told(cluster: Cluster) -> None:
    cluster.server.status = 500
    ran = cluster.run("deploy")
    assert (ran.code, ran.id) == (6, "not-predicted")
    assert "Deployment abalone" in cluster.objects()


def test_an_interrupted_wait_says_what_goes_on(cluster: Cluster) -> None:
    cluster.actor.behave = lambda pod: "starting"
    process = subprocess.Popen(
        [sys.executable, "do/deploy"],
        cwd=cluster.project,
        env=cluster.aws.environment(MCC_DO_POLL_SECONDS="0.1"),
        stderr=subprocess.PIPE,
        text=True,
    )
    wait(lambda: "Deployment abalone" in cluster.objects())
    time.sleep(0.5)
    process.send_signal(2)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130 and "the rollout continues" in said and "do/clean" in said
    cluster.actor.behave = lambda pod: "ready"
    cluster.deploy()
