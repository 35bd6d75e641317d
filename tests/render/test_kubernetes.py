"""Files rendered for HyperPod: valid objects, as kustomize builds them, and nothing of the other target."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from extensions.mcc.catalog import catalog
from tests.render.clusters import VARIANTS, Object, built, container, workload

pytestmark = pytest.mark.xdist_group("kubernetes")  # one process renders for all of these


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
    temporary = amount(volumes["tmp"]["emptyDir"]["sizeLimit"]) / 2**30
    assert temporary == 2 if "model_name" not in answers else temporary >= 50
    drops_root_itself = answers["deployment_config"] in ("transformers-lmi", "transformers-djl")
    assert server["securityContext"]["capabilities"]["drop"] == ["ALL"]
    assert ("add" in server["securityContext"]["capabilities"]) == drops_root_itself
    assert spec["securityContext"].get("runAsNonRoot", False) != drops_root_itself
    assert server["securityContext"].get("readOnlyRootFilesystem", False) == ("model_name" not in answers)


@pytest.mark.parametrize("variant", ["predictive", "chat", "sglang", "triton-gpu"])
def test_the_level_restricted_of_pod_security_accepts_a_pod(projects: dict[str, Path], variant: str) -> None:
    """The rules of https://kubernetes.io/docs/concepts/security/pod-security-standards/ (read 2026-12)."""
    objects = built(projects[variant])
    spec, server = workload(objects)["spec"]["template"]["spec"], container(objects)
    assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert server["securityContext"]["allowPrivilegeEscalation"] is False
    assert server["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert not any("hostPort" in port for port in server["ports"])
    for volume in spec["volumes"]:
        assert set(volume) - {"name"} <= {"emptyDir", "persistentVolumeClaim", "configMap", "secret"}


def test_the_download_of_a_model_fits_in_its_temporary_directory(projects: dict[str, Path]) -> None:
    def limit(variant: str) -> float:
        volumes = workload(built(projects[variant]))["spec"]["template"]["spec"]["volumes"]
        found = next(volume for volume in volumes if volume["name"] == "tmp")
        return amount(found["emptyDir"]["sizeLimit"])

    assert limit("chat-many") > limit("chat") + 100 * 2**30


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
    labels = {"kueue.x-k8s.io/queue-name": "q"}
    assert workload(built(projects["chat-claim"]))["metadata"]["labels"].items() >= labels.items()
    assert "priority-class" not in json.dumps(built(projects["chat-claim"]))
    labels["kueue.x-k8s.io/priority-class"] = "inference-priority"
    assert built(projects["chat-operator"])[0]["metadata"]["labels"].items() >= labels.items()
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
