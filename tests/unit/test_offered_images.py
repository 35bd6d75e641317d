"""The versions of a server that the interview and the MCP server offer for a model."""

import pytest

from extensions.mcc.catalog import catalog
from extensions.mcc.face import mcp_tools
from extensions.mcc.interview import base_images, offers
from extensions.mcc.models import lookup


@pytest.mark.parametrize(
    ("config", "name", "best", "left_out"),
    [
        ("transformers-vllm", "Qwen/Qwen3-8B", "vllm/vllm-openai:v0.31.0", ""),
        ("transformers-vllm", "Qwen/Qwen-1_8B", "vllm/vllm-openai:v0.23.0", "v0.31.0"),
        ("transformers-vllm", "Qwen/Qwen3.5-27B", "vllm/vllm-openai:v0.31.0", "v0.10.1"),
        ("transformers-vllm", "unsloth/QwQ-32B-unsloth-bnb-4bit", "vllm/vllm-openai:v0.27.1", "v0.28.0"),
        ("transformers-sglang", "zai-org/GLM-5", "lmsysorg/sglang:v0.5.21", "v0.5.9"),
        ("triton-vllm", "google/gemma-4-26B-A4B", "26.07-vllm-python-py3", "25.11"),
    ],
)
def test_only_versions_that_load_the_model_are_offered_and_the_best_is_the_default(
    config: str, name: str, best: str, left_out: str
) -> None:
    facts = lookup.model(name, offline=True).answer()
    assert base_images.default(config, model_facts=facts).endswith(best)
    offered = list(offers.image_choices(config, facts).values())
    everything = [item.image for item in catalog.language_model_server(config).images]
    assert any(image.endswith(best) for image in offered)
    assert not [image for image in offered if left_out and left_out in image]
    assert [image for image in everything if left_out and left_out in image] or not left_out


def test_an_image_that_was_given_is_offered_and_refused_later() -> None:
    facts = lookup.model("Qwen/Qwen3.5-27B", offline=True).answer()
    assert (
        "vllm/vllm-openai:v0.10.1"
        in offers.image_choices("transformers-vllm", facts, "vllm/vllm-openai:v0.10.1").values()
    )


def test_the_mcp_server_offers_what_loads_the_model() -> None:
    context = {"model_name": "Qwen/Qwen-1_8B", "offline": True, "deployment_config": "transformers-vllm"}
    found = mcp_tools.get_ml_config(["base_image"], context=context)
    assert found["values"]["base_image"] == "vllm/vllm-openai:v0.23.0"
    assert not [image for image in found["choices"]["base_image"] if "v0.31.0" in image]


@pytest.mark.parametrize("config", [*catalog.servers(), *catalog.triton()])
def test_every_image_has_public_evidence_or_a_warning(config: str) -> None:
    server = catalog.language_model_server(config)
    unproven = [
        item.image for item in server.images if not item.verified and not getattr(item, "warning", "")
    ]
    assert unproven == [item for item in unproven if "tritonserver" in item]
