"""Status, logs and requests of a deployment in a cluster."""

import json
import subprocess
import sys

import pytest

from extensions.mcc.models.s3 import digest
from extensions.mcc.models.s3_client import Object
from tests.fakes.kubernetes.actor import wait
from tests.lifecycle.clusters.cluster import NAMESPACE, Cluster


def test_status_tells_pods_and_why_they_do_not_serve(cluster: Cluster) -> None:
    assert cluster.run("status").document["result"] == {"deployed": False}
    cluster.deploy()
    status = cluster.run("status").document["result"]
    assert status["serves"] and status["progress"] == "2 of 2 pods are ready"
    assert [pod["state"] for pod in status["pods"]] == ["Ready", "Ready"]
    cluster.actor.behave = lambda pod: "oom"
    # A server omits a count of 0.
    wait(
        lambda: "OOMKilled" in str(cluster.objects()) and "readyReplicas" not in cluster.deployed()["status"]
    )
    ran = cluster.run("status")
    assert not ran.document["result"]["serves"] and ran.id == "out-of-memory"


def test_logs_follow_every_pod_and_those_that_come_later(cluster: Cluster) -> None:
    cluster.deploy()
    written: dict[str, list[str]] = {}
    cluster.api.logs = lambda pod, previous: written.setdefault(pod, ["started"])
    ran = cluster.run("logs", "--no-follow")
    assert ran.code == 0
    process = subprocess.Popen(
        [sys.executable, "do/logs"],
        cwd=cluster.project,
        env=cluster.aws.environment(MCC_DO_POLL_SECONDS="0.1"),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        first = {process.stdout.readline().split(":")[0] for _ in range(2)}
        assert first == {name[4:] for name in cluster.objects() if name.startswith("Pod ")}
        written[next(iter(first))].append("answered")
        assert process.stdout.readline().endswith(": answered\n")
        path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/abalone"
        cluster.actor.patch(path, {"spec": {"replicas": 3}})
        assert process.stdout.readline().split(":")[0] not in first
    finally:
        process.terminate()
        process.wait(10)


def test_a_request_reaches_a_pod_through_the_cluster(cluster: Cluster) -> None:
    cluster.deploy("--no-test")
    rows = cluster.project / "rows.json"
    rows.write_text(json.dumps({"instances": [[0.123456789] * 7] * 50_000}))
    answer = cluster.run("test", "--remote", "--data", str(rows))
    assert answer.code == 0, answer.said
    assert answer.document["result"]["predictions"] == [50_000.0] * 50_000
    cluster.api.denied.add("get pods/portforward")
    refused = cluster.run("test", "--remote")
    assert (refused.code, refused.id, refused.seen) == (3, "forbidden", "403 Handshake status 403 Forbidden")
    cluster.push()
    deployed = cluster.run("deploy")
    assert (deployed.code, deployed.id) == (3, "forbidden") and "it is deployed" in deployed.said
    cluster.run("clean", "--yes")
    assert cluster.run("test", "--remote").id == "nothing-serves"


@pytest.mark.parametrize("cluster", ["chat"], indirect=True)
def test_files_on_s3_that_changed_since_the_copy_are_shown(cluster: Cluster) -> None:
    s3, library = cluster.aws.boto3_client("s3"), "do/lifecycle/chosen.py"
    s3.create_bucket(Bucket="team-models")
    s3.put_object(Bucket="team-models", Key="mine/config.json", Body=b"{}")
    (item,) = s3.list_objects_v2(Bucket="team-models")["Contents"]
    known = digest([Object(item["Key"], item["Size"], item["ETag"], "STANDARD")])
    cluster.edit(library, 'MODEL_DIGEST = ""', f'MODEL_DIGEST = "{known}"')
    cluster.edit(library, 'HUB_MODEL = "Qwen/Qwen3-8B"', 'HUB_MODEL = "s3://team-models/mine/"')

    def found(verb: str) -> list[str]:
        return [
            item["what"] for item in cluster.run(verb).document["findings"] if item["id"] == "model-source"
        ]

    assert found("plan") == found("doctor") == []
    s3.put_object(Bucket="team-models", Key="mine/config.json", Body=b"other")
    assert found("plan") == found("doctor") == ["the files in s3://team-models/mine/ changed since the copy"]
