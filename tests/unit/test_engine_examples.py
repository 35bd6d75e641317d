"""Fourteen pairs of model, release and GPU with known outcomes, and what each refusal offers instead."""

import dataclasses

import pytest

from extensions.mcc.catalog import catalog
from extensions.mcc.interview import base_images
from extensions.mcc.models import facts, lookup
from extensions.mcc.servers import advisories, compatibility, drivers, gpu_support, releases
from extensions.mcc.servers.compatibility import Model
from extensions.mcc.sizing import gpu_sizer
from extensions.mcc.sizing.gpu_sizer import Load

AWS = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
NEWEST = "al2023-ami-sagemaker-inference-gpu-4-1"


def image(config: str, part: str) -> str:
    return next(item.image for item in catalog.servers()[config].images if part in item.image)


def known(name: str) -> Model:
    return compatibility.of_answer(lookup.model(name, offline=True).answer())


def reason(name: str, instance: str, engine: str, version: str, method: str = "") -> str:
    shape = lookup.model(name, offline=True).shape or facts.from_parameters(8, "fp8", name)
    shape = dataclasses.replace(shape, quantization_method=method or shape.quantization_method)
    only = [catalog.instances()[instance]]
    return gpu_sizer.choices(shape, Load(2048, 1, engine, version), only)[0].reason


@pytest.mark.parametrize(
    ("config", "part", "name", "said"),
    [
        ("transformers-lmi", "lmi14", "Qwen/Qwen3-8B", "lmi29"),
        ("transformers-vllm", "v0.10.1", "Qwen/Qwen3.5-27B", "base_image=vllm/vllm-openai:v0.31.0"),
        ("transformers-sglang", "v0.5.4.post1", "zai-org/GLM-5.2-FP8", "base_image=lmsysorg/sglang:v0.5.21"),
        ("transformers-vllm", "v0.31.0", "Qwen/Qwen-14B-Chat", "base_image=vllm/vllm-openai:v0.23.0"),
        ("transformers-tensorrt-llm", "1.2.1", "Qwen/Qwen2.5-72B-Instruct-AWQ", "transformers-vllm"),
        ("transformers-vllm", "v0.28.0", "unsloth/QwQ-32B-unsloth-bnb-4bit", "vllm-openai:v0.27.1"),
    ],
)
def test_a_release_that_cannot_load_a_model_is_refused_with_one_that_can(
    config: str, part: str, name: str, said: str
) -> None:
    text = compatibility.refusal(known(name), config, image(config, part))
    assert said in text.partition("Use ")[2], text


@pytest.mark.parametrize(
    ("name", "instance", "engine", "version", "method", "said"),
    [
        ("openai/gpt-oss-120b", "ml.g7e.2xlarge", "tensorrt-llm", "1.2.1", "", "no MXFP4 kernels"),
        ("Qwen/Qwen3-0.6B", "ml.g4dn.xlarge", "sglang", "0.5.23", "", "SGLang needs compute capability 8"),
        ("meta-llama/Llama-3.2-3B-Instruct", "ml.p3.2xlarge", "vllm", "0.32.0", "", "7.5, NVIDIA V100 has 7"),
        ("Qwen/Qwen3-8B", "ml.g7e.2xlarge", "vllm", "0.16.0", "", "CUDA error 803"),
        ("nvidia/Llama-3.1-8B-Instruct-FP8", "ml.g5.xlarge", "vllm", "0.20.0", "modelopt-fp8", "vLLM 0.27"),
        ("openai/gpt-oss-20b", "ml.g7e.2xlarge", "sglang", "0.5.4.post1", "", "no MXFP4 kernels"),
        ("openai/gpt-oss-20b", "ml.g5.xlarge", "tensorrt-llm", "1.2.1", "", "no MXFP4 kernels"),
    ],
)
def test_a_gpu_without_kernels_is_refused(
    name: str, instance: str, engine: str, version: str, method: str, said: str
) -> None:
    assert said in reason(name, instance, engine, version, method)


@pytest.mark.parametrize(
    ("name", "instance", "engine", "version", "method"),
    [
        ("nvidia/Llama-3.1-8B-Instruct-FP8", "ml.g5.xlarge", "vllm", "0.27.0", "modelopt-fp8"),
        ("nvidia/Llama-3.1-8B-Instruct-FP8", "ml.g6.xlarge", "vllm", "0.20.0", "modelopt-fp8"),
        ("openai/gpt-oss-120b", "ml.g7e.2xlarge", "vllm", "0.31.0", ""),
        ("openai/gpt-oss-20b", "ml.g6.xlarge", "vllm", "0.10.1", ""),
        ("Qwen/Qwen3-8B", "ml.g6e.xlarge", "vllm", "0.16.0", ""),
        ("Qwen/Qwen3-8B", "ml.g6e.xlarge", "vllm", "0.32.0", ""),
    ],
)
def test_a_gpu_that_runs_it_is_not_refused(
    name: str, instance: str, engine: str, version: str, method: str
) -> None:
    assert not reason(name, instance, engine, version, method)


def test_an_old_release_that_loads_a_model_is_a_warning() -> None:
    """gpt-oss on vLLM 0.10.1 and an L4: it runs, with vulnerabilities and no tool calls."""
    facts_of = lookup.model("openai/gpt-oss-20b", offline=True)
    old = image("transformers-vllm", "v0.10.1")
    assert facts_of.shape and not compatibility.refusal(known(facts_of.name), "transformers-vllm", old)
    card = catalog.instances()["ml.g6.xlarge"].accelerator
    assert card and "unpacks MXFP4" in gpu_support.remark(
        facts_of.shape, releases.of_version("vllm", "0.10.1"), card
    )
    assert any("CVE-" in text for text in advisories.vulnerabilities("transformers-vllm", old))


def test_an_image_of_amazon_linux_is_refused_with_one_that_can_be_built_from() -> None:
    """Its SGLang has kernels for 9.0, 10.0 and 10.3 alone, and no apt-get."""
    said = base_images.problem(f"{AWS}/sglang:server-sagemaker-cuda-v1.4", "transformers-sglang")
    assert "Amazon Linux" in said and "sglang:0.5.21-gpu-py312-cu130-ubuntu24.04-sagemaker" in said
    assert "8.9" not in said and "9.0, 10.0 and 10.3" in said


def test_the_good_one() -> None:
    config, newest = "transformers-vllm", "vllm/vllm-openai:v0.32.0"
    assert compatibility.judge_image(known("Qwen/Qwen3-8B"), config, newest).outcome == "works"
    assert drivers.of_image(config, newest, 8.9).ami == NEWEST
