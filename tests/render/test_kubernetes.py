"""What is rendered for HyperPod: valid objects, as kustomize builds them, and nothing of the other target."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import copier
import jsonschema
import kubernetes_validate
import pytest
import yaml

from extensions.mcc.catalog import catalog
from tests import ownership
from tests.conftest import REPOSITORY, Render
from tests.standins.kubectl import kubectl

Object = dict[str, Any]
HYPERPOD: Object = {
    "deployment_target": "hyperpod-eks",
    "hyperpod_cluster": "ml-cluster",
    "hyperpod_namespace": "hyperpod-ns-team-a",
}
CHAT: Object = {**HYPERPOD, "deployment_config": "transformers-vllm", "offline": True}
OPERATOR: Object = {"hyperpod_mode": "operator"}
S3, FSX = "s3://bucket/models/mine/", "fsx://fs-0123456789abcdef0/mountname/models/mine"
VARIANTS: dict[str, Object] = {
    "predictive": HYPERPOD,
    "flask": {**HYPERPOD, "deployment_config": "http-flask", "framework": "xgboost", "hyperpod_replicas": 3},
    "tensorflow": {**HYPERPOD, "framework": "tensorflow", "serving_profile": "latency"},
    "scaled": {**HYPERPOD, "hyperpod_max_replicas": 4, "hyperpod_queue": "team-a"},
    "predictive-s3": {**HYPERPOD, "hyperpod_model_source": S3},
    "predictive-gpu": {**HYPERPOD, "instance_type": "ml.g5.xlarge"},
    "predictive-arm": {**HYPERPOD, "instance_type": "ml.c7g.xlarge"},
    "predictive-operator": {**HYPERPOD, **OPERATOR, "hyperpod_model_source": S3},
    "chat": CHAT,
    "sglang": {**CHAT, "deployment_config": "transformers-sglang"},
    "chat-many": {**CHAT, "model_name": "meta-llama/Llama-3.1-70B-Instruct", "hyperpod_replicas": 2},
    "chat-s3": {**CHAT, "model_name": "s3://bucket/models/chat/", "model_parameters": "7"},
    "chat-fsx": {**CHAT, "hyperpod_model_source": FSX, "hyperpod_token_secret": "hf-token"},
    "chat-claim": {**CHAT, "hyperpod_model_source": "pvc://fsx-claim/models/mine", "hyperpod_queue": "q"},
    "chat-operator": {**CHAT, **OPERATOR, "hyperpod_token_secret": "hf-token", "hyperpod_queue": "q"},
    "operator-s3": {**CHAT, **OPERATOR, "hyperpod_model_source": S3},
    "operator-fsx": {**CHAT, **OPERATOR, "hyperpod_model_source": FSX, "hyperpod_replicas": 2},
    "operator-claim": {**CHAT, **OPERATOR, "hyperpod_model_source": "pvc://fsx-claim/models/mine"},
    "trtllm": {**CHAT, "deployment_config": "transformers-tensorrt-llm"},
    "lmi": {**CHAT, "deployment_config": "transformers-lmi", "hyperpod_token_secret": "hf-token"},
    "djl-operator": {**CHAT, **OPERATOR, "deployment_config": "transformers-djl"},
    "triton-fil": {**HYPERPOD, "deployment_config": "triton-fil"},
    "triton-gpu": {**HYPERPOD, "deployment_config": "triton-onnxruntime", "instance_type": "ml.g5.xlarge"},
    "triton-python": {**HYPERPOD, "deployment_config": "triton-python", "hyperpod_max_replicas": 2},
    "triton-vllm": {**CHAT, "deployment_config": "triton-vllm", "hyperpod_token_secret": "hf-token"},
    "triton-operator": {**CHAT, **OPERATOR, "deployment_config": "triton-tensorrtllm"},
    "names": {**HYPERPOD, "project_name": "null", "hyperpod_namespace": "e1", "hyperpod_cluster": "1e3"},
}
KUBERNETES = "kubernetes/"
pytestmark = pytest.mark.xdist_group("kubernetes")  # one process renders for all of these


@pytest.fixture(scope="module")
def projects(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a project of each variant."""
    folder = tmp_path_factory.mktemp("hyperpod")
    options: Object = {"defaults": True, "unsafe": True, "quiet": True, "skip_tasks": True}
    for name, answers in VARIANTS.items():
        copier.run_copy(str(template), folder / name, data=answers, **options)
    return {name: folder / name for name in VARIANTS}


def test_files_of_the_library_say_so(projects: dict[str, Path]) -> None:
    for name, project in projects.items():
        assert ownership.unmarked(project) == [], name


def built(project: Path) -> list[Object]:
    """Return the objects as the real kustomize builds them."""
    command = [str(kubectl()), "kustomize", str(project / "kubernetes")]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [document for document in yaml.safe_load_all(text) if document]


def newest_minors() -> list[str]:
    """Return the three newest versions of Kubernetes whose schemas are known."""
    schemas = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    found = {tuple(map(int, re.findall("[0-9]+", path.name)[:2])) for path in schemas.iterdir()}
    return [".".join(map(str, version)) for version in sorted(found)[-3:]]


def test_the_versions_held_to_are_the_newest() -> None:
    assert newest_minors() == ["1.35", "1.36", "1.37"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_object_is_valid(projects: dict[str, Path], variant: str) -> None:
    objects = built(projects[variant])
    assert objects
    for entry in objects:
        if entry["kind"] == "InferenceEndpointConfig":
            jsonschema.validate(entry["spec"], operator_schema())
            continue
        for version in newest_minors():
            kubernetes_validate.validate(entry, version, strict=True)


@cache
def operator_schema() -> Object:
    """Return the fields of an InferenceEndpointConfig in catalog/ as a JSON schema that allows no others."""
    document = yaml.safe_load((catalog.CATALOG / "inference_operator.yml").read_text())
    return of_fields(document["inference_operator"]["fields"])


def of_fields(fields: Object) -> Object:
    properties = {}
    for name, field in fields.items():
        schema = {key: field[key] for key in ("type", "pattern", "enum") if key in field}
        if "fields" in field:
            schema = of_fields(field["fields"])
        if "items" in field:
            schema["items"] = of_fields(field["items"])
        properties[name] = schema
    required = [name for name, field in fields.items() if field.get("required")]
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("worker", "image"), None),
        (("modelname",), "chat"),
        (("modelSourceConfig", "modelSourceType"), "gcs"),
        (("worker", "resources"), None),
        (("replicas",), "1"),
    ],
)
def test_the_operators_schema_refuses(projects: dict[str, Path], path: tuple[str, ...], value: Any) -> None:
    spec = built(projects["chat-operator"])[0]["spec"]
    holder = spec
    for step in path[:-1]:
        holder = holder[step]
    holder.pop(path[-1], None)
    if value is not None:
        holder[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(spec, operator_schema())


MANIFESTS = """
import json, sys
from lifecycle.hyperpod.manifests import Manifests

print(json.dumps(Manifests(sys.argv[1]).objects))
"""


def read(project: Path, image: str) -> list[Object]:
    """Return the objects as the project's own commands read them."""
    command = [sys.executable, "-c", MANIFESTS, image]
    done = subprocess.run(command, cwd=project / "do", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: list[Object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_commands_read_what_kustomize_builds(projects: dict[str, Path], variant: str) -> None:
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x@sha256:" + "0f" * 32
    project = projects[variant]
    ours = read(project, image)
    text = (project / "kubernetes" / "kustomization.yaml").read_text()
    name, _, digest = image.partition("@")
    named = text.replace("    newTag: latest\n", f"    newName: {name}\n    digest: {digest}\n")
    assert named != text
    (project / "kubernetes" / "kustomization.yaml").write_text(named)
    try:
        theirs = built(project)
        assert read(project, "") == ours, "an image that kustomization.yaml names is used"
    finally:
        (project / "kubernetes" / "kustomization.yaml").write_text(text)

    def by_name(objects: list[Object]) -> dict[str, Object]:
        return {f"{entry['kind']} {entry['metadata']['name']}": entry for entry in objects}

    assert by_name(ours) == by_name(theirs)
    assert image in json.dumps(ours)


@pytest.mark.parametrize(
    "text", ["A=b", 'A=x&y<z>\nB=it\'s "quoted" # not a comment', "A=héllo 日本\nC=\n", "A=a=b"]
)
def test_settings_get_the_name_that_kustomize_gives_them(
    projects: dict[str, Path], tmp_path: Path, text: str
) -> None:
    project = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(projects["predictive"]), str(project)], check=True)
    (project / "kubernetes" / "settings.env").write_text(text)

    def config_map(objects: list[Object]) -> Object:
        return next(entry for entry in objects if entry["kind"] == "ConfigMap")

    assert config_map(read(project, "x:y")) == config_map(built(project))


def workload(objects: list[Object]) -> Object:
    return next(entry for entry in objects if entry["kind"] == "Deployment")


def container(objects: list[Object]) -> Object:
    found: Object = workload(objects)["spec"]["template"]["spec"]["containers"][0]
    return found


@pytest.mark.parametrize("variant", [name for name in VARIANTS if "operator" not in name])
def test_a_pod_fits_its_node_and_its_start(projects: dict[str, Path], variant: str) -> None:
    objects = built(projects[variant])
    answers = yaml.safe_load((projects[variant] / ".copier-answers.yml").read_text())
    spec, server = workload(objects)["spec"]["template"]["spec"], container(objects)
    instance = catalog.instances()[answers["instance_type"]]
    limits, requests = server["resources"]["limits"], server["resources"]["requests"]
    gpus = 1 if variant == "triton-gpu" else answers.get("engine_settings", {}).get("tensor_parallel_size", 0)
    assert int(limits.get("nvidia.com/gpu", "0")) == gpus and "nvidia.com/gpu" not in requests
    assert 0 < amount(requests["memory"]) == amount(limits["memory"]) < instance.memory_gib * 2**30
    assert 0 < amount(requests["cpu"]) < instance.vcpu
    assert spec["nodeSelector"] == {"node.kubernetes.io/instance-type": instance.name}
    assert ("tolerations" in spec) == (instance.kind == "gpu")
    probe = server["startupProbe"]
    longest = probe["periodSeconds"] * probe["failureThreshold"]
    assert longest == answers["pod_resources"]["start_seconds"]
    assert workload(objects)["spec"]["progressDeadlineSeconds"] > longest
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert server[name]["httpGet"] == {"path": "/ping", "port": "http"}
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    assert ("shared-memory" in volumes) == (bool(gpus) or variant.startswith("triton"))
    if "shared-memory" in volumes:
        shared = volumes["shared-memory"]["emptyDir"]
        assert shared["medium"] == "Memory" and amount(shared["sizeLimit"]) < amount(limits["memory"]) / 2
    drops_root_itself = "model_name" in answers
    assert server["securityContext"]["capabilities"]["drop"] == ["ALL"]
    assert ("add" in server["securityContext"]["capabilities"]) == drops_root_itself
    assert spec["securityContext"].get("runAsNonRoot", False) != drops_root_itself
    assert server["securityContext"].get("readOnlyRootFilesystem", False) != drops_root_itself


def amount(quantity: str) -> float:
    factors = {"m": 1e-3, "Mi": 2**20, "Gi": 2**30}
    suffix = str(quantity).lstrip("0123456789.")
    return float(str(quantity).removesuffix(suffix)) * factors.get(suffix, 1)


def test_a_larger_model_gets_longer_to_start(projects: dict[str, Path]) -> None:
    small, large = container(built(projects["chat"])), container(built(projects["chat-many"]))
    assert large["startupProbe"]["failureThreshold"] > 2 * small["startupProbe"]["failureThreshold"]


def test_only_pods_of_the_namespace_and_what_reads_metrics_reach_the_server(
    projects: dict[str, Path],
) -> None:
    for name in ("predictive", "chat", "sglang"):
        objects = {entry["kind"]: entry for entry in built(projects[name])}
        policy, pods = objects["NetworkPolicy"]["spec"], objects["Deployment"]["spec"]["template"]
        assert policy["podSelector"]["matchLabels"].items() <= pods["metadata"]["labels"].items()
        assert policy["policyTypes"] == ["Ingress"]
        (rule,) = policy["ingress"]
        assert rule["ports"] == [{"port": 8080, "protocol": "TCP"}]
        others = [peer for peer in rule["from"] if peer != {"podSelector": {}}]
        assert len(rule["from"]) == len(others) + 1
        assert len(others) == (1 if "annotations" in pods["metadata"] else 0)


def test_what_was_not_asked_for_is_not_there(projects: dict[str, Path]) -> None:
    kinds = {name: {entry["kind"] for entry in built(path)} for name, path in projects.items()}
    plain = {"ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service"}
    assert kinds["predictive"] == kinds["chat"] == plain
    assert kinds["scaled"] == plain | {"HorizontalPodAutoscaler"}
    assert kinds["chat-fsx"] == kinds["chat-s3"] == plain | {"PersistentVolume", "PersistentVolumeClaim"}
    assert kinds["chat-claim"] == plain
    assert kinds["operator-s3"] == {"InferenceEndpointConfig"}
    for name, path in projects.items():
        text = "".join(file.read_text() for file in (path / "kubernetes").iterdir())
        assert ("kueue" in text) == ("hyperpod_queue" in VARIANTS[name])
        assert ("secretKeyRef" in text) == ("hyperpod_token_secret" in VARIANTS[name])
        assert "vpc.amazonaws.com/efa" not in text, "one node serves each copy"


def test_the_queue_is_named_on_the_workload_alone(projects: dict[str, Path]) -> None:
    for entry in built(projects["chat-claim"]):
        text = json.dumps(entry)
        assert ("kueue" in text) == (entry["kind"] == "Deployment")
    template = workload(built(projects["chat-claim"]))["spec"]["template"]
    assert "kueue" not in json.dumps(template)


def test_the_operator_gets_the_same_numbers(projects: dict[str, Path]) -> None:
    server, worker = (
        container(built(projects["chat-fsx"])),
        built(projects["operator-fsx"])[0]["spec"]["worker"],
    )
    assert worker["resources"]["limits"] == server["resources"]["limits"]
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        ours = {key: value for key, value in server[name].items() if key != "httpGet"}
        assert worker["probes"][name] == {**ours, "httpGet": {"path": "/ping", "port": 8080}}


HYPERPOD_WORDS = ("hyperpod", "kubernetes", "kustom", "kueue", r"\bpods?\b", r"\beks\b")
MANAGED_WORDS = (
    r"managed.inference",
    "inference.component",
    "endpoint_config",
    "role_arn",
    "autoscaling.policy",
)


def words_in(project: Path, words: tuple[str, ...]) -> list[str]:
    found = []
    for path in sorted(project.rglob("*")):
        if path.is_file() and path.suffix != ".gz" and path.name != ".copier-answers.yml":
            text = f"{path.relative_to(project)}\n{path.read_text()}"
            found += [f"{path.name}: {word}" for word in words if re.search(word, text, re.IGNORECASE)]
    return found


@pytest.mark.parametrize("config", ["http-fastapi", "transformers-vllm"])
def test_one_target_has_nothing_of_the_other(render: Render, config: str) -> None:
    offline = {"offline": True, "deployment_config": config}
    managed = render("managed", **offline)
    assert words_in(managed, HYPERPOD_WORDS) == []
    pods = render("pods", **offline, **HYPERPOD)
    assert words_in(pods, MANAGED_WORDS) == []
    for project, other in ((managed, "hyperpod_"), (pods, "role_arn")):
        assert other not in (project / ".copier-answers.yml").read_text()


def test_the_catalog_knows_the_nodes_that_botocore_knows() -> None:
    import botocore.session

    sagemaker = botocore.session.get_session().get_service_model("sagemaker")
    known: list[str] = sagemaker.shape_for("ClusterInstanceType").enum  # type: ignore[attr-defined]
    assert all(catalog.hyperpod().has(name) for name in known)
    listed = {f"ml.{family}.{size}" for family, sizes in catalog.hyperpod().nodes.items() for size in sizes}
    assert listed == set(known)
    assert (REPOSITORY / "catalog" / "hyperpod.yml").exists()
