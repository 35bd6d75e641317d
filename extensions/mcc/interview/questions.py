"""The questions, the servers and targets that each applies to, and their choices."""

from collections.abc import Mapping
from typing import Any

from ..catalog import catalog, pipelines
from ..catalog.entries.instances import Instance
from ..models import model_kinds
from ..servers import engines, triton

DEPLOYMENT_CONFIGS = {
    "http-fastapi": "scikit-learn, XGBoost and other libraries, with FastAPI",
    "http-flask": "scikit-learn, XGBoost and other libraries, with Flask",
    "transformers-vllm": "language models with vLLM",
    "transformers-sglang": "language models with SGLang",
    "transformers-tensorrt-llm": "language models with TensorRT-LLM",
    "transformers-lmi": "language models with the AWS LMI image",
    "transformers-djl": "language models, one request at a time",
    "triton-fil": "XGBoost, LightGBM, scikit-learn forests",
    "triton-onnxruntime": "ONNX models",
    "triton-tensorflow": "TensorFlow SavedModel",
    "triton-pytorch": "PyTorch TorchScript",
    "triton-python": "scikit-learn, or your own model.py",
    "triton-vllm": "language models with vLLM in Triton",
    "triton-tensorrtllm": "language models with TensorRT-LLM in Triton",
}

PREDICTIVE = ("http-fastapi", "http-flask")
HYPERPOD = "hyperpod-eks"
SERVERLESS = "serverless-inference"
BATCH = "batch-transform"
PREDICTIVE_TARGETS = (SERVERLESS, BATCH)  # run a model without GPUs
HYPERPOD_MODES = {
    "deployment": "a Deployment, Service and autoscaler",
    "operator": "an InferenceEndpointConfig for the HyperPod operator",
}

SERVING_PROFILES = {
    "throughput": "many clients; one worker process per vCPU",
    "latency": "few clients with large batches; one process uses all vCPUs",
}

PREDICTIVE_QUESTIONS = (
    "framework",
    "model_format",
    "model_path",
    "framework_version",
    "pandas",
    "include_sample_model",
    "private_index",
    "hyperpod_max_replicas",
)

LANGUAGE_MODEL_QUESTIONS = (
    "model_name",
    "model_revision",
    "model_kind",
    "hf_token",
    "hf_token_secret_arn",
    "model_parameters",
    "model_dtype",
    "max_model_len",
    "max_concurrency",
    "kv_cache_dtype",
    "chat_template",
    "extra_arguments",
    "trust_remote_code",
    "tools",
    "hyperpod_token_secret",
)

TRITON_QUESTIONS = (
    "model_format",
    "model_path",
    "model_inputs",
    "max_batch_size",
    "max_queue_delay_us",
    "model_instances",
    "include_sample_model",
    "hyperpod_max_replicas",
)

NOT_IN_TRITON = (
    "model_kind",
    "chat_template",
    "extra_arguments",
    "trust_remote_code",
    "tools",
)  # questions about language models
QUESTIONS = (
    "deployment_config",
    "deployment_target",
    "serving_profile",
    "base_image",
    "region",
    "instance_type",
    "include_tests",
    "instance_count",
    "role_arn",
    "subnets",
    "security_groups",
    "network_isolation",
    "kms_key",
    "batch_location",
    "tags",
    "build_target",
    "codebuild_compute_type",
    "project_name",
    "ci",
    "offline",
    *PREDICTIVE_QUESTIONS,
    *LANGUAGE_MODEL_QUESTIONS,
    *(name for name in TRITON_QUESTIONS if name not in PREDICTIVE_QUESTIONS),
    "hyperpod_cluster",
    "hyperpod_namespace",
    "hyperpod_mode",
    "hyperpod_replicas",
    "hyperpod_queue",
    "hyperpod_priority",
    "hyperpod_model_source",
)

DEFAULT_MODEL = "Qwen/Qwen3-8B"
COMPANY_QUESTIONS = ("subnets", "security_groups", "network_isolation", "kms_key")
HYPERPOD_QUESTIONS = tuple(name for name in QUESTIONS if name.startswith("hyperpod_"))
# The questions that a target does not ask.
NOT_OF_TARGET = {
    HYPERPOD: ("instance_count", "role_arn", "ci", "batch_location", *COMPANY_QUESTIONS),
    SERVERLESS: (
        *("instance_type", "instance_count", "batch_location"),
        *COMPANY_QUESTIONS,
        *HYPERPOD_QUESTIONS,
    ),
    BATCH: ("ci", *HYPERPOD_QUESTIONS),
}

# Stored, but computed by the template.
DERIVED = (
    *("framework_lock", "model_facts", "engine_settings", "chat_template_text", "hosting", "pod_resources"),
)

# Never asked, and random unless given. With it, a copy can be repeated exactly.
NEVER_ASKED = ("project_id",)

# Questions for MCP servers: no secrets, and nothing that concerns one run or one folder only.
ASKABLE = (
    "deployment_config",
    "framework",
    "model_format",
    "model_name",
    "serving_profile",
    "base_image",
    "region",
    "instance_type",
    "framework_version",
    "max_model_len",
    "max_concurrency",
    "kv_cache_dtype",
)

KEPT = ("framework_version", "base_image")  # questions that take more than they offer
SECRETS = ("hf_token",)
KV_CACHE_DTYPES = {"auto": "data type of the model", "fp8": "half the size"}


def choices(question: str, framework: str = "", model_format: str = "", kept: str = "") -> dict[str, str]:
    """Return label -> value of each choice of `question`. A label starts with the value that -d accepts.

    `kept` is an earlier answer. It is offered even if the catalog no longer lists it, so that an update
    keeps it.
    """
    values = _values(question, framework, model_format)
    if kept and kept not in values.values():
        values[labeled(kept, "not in the catalog")] = kept
    return values


def labeled(value: str, title: str) -> str:
    """Return the label of a choice: the value that -d accepts, and its title."""
    return f"{value}: {title}"


def _labels(titles: Mapping[str, str]) -> dict[str, str]:
    return {labeled(value, title): value for value, title in titles.items()}


def _values(question: str, framework: str, model_format: str) -> dict[str, str]:
    if question == "deployment_config":
        return _labels(DEPLOYMENT_CONFIGS)
    if question == "deployment_target":
        titles = {name: catalog.targets()[name].title for name in targets_of(framework)}
        return _labels(titles)
    if question == "build_target":
        return _labels({name: builder.title for name, builder in catalog.builders().items()})
    if question == "ci":
        return _labels({name: pipeline.title for name, pipeline in pipelines.pipelines().items()})
    if question == "codebuild_compute_type":
        return _labels(catalog.builders()["codebuild"].compute_types)
    if question == "hyperpod_mode":
        return _labels(HYPERPOD_MODES)
    if question == "serving_profile" and serves_language_model(framework):
        return _labels({name: profile.title for name, profile in catalog.profiles().items()})
    if question == "serving_profile":
        return _labels(SERVING_PROFILES)
    if question == "base_image" and framework in triton.CONFIGS:
        return triton.image_choices(framework)
    if question == "base_image":
        if framework in catalog.servers():
            return engines.image_choices(framework)
        return {image: image for image in catalog.python_images()}
    if question == "kv_cache_dtype":
        server = catalog.servers().get(framework)
        fp8 = server is None or catalog.memory().engines[server.engine].fp8_kv_cache
        return _labels({name: title for name, title in KV_CACHE_DTYPES.items() if fp8 or name == "auto"})
    if question == "model_kind":
        return _labels(model_kinds.CHOICES)
    if question == "model_dtype":
        return _labels({name: entry.title for name, entry in catalog.memory().quantizations.items()})
    if question == "framework":
        return _labels({name: facts.title for name, facts in catalog.frameworks().items()})
    if question == "model_format":
        return _labels({name: item.title for name, item in catalog.formats(framework).items()})
    facts = catalog.frameworks()[framework]
    if question == "framework_version":
        return {version.number: version.number for version in facts.versions_for(model_format)}
    raise KeyError(question)


def serves_language_model(deployment_config: str) -> bool:
    """Return whether a deployment config is for language models."""
    return deployment_config not in (*PREDICTIVE, *triton.MODEL_CONFIGS)


def targets_of(deployment_config: str) -> list[str]:
    """Return the deployment targets of a deployment config."""
    every = deployment_config in ("", *PREDICTIVE)
    return [name for name in catalog.targets() if every or name not in PREDICTIVE_TARGETS]


def batch_instances() -> tuple[Instance, ...]:
    """Return the instance types without GPUs that batch transform jobs can have and that can be sized."""
    jobs = catalog.hosting().batch
    return tuple(item for item in catalog.instances().values() if jobs.has(item.name))


def not_of_target(deployment_target: str) -> tuple[str, ...]:
    """Return the questions that a deployment target does not ask."""
    return NOT_OF_TARGET.get(deployment_target, ("batch_location", *HYPERPOD_QUESTIONS))


def not_asked(deployment_config: str) -> set[str]:
    """Return the questions that are asked for other deployment configs alone."""
    asked: tuple[str, ...] = LANGUAGE_MODEL_QUESTIONS
    if deployment_config in PREDICTIVE:
        asked = PREDICTIVE_QUESTIONS
    elif deployment_config in triton.MODEL_CONFIGS:
        asked = TRITON_QUESTIONS
    others = {*PREDICTIVE_QUESTIONS, *LANGUAGE_MODEL_QUESTIONS, *TRITON_QUESTIONS} - set(asked)
    return others.union(NOT_IN_TRITON) if deployment_config in triton.CONFIGS else others


def relevant(values: Mapping[str, Any], deployment_config: str, deployment_target: str) -> dict[str, Any]:
    """Return the values of questions that are asked for a deployment config and target."""
    others = not_asked(deployment_config)
    others.update(not_of_target(deployment_target))
    return {name: value for name, value in values.items() if name not in others}
