"""The commands on a HyperPod cluster, against a Kubernetes API and an AWS that stand in."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import copier
import pytest

from tests.lifecycle.forks import Forks
from tests.lifecycle.hyperpod import ANSWERS, GPU_ANSWERS, NAMESPACE, Cluster, Object
from tests.standins.aws.server import ACCESS_KEY, SECRET_KEY, AwsStandIn
from tests.standins.aws.world import Cluster as HyperPodCluster
from tests.standins.kubernetes.actor import Actor, wait
from tests.standins.kubernetes.api import KubernetesApi
from tests.standins.kubernetes.real import ADMIN, RealApiServer
from tests.standins.kubernetes.store import EXTENSIONS

OPTIONS: dict[str, Any] = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}


@pytest.fixture(scope="module")
def projects(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a predictive project, one of a language model, and one for the inference operator."""
    folder = tmp_path_factory.mktemp("projects")
    operator = {**GPU_ANSWERS, "hyperpod_mode": "operator"}
    for name, answers in (("abalone", ANSWERS), ("chat", GPU_ANSWERS), ("operated", operator)):
        copier.run_copy(str(template), folder / name, data=answers, **OPTIONS)
        (folder / name / ".venv").symlink_to(sys.prefix)
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    """Return what runs the commands quickly."""
    made = Forks(Path(sys.executable))
    yield made
    made.close()


@pytest.fixture(scope="module")
def servers() -> Iterator[list[RealApiServer]]:
    """Return where to keep a real API server for all tests of this module."""
    kept: list[RealApiServer] = []
    yield kept
    for server in kept:
        server.close()


@pytest.fixture
def cluster(
    request: pytest.FixtureRequest,
    aws: AwsStandIn,
    projects: dict[str, Path],
    tmp_path: Path,
    certificates: Path,
    servers: list[RealApiServer],
    forks: Forks,
) -> Iterator[Cluster]:
    """Return a cluster with nodes for the project that a test names, predictive when it names none.

    With REAL_CLUSTER=1 in the environment a real kube-apiserver keeps its objects (`make test-cluster`).
    """
    name = getattr(request, "param", "abalone")
    project = tmp_path / name
    shutil.copytree(projects[name], project, symlinks=True)
    api = KubernetesApi("ml-cluster-eks", ACCESS_KEY, SECRET_KEY, certificates)
    api.trusted.add(ADMIN)
    api.store.known |= EXTENSIONS if name == "operated" else {}
    actor = Actor(api.url, api.certificate, ADMIN)
    if os.environ.get("REAL_CLUSTER"):
        if not servers:
            servers.append(RealApiServer(certificates, api.certificate, api.key))
        servers[0].serve(api)
        actor.empty(NAMESPACE)
        of_2021(project)
    else:
        actor.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    for number in range(3):
        actor.node(f"cpu-{number}", "ml.c5.xlarge", cpu="3800m", memory="7Gi")
    for number in range(2):
        actor.node(f"gpu-{number}", "ml.g6e.xlarge", cpu="3800m", memory="30Gi", gpus="1")
    actor.start()
    aws.world.clusters["ml-cluster"] = HyperPodCluster("ml-cluster", api.url, api.authority)
    made = Cluster(aws, api, actor, project, forks)
    made.push()
    yield made
    made.close()


def of_2021(project: Path) -> None:
    """Put the versions into the manifests that a server of Kubernetes 1.20 knows; the fields are the same."""
    for path in (project / "kubernetes").glob("*.yaml"):
        path.write_text(path.read_text().replace("policy/v1\n", "policy/v1beta1\n"))


# What only a server that keeps the objects in this process can be made to do.
in_process = pytest.mark.skipif(bool(os.environ.get("REAL_CLUSTER")), reason="a real server has these anyway")
every_kind = pytest.mark.parametrize("cluster", ["abalone", "chat", "operated"], indirect=True)
with_gpus = pytest.mark.parametrize("cluster", ["chat"], indirect=True)
with_operator = pytest.mark.parametrize("cluster", ["operated"], indirect=True)


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


FAILURES = {
    "image": (3, "image-not-pulled", "ImagePullBackOff"),
    "config": (2, "container-not-made", 'secret "hf-token" not found'),
    "oom": (4, "out-of-memory", "killed at its limit of 5.7 GiB"),
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
    assert seen in ran.seen and ran.seen.endswith("what was made is deleted")
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
    assert ran.id == FAILURES[failure][1] and ran.seen.endswith("what was before is back"), ran.said
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
    assert ran.document["findings"][0]["cause"] == "too little free: cpu, memory, nvidia.com/gpu"
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
    """A webhook of the cluster may refuse what the dry run let pass."""
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
    assert cluster.is_real or "another cluster's" in ran.seen  # a real one does not say why


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
        "          emptyDir: {}",
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
    (wrong_cluster, 3, "no-cluster", "known there: ml-cluster"),
    (slurm, 3, "not-eks", "Slurm"),
    (failed_cluster, 3, "cluster-not-usable", "Failed"),
    (eks_in_creation, 3, "cluster-not-usable", "CREATING"),
    (no_namespace, 3, "no-namespace", "ml-cluster-eks"),
    (too_much_memory, 2, "pod-too-large", "asks for 80.0 GiB memory, a node gives 7.0 GiB"),
    (wrong_nodes, 3, "no-such-nodes", "it has ml.c5.xlarge, ml.g6e.xlarge"),
    pytest.param(no_queue, 3, "no-queue", "Kueue is not installed", marks=in_process),
    (no_claim, 3, "no-claim", NAMESPACE),
    (token_as_a_setting, 2, "secret-in-manifests", "sets HF_TOKEN"),
    (token_as_a_value, 2, "secret-in-manifests", "sets SERVING_EXTRA"),
    (a_patch, 2, "bad-manifest", "patches is not understood"),
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
    assert ran.id == "no-queue" and "known are none" in ran.seen
    path = f"/apis/kueue.x-k8s.io/v1beta1/namespaces/{NAMESPACE}/localqueues"
    cluster.actor.create(path, {"metadata": {"name": "q"}})
    cluster.deploy()
    assert cluster.deployed()["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "q"
    assert "kueue" not in str(cluster.deployed()["spec"])


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


def test_the_policy_of_clean_covers_the_resources_of_builds(template: Path, tmp_path: Path) -> None:
    answers = {**ANSWERS, "build_target": "codebuild"}
    copier.run_copy(str(template), tmp_path / "abalone", data=answers, **OPTIONS)
    statements = tomllib.loads((tmp_path / "abalone" / "iam" / "builds.toml").read_text())["statements"]
    actions = {action for statement in statements for action in statement["Action"]}
    assert all(statement["for"] == ["clean"] for statement in statements)
    assert {"codebuild:BatchGetProjects", "iam:GetRole", "s3:GetBucketTagging", "s3:ListBucket"} <= actions


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


def test_status_tells_pods_and_why_they_do_not_serve(cluster: Cluster) -> None:
    assert cluster.run("status").document["result"] == {"deployed": False}
    cluster.deploy()
    status = cluster.run("status").document["result"]
    assert status["serves"] and status["progress"] == "2 of 2 pods serve"
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
    assert process.returncode == 130 and "the rollout goes on" in said and "do/clean" in said
    cluster.actor.behave = lambda pod: "ready"
    cluster.deploy()


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


# What is only called when something is wrong.
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
        assert ran.code == (6 if verb == "test" else 0), ran.said  # its server does not chat
        called = {need.action for call in cluster.aws.calls for need in call.needs}
        allowed = {action for statement in document["Statement"] for action in statement["Action"]}
        assert allowed - called <= RARE, verb


def test_doctor_tells_what_is_missing_in_the_cluster(cluster: Cluster) -> None:
    def finding() -> Object:
        checks: list[Object] = cluster.run("doctor").document["result"]["checks"]
        return next(check for check in checks if check["id"] in ("cluster", "no-rights"))

    assert finding()["severity"] == "ok" and "room for 3 pods" in finding()["seen"]
    cluster.api.denied.add("patch deployments")
    assert (finding()["id"], finding()["severity"]) == ("no-rights", "error")
