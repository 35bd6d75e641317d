"""The permissions that a command requires, in the cluster and in AWS."""

import tomllib
from pathlib import Path

import copier
import pytest

from tests.fakes.aws.server import SECRET_KEY
from tests.fakes.kubernetes.actor import wait
from tests.lifecycle.clusters.cluster import ANSWERS, OPTIONS, Cluster, Object


@pytest.mark.parametrize(
    ("denied", "named"),
    [
        ({"patch deployments", "delete services"}, "delete services, patch deployments"),
        ({"list pods"}, "list pods"),
    ],
)
def test_missing_rights_are_all_named_before_anything_is_applied(
    cluster: Cluster, denied: set[str], named: str
) -> None:
    cluster.api.denied |= denied
    for verb in ("plan", "deploy"):
        ran = cluster.run(verb)
        assert (ran.code, ran.id) == (3, "no-rights") and named in ran.seen
    assert cluster.changing == [] and cluster.objects() == {}


def test_nodes_that_must_not_be_seen_are_not_needed(cluster: Cluster) -> None:
    cluster.api.denied |= {"list nodes", "get namespaces", "list events"}
    assert cluster.run("plan").document["result"]["capacity"] == {}
    cluster.deploy()


def test_a_refusal_that_comes_late_is_undone(cluster: Cluster) -> None:
    """A webhook of the cluster can refuse a request that the dry run accepted."""
    cluster.api.fault("PATCH .*services/abalone.fieldManager=[a-z-]*&force", 403)
    ran = cluster.run("deploy")
    assert (ran.code, ran.id) == (3, "forbidden")
    wait(lambda: not cluster.objects())


def test_an_unknown_identity_is_told_how_to_get_in(cluster: Cluster) -> None:
    cluster.api.keys = ("another key", SECRET_KEY)
    ran = cluster.run("deploy")
    assert (ran.code, ran.id) == (3, "no-cluster-access")
    assert "create-access-entry --cluster-name ml-cluster-eks" in ran.document["next"][0]


def test_a_token_is_for_one_cluster(cluster: Cluster) -> None:
    cluster.api.name = "another-cluster"
    ran = cluster.run("plan")
    assert (ran.code, ran.id) == (3, "no-cluster-access")
    assert cluster.is_real or "another cluster's" in ran.seen  # a real server gives no reason


def test_the_policy_of_clean_covers_the_resources_of_builds(template: Path, tmp_path: Path) -> None:
    answers = {**ANSWERS, "build_target": "codebuild"}
    copier.run_copy(str(template), tmp_path / "abalone", data=answers, **OPTIONS)
    statements = tomllib.loads((tmp_path / "abalone" / "iam" / "builds.toml").read_text())["statements"]
    actions = {action for statement in statements for action in statement["Action"]}
    assert all(statement["for"] == ["clean"] for statement in statements)
    assert {"codebuild:BatchGetProjects", "iam:GetRole", "s3:GetBucketTagging", "s3:ListBucket"} <= actions


# Actions that are only called after an error.
RARE = {"sagemaker:ListClusters"}
CALLED = ("plan", "deploy", "status", "logs --no-follow", "test --remote", "clean --yes --images")


@pytest.mark.parametrize("cluster", ["chat"], indirect=True)
def test_the_policy_of_a_command_is_enough_and_no_more(cluster: Cluster) -> None:
    for words in CALLED:
        verb, *arguments = words.split()
        cluster.aws.enforce()
        told = cluster.run("doctor", "--policy", verb, "--account", "123456789012")
        assert told.code == 0, told.said
        document = told.document["result"]["policy"]
        cluster.aws.enforce(document)
        cluster.aws.forget_calls()
        ran = cluster.run(verb, *([*arguments, "--no-test"] if verb == "deploy" else arguments))
        assert ran.code == (6 if verb == "test" else 0), ran.said  # its server has no chat
        called = {need.action for call in cluster.aws.calls for need in call.needs}
        allowed = {action for statement in document["Statement"] for action in statement["Action"]}
        assert allowed - called <= RARE, verb


def test_doctor_tells_what_is_missing_in_the_cluster(cluster: Cluster) -> None:
    def finding() -> Object:
        checks: list[Object] = cluster.run("doctor").document["result"]["checks"]
        return next(check for check in checks if check["id"] in ("cluster", "no-rights"))

    assert finding()["severity"] == "ok" and "capacity for 3 pods" in finding()["seen"]
    cluster.api.denied.add("patch deployments")
    assert (finding()["id"], finding()["severity"]) == ("no-rights", "error")
