"""Answers that the interview rejects, its messages, and that nothing remains on disk."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import copier
import pytest
from copier.errors import UserMessageError

from extensions.mcc.catalog import catalog
from tests.conftest import REPOSITORY


def llm(**data: Any) -> dict[str, Any]:
    """Return answers for a language model, sized by the catalog."""
    return {"deployment_config": "transformers-vllm", "offline": True, **data}


def batch(**answers: object) -> dict[str, object]:
    return {"deployment_target": "batch-transform", **answers}


def serverless(**answers: object) -> dict[str, object]:
    return {"deployment_target": "serverless-inference", **answers}


def pods(**data: Any) -> dict[str, Any]:
    """Return answers for a HyperPod cluster."""
    return {"deployment_target": "hyperpod-eks", "hyperpod_cluster": "ml-cluster", **data}


SUBNET, GROUP = "subnet-0123456789abcdef0", "sg-0123456789abcdef0"
KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
NVIDIA = "nvcr.io/nvidia/tritonserver"


def triton(backend: str, **data: Any) -> dict[str, Any]:
    """Return answers for a backend of Triton."""
    return {"deployment_config": f"triton-{backend}", **data}


BAD: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"framework": "pytorch"}, ("framework", "'pytorch'", ", ".join(catalog.frameworks()))),
    ({"model_format": "ubj"}, ("model_format", "'ubj'", "sklearn", "pkl, joblib")),
    ({"framework": "xgboost", "model_format": "pkl"}, ("model_format", "xgboost", "json, model, ubj")),
    ({"framework_version": "0.1"}, ("framework_version", "'0.1'", "1.7.1")),
    ({"deployment_config": "http-django"}, ("deployment_config", "http-flask")),
    ({"instance_type": "ml.m5.huge"}, ("instance_type", "'ml.m5.huge'", "ml.m5.")),
    ({"instance_type": "ml.inf2.xlarge"}, ("instance_type", "ml.inf2.xlarge")),
    ({"serving_profile": "fast"}, ("serving_profile", "throughput, latency")),
    ({"tools": True}, ("tools", "not a question of deployment_config http-fastapi")),
    ({"deployment_config": "triton-vllm", "tools": True}, ("tools", "choose transformers-vllm")),
    ({"deployment_config": "transformers-vllm", "tools": "perhaps"}, ("tools", "not true or false")),
    ({"private_index": "perhaps"}, ("private_index", "'perhaps' is not true or false")),
    ({"private_index": True, "build_target": "codebuild"}, ("private_index", "build_target=local")),
    ({"project_name": "My_Model"}, ("project_name", "lowercase", "abalone-age")),
    ({"project_name": ""}, ("project_name", "2 to 63")),
    ({"project_name": "a" * 64}, ("project_name", "2 to 63")),
    ({"project_name": "-x"}, ("project_name",)),
    ({"project_name": "../x"}, ("project_name",)),
    ({"project_name": "x$(touch /tmp/pwned)"}, ("project_name",)),
    ({"project_name": "x\nRUN y"}, ("project_name",)),
    ({"project_name": "modèle"}, ("project_name",)),
    ({"region": "mars"}, ("region", "eu-west-1")),
    ({"region": "us-east-1; rm -rf"}, ("region",)),
    ({"base_image": "python:3.12\nRUN evil"}, ("base_image", "python")),
    ({"base_image": "python:$(id)"}, ("base_image",)),
    ({"base_image": "{{ 7 * 7 }}"}, ("base_image",)),
    (
        {"base_image": "lmsysorg/sglang:v0.5.4.post1"},
        ("base_image", "is for transformers-sglang, not http-fastapi", "python:3.12-slim"),
    ),
    (
        {"deployment_config": "transformers-vllm", "base_image": f"{NVIDIA}:25.12-vllm-python-py3"},
        ("base_image", "not transformers-vllm", "vllm/vllm-openai"),
    ),
    ({"model_path": "/nowhere/model.pkl"}, ("model_path", "there is no file")),
    ({"model_path": "a\nb.pkl"}, ("model_path",)),
    ({"model_path": str(REPOSITORY / "README.md")}, ("model_path", ".pkl")),
    ({"include_tests": "maybe"}, ("include_tests", "true")),
    ({"pandas": "maybe"}, ("pandas", "true")),
    ({"pandas": True, "framework": "xgboost"}, ("pandas", "framework=sklearn")),
    ({"frmaework": "sklearn"}, ("'frmaework'", "framework")),
    ({"flask": "."}, ("'flask'", "not a question")),
    ({"framework": ["sklearn"]}, ("framework", "not text")),
    ({"model_name": "Qwen/Qwen3-8B"}, ("model_name", "http-fastapi", "transformers-vllm")),
    (triton("fil", model_format="onnx"), ("model_format", "'onnx'", "triton-fil", "json, ubj, txt, tl")),
    (triton("fil", framework="xgboost"), ("framework", "not a question of deployment_config triton-fil")),
    (triton("fil", model_name="Qwen/Qwen3-8B"), ("model_name", "transformers-vllm")),
    (triton("vllm", max_batch_size=8), ("max_batch_size", "not a question", "triton-fil")),
    (
        triton("vllm", chat_template="none"),
        ("chat_template", "not a question of deployment_config triton-vllm"),
    ),
    (
        triton("tensorflow", base_image=f"{NVIDIA}:25.03-py3"),
        ("base_image", "25.02 is its last", "25.02-py3"),
    ),
    (
        triton("fil", model_format="ubj", base_image=f"{NVIDIA}:24.09-py3"),
        ("base_image", "24.10 is the first"),
    ),
    (triton("vllm", base_image=f"{NVIDIA}:25.12-py3"), ("base_image", "no vllm backend", "vllm-python-py3")),
    (triton("python", base_image=f"{NVIDIA}:25.12-vllm-python-py3"), ("base_image", "no python backend")),
    (triton("python", max_batch_size=0), ("max_batch_size", "0", "whole number")),
    (triton("python", max_queue_delay_us=-1), ("max_queue_delay_us", "whole number from 0")),
    (triton("python", model_instances=5000), ("model_instances", "from 1 to 1000")),
    (triton("python", instance_type="ml.inf2.xlarge"), ("instance_type", "ml.inf2.xlarge")),
    (triton("pytorch", model_inputs="eight"), ("model_inputs", "FP32[8]")),
    (triton("pytorch", model_inputs="FP32[0]"), ("model_inputs", "FP32[8]")),
    (triton("vllm", instance_type="ml.m5.large"), ("instance_type", "no accelerator")),
    (triton("python", project_name="a/b"), ("project_name", "lowercase")),
    (llm(framework="sklearn"), ("framework", "transformers-vllm")),
    (llm(model_name="../x"), ("model_name", "Qwen/Qwen3-8B")),
    (llm(model_name="a/b/c"), ("model_name",)),
    (llm(model_name="a/$(id)"), ("model_name",)),
    (llm(model_name="x" * 100_000), ("model_name",)),
    (llm(model_name="s3://bucket/{{ 7 * 7 }}"), ("model_name",)),
    (llm(model_revision="a b"), ("model_revision", "main")),
    (llm(model_revision="../.."), ("model_revision",)),
    (llm(max_model_len="long"), ("max_model_len", "'long'", "whole number")),
    (llm(max_model_len=1.5), ("max_model_len", "1.5")),
    (llm(max_model_len=-1), ("max_model_len", "-1")),
    (llm(max_model_len=50_000), ("max_model_len", "40960")),
    (llm(max_concurrency=0), ("max_concurrency", "0")),
    (llm(max_concurrency=100_000), ("instance_type", "(1) serve", "requests at once instead of 100,000")),
    (llm(instance_type="ml.m5.large"), ("instance_type", "no accelerator", "ml.g6e.xlarge")),
    (llm(instance_type="ml.inf2.xlarge"), ("instance_type", "vLLM does not run on")),
    (llm(instance_type="ml.p2.xlarge"), ("instance_type", "compute capability")),
    (llm(instance_type="ml.g5.xlarge"), ("instance_type", "lacks", "fits 3 of 16", "ml.g6e.xlarge")),
    (llm(model_name="nobody/knows-this"), ("model_name", "cannot be sized", "model_parameters=8")),
    (llm(model_name="nobody/knows-this", model_parameters="many"), ("model_parameters", "7.6")),
    (llm(model_name="nobody/knows-this", model_dtype="fp3"), ("model_dtype", "fp8")),
    (llm(serving_profile="fast"), ("serving_profile", "balanced, latency")),
    (llm(offline="perhaps"), ("offline", "true")),
    (llm(hf_token_secret_arn="hf_literal"), ("hf_token_secret_arn", "arn:aws:secretsmanager")),
    (llm(model_facts={}), ("model_facts", "Remove it")),
    (llm(hf_token="hf secret"), ("hf_token: what was given is not a token",)),
    ({"deployment_target": "slurm"}, ("deployment_target", "managed-inference, serverless-inference")),
    (serverless(instance_type="ml.m5.large"), ("instance_type", "serverless-inference", "managed-inference")),
    (serverless(instance_count=2), ("instance_count", "serverless-inference", "managed-inference")),
    (serverless(hyperpod_cluster="x"), ("hyperpod_cluster", "serverless-inference", "hyperpod-eks")),
    (llm(deployment_target="serverless-inference"), ("deployment_target", "without GPUs", "http-fastapi")),
    (triton("fil", deployment_target="serverless-inference"), ("deployment_target", "without GPUs")),
    (batch(instance_type="ml.c7g.large"), ("instance_type", "for batch transform jobs")),
    (batch(instance_type="ml.g5.xlarge"), ("instance_type", "for batch transform jobs")),
    (batch(batch_location="bucket/churn"), ("batch_location", "s3://bucket/churn/")),
    (batch(batch_location="s3://bucket/churn"), ("batch_location", "ends in /")),
    (batch(ci="github"), ("ci: not a question", "batch-transform", "managed-inference")),
    ({"batch_location": "s3://bucket/"}, ("batch_location", "managed-inference", "batch-transform")),
    (llm(deployment_target="batch-transform"), ("deployment_target", "without GPUs")),
    ({"deployment_target": "hyperpod-eks"}, ("hyperpod_cluster: ''", "ml-cluster")),
    ({"hyperpod_cluster": "x"}, ("hyperpod_cluster", "managed-inference", "hyperpod-eks")),
    (pods(instance_count=2), ("instance_count", "deployment_target hyperpod-eks", "managed-inference")),
    ({"subnets": "subnet-1"}, ("subnets", "subnet-0123456789abcdef0")),
    ({"subnets": SUBNET}, ("security_groups", "subnets is given without security_groups")),
    ({"security_groups": GROUP}, ("security_groups", "given without subnets")),
    ({"subnets": " ".join([SUBNET] * 17), "security_groups": GROUP}, ("subnets: 17 IDs", "accepts 16")),
    ({"subnets": SUBNET, "security_groups": " ".join([GROUP] * 6)}, ("security_groups: 6 IDs", "accepts 5")),
    ({"network_isolation": "perhaps"}, ("network_isolation", "not true or false")),
    (
        {"kms_key": KEY.replace("us-east-1", "eu-west-3")},
        ("kms_key", "eu-west-3", "the endpoint in us-east-1"),
    ),
    (llm(network_isolation=True), ("network_isolation", "downloads Qwen/Qwen3-8B", "s3://bucket/prefix/")),
    (
        triton("vllm", network_isolation=True, model_name="Qwen/Qwen3-8B"),
        ("network_isolation", "downloads Qwen/Qwen3-8B"),
    ),
    (
        llm(
            network_isolation=True,
            model_name="s3://bucket/mine/",
            model_parameters="7",
            hf_token_secret_arn="arn:aws:secretsmanager:us-east-1:123456789012:secret:hf-a1b2c3",
        ),
        ("network_isolation", "cannot read hf_token_secret_arn"),
    ),
    ({"kms_key": "alias/mine"}, ("kms_key", "not of an alias")),
    ({"kms_key": KEY, "region": "eu-west-1"}, ("kms_key", "us-east-1", "the endpoint in eu-west-1")),
    ({"tags": "Owner"}, ("tags", "KEY=VALUE", "CostCenter=1234")),
    ({"tags": "mcc-project-id=x"}, ("tags", "without the prefixes")),
    ({"tags": "aws:x=y"}, ("tags", "without the prefixes")),
    ({"tags": "A=1 A=2"}, ("tags: a key is given twice",)),
    ({"tags": " ".join(f"K{number}=x" for number in range(47))}, ("tags: 47 tags", "46")),
    (pods(subnets=SUBNET), ("subnets", "deployment_target hyperpod-eks", "managed-inference")),
    (pods(hyperpod_cluster="-x"), ("hyperpod_cluster", "the name of a HyperPod cluster")),
    (pods(hyperpod_cluster="x" * 64), ("hyperpod_cluster",)),
    (pods(hyperpod_namespace="Team A"), ("hyperpod_namespace", "hyperpod-ns-team-a")),
    (pods(hyperpod_namespace=""), ("hyperpod_namespace",)),
    (pods(hyperpod_namespace="x" * 64), ("hyperpod_namespace",)),
    (pods(hyperpod_mode="helm"), ("hyperpod_mode", "deployment, operator")),
    (pods(hyperpod_mode="operator"), ("hyperpod_model_source", "mounts the model", "s3://")),
    (pods(hyperpod_replicas=0), ("hyperpod_replicas", "from 1 to 1000")),
    (pods(hyperpod_replicas=1.5), ("hyperpod_replicas", "1.5")),
    (pods(hyperpod_replicas=3, hyperpod_max_replicas=2), ("hyperpod_max_replicas: 2 is less than",)),
    (
        pods(hyperpod_mode="operator", hyperpod_model_source="s3://bkt/x", hyperpod_max_replicas=2),
        ("hyperpod_max_replicas", "needs hyperpod_mode=deployment"),
    ),
    (pods(hyperpod_queue="team_a"), ("hyperpod_queue", "LocalQueue")),
    (pods(hyperpod_queue="q", hyperpod_priority="High"), ("hyperpod_priority", "WorkloadPriorityClass")),
    (pods(hyperpod_model_source="gs://bucket/x"), ("hyperpod_model_source", "s3://bucket/models/chat/")),
    (pods(hyperpod_model_source="pvc://claim/../../etc"), ("hyperpod_model_source",)),
    (pods(hyperpod_model_source="fsx://fs-0123456789abcdef0"), ("hyperpod_model_source", "fsx:")),
    (pods(hyperpod_token_secret="x"), ("hyperpod_token_secret", "transformers-vllm")),
    (
        pods(**llm(), hyperpod_token_secret="hf_aBcDeFgHiJkLmNoPqRsTuVwXyZ"),
        ("hyperpod_token_secret", "what was given is not the name of a Secret", "not a token"),
    ),
    (pods(**llm(), hyperpod_max_replicas=2), ("hyperpod_max_replicas", "http-fastapi")),
    (
        pods(**llm(model_name="gpt2", model_parameters="1"), hyperpod_mode="operator"),
        ("hyperpod_model_source", "gpt2", "an organization"),
    ),
    (pods(instance_type="ml.m4.xlarge"), ("instance_type", "not available on HyperPod")),
    (pods(**llm(), instance_type="ml.p3.2xlarge"), ("instance_type", "not available on HyperPod")),
    (pods(pod_resources={}), ("pod_resources", "Remove it")),
]


@pytest.mark.parametrize(("data", "words"), BAD)
def test_a_bad_answer_is_refused_with_nothing_on_disk(
    template: Path, tmp_path: Path, data: dict[str, Any], words: tuple[str, ...]
) -> None:
    with pytest.raises(UserMessageError) as caught:
        copier.run_copy(
            str(template),
            tmp_path / "project",
            data=data,
            defaults=True,
            unsafe=True,
            quiet=True,
            skip_tasks=True,
        )
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert len(message.splitlines()) <= 2 and len(message) < 500, message
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize("make", ["file", "folder"])
def test_a_target_that_exists_is_refused(template: Path, tmp_path: Path, make: str) -> None:
    target = tmp_path / "taken"
    if make == "file":
        target.write_text("mine")
    else:
        target.mkdir()
        (target / "mine.txt").write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserMessageError, match="destination"):
        copier.run_copy(str(template), target, defaults=True, unsafe=True, quiet=True, skip_tasks=True)
    assert sorted(tmp_path.rglob("*")) == before


def test_the_command_line_says_it_in_a_line_and_fails(template: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "copier", "copy", "--trust", "--defaults", "--skip-tasks"]
    answer = subprocess.run(
        [*command, "-d", "framework=pytorch", str(template), str(tmp_path / "project")],
        capture_output=True,
        text=True,
    )
    assert answer.returncode != 0
    assert "Traceback" not in answer.stderr and "framework: 'pytorch' is not available" in answer.stderr
    assert not (tmp_path / "project").exists()


def test_all_bad_answers_are_told_at_once(template: Path, tmp_path: Path) -> None:
    data = {"project_name": "UPPER", "region": "mars"}
    with pytest.raises(UserMessageError) as caught:
        copier.run_copy(str(template), tmp_path / "p", data=data, defaults=True, unsafe=True, quiet=True)
    assert "project_name" in str(caught.value) and "region" in str(caught.value)
