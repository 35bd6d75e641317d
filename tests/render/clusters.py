"""Projects for HyperPod of many kinds, and their objects as kustomize builds them."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.fakes.kubectl import kubectl

Object = dict[str, Any]
HYPERPOD: Object = {
    "deployment_target": "hyperpod-eks",
    "hyperpod_cluster": "ml-cluster",
    "hyperpod_namespace": "hyperpod-ns-team-a",
}
CHAT: Object = {**HYPERPOD, "deployment_config": "transformers-vllm", "offline": True}
OPERATOR: Object = {"hyperpod_mode": "operator"}
S3, FSX = "s3://bucket/models/mine/", "fsx://fs-0123456789abcdef0/mountname/models/mine"
QUEUE: Object = {"hyperpod_queue": "q", "hyperpod_priority": "inference-priority"}
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
    "chat-operator": {**CHAT, **OPERATOR, "hyperpod_token_secret": "hf-token", **QUEUE},
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


def built(project: Path) -> list[Object]:
    """Return the objects as the real kustomize builds them."""
    command = [str(kubectl()), "kustomize", str(project / "kubernetes")]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [document for document in yaml.safe_load_all(text) if document]


def workload(objects: list[Object]) -> Object:
    return next(entry for entry in objects if entry["kind"] == "Deployment")


def container(objects: list[Object]) -> Object:
    found: Object = workload(objects)["spec"]["template"]["spec"]["containers"][0]
    return found
