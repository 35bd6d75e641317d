"""How vLLM is told what settings.toml says."""

from typing import Any

FLAGS = {
    "tensor_parallel_size": "--tensor-parallel-size",
    "max_model_len": "--max-model-len",
    "max_num_seqs": "--max-num-seqs",
    "gpu_memory_utilization": "--gpu-memory-utilization",
    "kv_cache_dtype": "--kv-cache-dtype",
}


def command(model: str, settings: dict[str, Any], port: int) -> list[str]:
    """Return the command that serves a directory, or a model of the Hub at its revision."""
    words = ["python3", "-m", "vllm.entrypoints.openai.api_server", "--host", "0.0.0.0", "--port", str(port)]
    words += ["--model", model, "--served-model-name", settings["model"]]
    if settings["revision"] and model == settings["model"]:
        words += ["--revision", settings["revision"]]
    for name, flag in FLAGS.items():
        words += [flag, str(settings[name])]
    return words + settings["extra_arguments"]
