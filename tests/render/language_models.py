"""Projects of language models of many kinds."""

TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}"
SERVERS = ("vllm", "sglang", "tensorrt-llm", "lmi", "djl")
LANGUAGE_MODELS: dict[str, dict[str, object]] = {
    **{name: {"deployment_config": f"transformers-{name}"} for name in SERVERS},
    "default": {},
    "with-suite": {"include_tests": True},
    "fp8-cache": {"kv_cache_dtype": "fp8", "deployment_config": "transformers-tensorrt-llm"},
    "completions": {"chat_template": "none", "deployment_config": "transformers-sglang"},
    "token": {"hf_token_secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:hf-a1b2c3"},
    "extra": {"extra_arguments": '--override \'{"a": "b c"}\'', "base_image": "vllm/vllm-openai:v0.32.0"},
    "china": {"deployment_config": "transformers-lmi", "region": "cn-north-1"},
    "several-gpus": {"model_name": "meta-llama/Llama-3.1-70B-Instruct", "serving_profile": "throughput"},
    "unknown": {"model_name": "team/secret", "model_parameters": "13", "model_dtype": "fp8"},
    "s3": {"model_name": "s3://bucket/models/mine/", "model_parameters": "7"},
    "embedding": {"model_name": "BAAI/bge-m3", "include_tests": True},
    "reranking": {"model_name": "BAAI/bge-reranker-v2-m3", "include_tests": True},
    "classification": {
        "model_name": "team/moods",
        "model_kind": "classification",
        "model_parameters": "1",
        "include_tests": True,
    },
    "pinned": {
        "model_revision": "a09a35458c702b33eeacc393d103063234e8bc28",
        "max_model_len": 4096,
        "tools": False,
    },
}


def language_model(variant: str) -> dict[str, object]:
    return {
        "deployment_config": "transformers-vllm",
        "include_tests": False,
        "offline": True,
        **LANGUAGE_MODELS[variant],
    }
