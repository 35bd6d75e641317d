"""Resources of a pod on a node, and the source of its model."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from extensions.mcc.catalog import catalog
from extensions.mcc.errors.errors import InvalidAnswer
from extensions.mcc.interview import answer_formats, questions
from extensions.mcc.interview import language_model as interview
from extensions.mcc.interview.requirements import LanguageModelRequirements, PredictiveRequirements
from extensions.mcc.targets import instances, pods

REQUIRED = PredictiveRequirements("sklearn", "throughput", model_path="", target="hyperpod-eks")


def test_a_predictive_pod_has_its_node_to_itself() -> None:
    found = pods.resources(REQUIRED, "ml.m5.2xlarge", {}, "")
    assert (found["cpu"], found["memory"], found["gpus"]) == ("6", "27Gi", 0)
    assert found["shared_memory"] == "" and not found["gpu_nodes"]


def test_gpus_share_a_node_in_proportion() -> None:
    required = language_model()
    whole = pods.resources(required, "ml.g6e.12xlarge", {"tensor_parallel_size": 4}, "")
    half = pods.resources(required, "ml.g6e.12xlarge", {"tensor_parallel_size": 2}, "")
    assert (whole["gpus"], half["gpus"]) == (4, 2)
    assert amount(half["memory"]) == pytest.approx(amount(whole["memory"]) / 2, abs=1)
    assert (whole["shared_memory"], half["shared_memory"]) == ("8Gi", "4096Mi")
    assert whole["metrics_path"] == "/metrics"


def amount(quantity: str) -> int:
    return int(quantity.removesuffix("Gi"))


def language_model() -> LanguageModelRequirements:
    return LanguageModelRequirements(
        target="hyperpod-eks",
        model=interview.look_up("Qwen/Qwen3-8B", "", "", offline=True),
        parameters="",
        dtype="none",
        image="",
        server="transformers-vllm",
        profile="balanced",
        kv_cache_dtype="auto",
        max_model_len=8192,
        max_concurrency=16,
    )


def test_where_the_model_lies_decides_how_long_a_start_may_take() -> None:
    def start(source: str) -> int:
        settings = {"tensor_parallel_size": 1}
        return int(pods.resources(language_model(), "ml.g6e.xlarge", settings, source)["start_seconds"])

    hub, s3, fsx = start(""), start("s3://b/x"), start("fsx://fs-0/m/x")
    assert hub > s3 > fsx > catalog.hosting().startup_s and hub % pods.PROBE_SECONDS == 0


def sparse(path: Path, gigabytes: int) -> str:
    with path.open("wb") as file:
        file.truncate(gigabytes * 10**9)
    return str(path)


def test_a_type_whose_pods_are_too_small_is_neither_chosen_nor_taken(tmp_path: Path) -> None:
    required = dataclasses.replace(REQUIRED, model_path=sparse(tmp_path / "model.pkl", 2))
    chosen = instances.default(required)
    assert pods.resources(required, chosen, {}, "")
    offered = {item.name for item in pods.nodes(required) or ()}
    assert chosen in offered and "ml.m5.large" not in offered
    with pytest.raises(InvalidAnswer, match=r"a pod on ml\.m5\.large can have 5\.7 GiB, this server needs"):
        pods.resources(required, "ml.m5.large", {}, "")


def test_a_type_that_the_catalog_has_dropped_is_named() -> None:
    with pytest.raises(InvalidAnswer, match=r"ml\.x9\.large is not in the catalog"):
        pods.resources(REQUIRED, "ml.x9.large", {}, "")


def test_only_nodes_of_hyperpod_are_offered() -> None:
    offered = pods.nodes(REQUIRED)
    assert offered and all(catalog.hyperpod().has(item.name) for item in offered)
    assert pods.nodes(dataclasses.replace(REQUIRED, target="managed-inference")) is None


def test_stored_resources_are_kept_until_the_pod_is_another() -> None:
    kept = pods.resources(REQUIRED, "ml.m5.2xlarge", {}, "")
    assert pods.stale(kept, REQUIRED, "ml.m5.2xlarge", {}, "") == ""
    assert pods.stale(kept, REQUIRED, "ml.m5.xlarge", {}, "")
    assert pods.stale(kept, REQUIRED, "ml.m5.2xlarge", {"tensor_parallel_size": 1}, "")
    assert pods.stale(kept, REQUIRED, "ml.m5.2xlarge", {}, "s3://bucket/x")
    assert pods.stale(kept, dataclasses.replace(REQUIRED, framework="triton-fil"), "ml.m5.2xlarge", {}, "")


def test_triton_gets_the_gpus_it_computes_on_and_memory_to_share() -> None:
    fil = pods.resources(dataclasses.replace(REQUIRED, framework="triton-fil"), "ml.m5.2xlarge", {}, "")
    onnx = pods.resources(
        dataclasses.replace(REQUIRED, framework="triton-onnxruntime"), "ml.g5.12xlarge", {}, ""
    )
    assert (fil["gpus"], fil["shared_memory"]) == (0, "1024Mi")
    assert (onnx["gpus"], onnx["shared_memory"]) == (4, "8Gi")


@pytest.mark.parametrize("config", questions.DEPLOYMENT_CONFIGS)
def test_the_environment_has_what_a_server_reads(config: str) -> None:
    settings = {"tensor_parallel_size": 2, "max_model_len": 4096, "num_attention_heads": 32}
    found = pods.environment(config, settings, "eu-west-1")
    assert ("SERVE_TENSOR_PARALLEL_SIZE" in found) == config.startswith("transformers-")
    assert "SERVE_NUM_ATTENTION_HEADS" not in found and "SERVE_MAX_NUM_SEQS" not in found
    assert all(isinstance(value, str) and value for value in found.values())


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("", {"kind": "", "claim": "", "path": ""}),
        ("pvc://claim/a/b/", {"kind": "pvc", "claim": "claim", "path": "a/b"}),
        ("pvc://claim", {"kind": "pvc", "claim": "claim", "path": ""}),
        (
            "s3://bucket/a/b/",
            {
                "kind": "s3",
                "claim": "chat-model",
                "prefix": "a/b",
                "options": ["read-only", "allow-other", "region eu-west-1", "prefix a/b/"],
            },
        ),
        ("s3://bucket", {"prefix": "", "options": ["read-only", "allow-other", "region eu-west-1"]}),
        (
            "fsx://fs-0123456789abcdef0/mount/a",
            {
                "handle": "fs-0123456789abcdef0",
                "path": "a",
                "attributes": {
                    "dnsname": "fs-0123456789abcdef0.fsx.eu-west-1.amazonaws.com",
                    "mountname": "mount",
                },
            },
        ),
    ],
)
def test_an_address_becomes_a_volume(source: str, expected: dict[str, Any]) -> None:
    assert answer_formats.problem("hyperpod_model_source", source) == ""
    found = pods.model_volume(source, "chat", "team", "eu-west-1")
    assert expected.items() <= found.items()


def test_china_has_a_domain_of_its_own() -> None:
    found = pods.model_volume("fsx://fs-0/m/x", "chat", "team", "cn-north-1")
    assert found["attributes"]["dnsname"].endswith(".amazonaws.com.cn")
