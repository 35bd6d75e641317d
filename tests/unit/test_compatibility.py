"""Which release of a server loads which model: the catalog's facts, and the messages for users."""

import subprocess
import sys
from typing import Any

import pytest

from extensions.mcc.catalog import catalog
from extensions.mcc.errors.errors import UnsizableModel
from extensions.mcc.face import size
from extensions.mcc.models import lookup
from extensions.mcc.servers import advisories, compatibility
from extensions.mcc.servers.compatibility import Model, judge, judge_image
from tests.conftest import REPOSITORY

LANGUAGE_MODELS = [*catalog.servers(), *(name for name, entry in catalog.triton().items() if entry.engine)]
DEFAULT_MODEL = "Qwen/Qwen3-8B"
# Models that no default release loads; a copy uses another release, or stops and names another server.
OLD = {"QWenLMHeadModel", "BaichuanForCausalLM", "bitsandbytes"}
REFUSED = {
    "transformers-vllm": OLD,
    "transformers-lmi": OLD,
    "transformers-sglang": {"Phi3VForCausalLM"},
    "transformers-tensorrt-llm": {"awq", "gptq", "compressed-tensors-int8", "bitsandbytes"},
    "triton-tensorrtllm": {"awq", "gptq", "compressed-tensors-int8", "bitsandbytes"},
}


def model(name: str) -> Model:
    return compatibility.of_answer(lookup.model(name, offline=True).answer())


@pytest.mark.parametrize("config", LANGUAGE_MODELS)
def test_the_default_model_loads_in_the_default_image(config: str) -> None:
    image = catalog.default_image(config)
    assert judge_image(model(DEFAULT_MODEL), config, image).outcome == "works"


@pytest.mark.parametrize("config", LANGUAGE_MODELS)
def test_every_model_of_the_catalog_loads_in_a_default_image_or_is_refused_with_another_way(
    config: str,
) -> None:
    refused = set()
    for name in catalog.models():
        found = model(name)
        if text := compatibility.refusal(found, config, catalog.default_image(config)):
            refused.add(name)
            assert "Use base_image=" in text or "Use deployment_config=" in text, text
            assert config == "triton-vllm" or {found.architecture, found.quantization} & REFUSED[config], name
    if config == "triton-vllm":  # the newest that SageMaker's driver runs has vLLM 0.11
        assert len(refused) > 40


def test_no_architecture_or_model_type_of_the_catalog_is_unknown() -> None:
    entries = catalog.models().values()
    named = {entry["architectures"][0] for entry in entries if "architectures" in entry}
    assert named <= set(catalog.architectures())
    assert {entry["model_type"] for entry in entries if "model_type" in entry} <= set(catalog.model_types())


@pytest.mark.parametrize(
    ("name", "engine", "version", "outcome", "said"),
    [
        (DEFAULT_MODEL, "vllm", "0.7.3", "refuse", "Qwen3ForCausalLM came with vLLM 0.8.4"),
        (DEFAULT_MODEL, "vllm", "0.8.4", "works", ""),
        ("Qwen/Qwen3.5-27B", "vllm", "0.10.1", "refuse", "came with vLLM 0.17.0"),
        ("Qwen/Qwen3.5-27B", "vllm", "0.31.0", "works", ""),
        ("zai-org/GLM-5.2-FP8", "sglang", "0.5.4.post1", "refuse", "came with SGLang 0.5.9"),
        ("zai-org/GLM-5.2-FP8", "sglang", "0.5.9", "refuse", "no configuration for model_type glm_moe_dsa"),
        ("zai-org/GLM-5.2-FP8", "sglang", "0.5.10.post1", "works", ""),
        ("zai-org/GLM-5", "vllm", "0.16.0", "refuse", "came with Transformers 5.3.0"),
        ("zai-org/GLM-5", "vllm", "0.19.0", "works", ""),
        ("Qwen/Qwen-14B-Chat", "vllm", "0.23.0", "works", ""),
        ("Qwen/Qwen-14B-Chat", "vllm", "0.31.0", "refuse", "0.7.3 to 0.23.0 only"),
        ("EleutherAI/pythia-12b", "sglang", "0.5.21", "warn", "may run by Transformers"),
        ("MiniMaxAI/MiniMax-M2.5", "vllm", "0.11.2", "warn", "needs --trust-remote-code"),
        ("moonshotai/Kimi-K2.5", "tensorrt-llm", "1.2.1", "warn", "does not document"),
        ("openai/gpt-oss-20b", "tensorrt-llm", "1.2.1", "works", ""),
        (DEFAULT_MODEL, "djl", "0.32.0", "warn", "newer than DJL Serving 0.32.0"),
        (DEFAULT_MODEL, "djl", "0.36.0", "works", ""),
    ],
)
def test_a_release_is_judged(name: str, engine: str, version: str, outcome: str, said: str) -> None:
    verdict = judge(model(name), engine, version)
    assert (verdict.outcome, said in verdict.reason) == (outcome, True), verdict


def test_what_nobody_knows_is_never_refused() -> None:
    for engine in ("vllm", "sglang", "tensorrt-llm", "djl"):
        assert judge(Model("team/secret"), engine, "0.31.0").outcome == "works"
        found = judge(Model("team/new", "NewForCausalLM", "new_type"), engine, "0.31.0")
        assert found.outcome in ("works", "warn")
    assert judge(Model("x", "Qwen3ForCausalLM", "qwen3"), "vllm", "0.99.0").outcome == "works"
    own = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/mine:1"
    assert judge_image(model("Qwen/Qwen-1_8B"), "transformers-vllm", own).outcome == "works"


def test_a_form_that_ranks_or_embeds_is_judged_by_the_class_it_is_made_of() -> None:
    ranker = Model("x", "Qwen2ForSequenceClassification", "qwen2")
    assert judge(ranker, "vllm", "0.31.0").outcome == "works"


def test_a_repository_with_its_own_code_is_a_warning() -> None:
    by_type = Model("x", "GlmMoeDsaForCausalLM", "glm_moe_dsa", own_code=True)
    assert judge(by_type, "vllm", "0.16.0").arguments == "--trust-remote-code"


def test_a_refusal_names_the_image_and_the_server_that_load_it() -> None:
    old = next(
        image.image for image in catalog.servers()["transformers-lmi"].images if "lmi14" in image.image
    )
    text = compatibility.refusal(model(DEFAULT_MODEL), "transformers-lmi", old)
    assert text.splitlines()[0] == f"{DEFAULT_MODEL} does not load in LMI 0.32.0 (vLLM 0.7.3)."
    default = catalog.default_image("transformers-lmi")
    assert f"base_image={default} or deployment_config=transformers-vllm." in text


def test_make_size_refuses_what_does_not_load() -> None:
    found = lookup.model("Qwen/Qwen3.5-27B", offline=True)
    with pytest.raises(UnsizableModel, match=r"came with vLLM 0\.17\.0\. Use --engine-version 0\.31\.0"):
        size.of_model(found, "vllm", "0.10.1")
    assert size.of_model(found, "vllm").best
    old = [sys.executable, "-m", "extensions.mcc.face.size", "--offline", DEFAULT_MODEL]
    done = subprocess.run(
        [*old, "--engine", "lmi", "--engine-version", "0.32.0"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "does not load it" in done.stderr and not done.stdout


def warned(config: str, image: str = "", name: str = DEFAULT_MODEL, **answers: Any) -> str:
    facts = lookup.model(name, offline=True).answer()
    known = {"deployment_config": config, "base_image": image or catalog.default_image(config)}
    return "\n".join(advisories.lines({**known, "model_facts": facts, **answers}))


def test_old_images_stay_on_offer_with_a_warning() -> None:
    """Those of the specification, and every other with a published vulnerability of code execution."""
    tags = ("vllm-openai:v0.10.1", "sglang:v0.5.4.post1", "release:1.2.0rc8", "lmi14", "0.32.0-pytorch-gpu")
    for config, tag in zip(catalog.servers(), tags, strict=True):
        server = catalog.servers()[config]
        old = next(image for image in server.images if tag in image.image)
        said = warned(config, old.image)
        assert old.version in said and "vulnerabilit" in said and "fixed in" in said
    assert "CVE-2026-22807" in warned("transformers-vllm", "vllm/vllm-openai:v0.10.1")
    assert "Triton 24.08:" in warned("triton-fil", "nvcr.io/nvidia/tritonserver:24.08-py3", model_facts={})


@pytest.mark.parametrize("config", ["transformers-vllm", "transformers-sglang", "transformers-lmi"])
def test_a_default_image_has_no_severe_vulnerability_within_reach(config: str) -> None:
    assert "vulnerab" not in warned(config)


@pytest.mark.parametrize("config", catalog.triton())
def test_the_other_defaults_are_warned_of_only_while_no_release_is_better(config: str) -> None:
    said = warned(config, model_facts={})
    better = {"triton-tensorflow", "triton-vllm", "triton-tensorrtllm"}  # the last with TensorFlow; CUDA 13.0
    assert ("vulnerab" in said) == (config in better)


@pytest.mark.parametrize(
    ("config", "text", "said"),
    [
        ("transformers-vllm", "--trust-remote-code", "runs code from the model's repository"),
        ("transformers-vllm", "--trust_remote_code=true", "runs code"),
        ("transformers-vllm", "--trust-remote", "runs code"),
        ("transformers-vllm", "--allowed-local-media-path /", "lets requests read files"),
        ("transformers-vllm", "--middleware evil.Middleware", "imports Python code"),
        ("transformers-sglang", "--enable-custom-logit-processor", "runs code from requests"),
        ("transformers-tensorrt-llm", "--trust_remote_code", "runs code"),
        ("transformers-lmi", "OPTION_TRUST_REMOTE_CODE=true", "runs code"),
        ("transformers-djl", "OPTION_TRUST_REMOTE_CODE=true", "runs code"),
    ],
)
def test_arguments_that_give_up_a_protection_are_warned_of(config: str, text: str, said: str) -> None:
    assert said in warned(config, extra_arguments=text)
    assert said not in warned(config, extra_arguments="")


def test_media_from_any_url_is_warned_of_by_version() -> None:
    vision = "Qwen/Qwen2.5-VL-7B-Instruct"
    assert vision in catalog.models()
    assert "limit it with --allowed-media-domains" in warned("transformers-vllm", name=vision)
    given = "--allowed-media-domains example.com"
    assert "any URL" not in warned("transformers-vllm", name=vision, extra_arguments=given)
    old = warned("transformers-vllm", "vllm/vllm-openai:v0.10.1", vision)
    assert "block outgoing network access" in old and "CVE-2026-22778" in old
    assert "any URL" not in warned("transformers-vllm")


def test_a_release_newer_than_the_data_is_warned_of_and_never_refused() -> None:
    verdict = judge(model("Qwen/Qwen-1_8B"), "vllm", "0.99.0")
    assert verdict.outcome == "warn" and "newer than the catalog" in verdict.reason
    said = warned("transformers-vllm", "vllm/vllm-openai:v0.99.0", instance_type="ml.g6e.xlarge")
    assert "vLLM 0.99.0 is newer than the catalog" in said


def test_the_driver_and_the_gpu_are_warned_of() -> None:
    newer = warned("transformers-tensorrt-llm", instance_type="ml.g6e.xlarge")
    assert "CUDA 13.1 is newer than the 13.0 of SageMaker's newest driver" in newer
    fp8 = warned("transformers-vllm", name="Qwen/Qwen3-32B-FP8", instance_type="ml.g5.48xlarge")
    assert "unpacks FP8 weights" in fp8
    assert "unpacks" not in warned(
        "transformers-vllm", name="Qwen/Qwen3-32B-FP8", instance_type="ml.g6e.xlarge"
    )


@pytest.mark.parametrize(
    ("version", "method", "outcome", "said"),
    [
        ("0.23.0", "gguf", "works", ""),
        ("0.24.0", "gguf", "refuse", "vllm-gguf-plugin"),
        ("0.27.1", "bitsandbytes", "works", ""),
        ("0.28.0", "bitsandbytes", "refuse", "0.27.1 is the last release that has it"),
        ("0.10.0", "mxfp4", "refuse", "came with 0.10.1"),
        ("0.31.0", "aqlm", "refuse", "has no AQLM"),
    ],
)
def test_a_quantization_that_a_release_lacks_is_refused(
    version: str, method: str, outcome: str, said: str
) -> None:
    verdict = judge(Model("x", "LlamaForCausalLM", "llama", quantization=method), "vllm", version)
    assert verdict.outcome == outcome and said in verdict.reason
    shape = {"shape": {"quantization": "gguf_q4_k_m"}, "name": "x"}
    assert compatibility.of_answer(shape).quantization == "gguf"
