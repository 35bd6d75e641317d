"""The parsers of tool calls and of reasoning, by model, server and version."""

import re
from pathlib import Path
from typing import Any

import pytest
from copier.errors import UserMessageError

from extensions.mcc.catalog import catalog
from extensions.mcc.catalog.catalog import CATALOG
from extensions.mcc.catalog.entries.parsers import KINDS
from extensions.mcc.errors.errors import CatalogError
from extensions.mcc.servers import compatibility, extra_arguments, parsers
from tests.conftest import Render

VLLM, SGLANG, LMI = "transformers-vllm", "transformers-sglang", "transformers-lmi"
TENSORRT_LLM, DJL = "transformers-tensorrt-llm", "transformers-djl"
# model, model_type, server, version -> the parsers of tool calls and of reasoning
TABLE = [
    ("Qwen/Qwen3-8B", "qwen3", VLLM, "0.31.0", "hermes", "qwen3"),
    ("Qwen/Qwen3-8B", "qwen3", SGLANG, "0.5.21", "qwen25", "qwen3"),
    ("Qwen/Qwen3-8B", "qwen3", TENSORRT_LLM, "1.2.1", "qwen3", ""),
    ("Qwen/Qwen3-8B", "qwen3", LMI, "0.38.0", "hermes", "qwen3"),
    ("Qwen/Qwen3-8B", "qwen3", DJL, "0.36.0", "", ""),
    ("Qwen/Qwen3-30B-A3B-FP8", "qwen3_moe", VLLM, "0.10.1", "hermes", "qwen3"),
    ("Qwen/Qwen3-4B-Instruct-2507", "qwen3", VLLM, "0.31.0", "hermes", ""),
    ("Qwen/Qwen3-4B-Instruct-2507-FP8", "qwen3", SGLANG, "0.5.21", "qwen25", ""),
    ("Qwen/Qwen3-30B-A3B-Thinking-2507", "qwen3_moe", SGLANG, "0.5.21", "qwen25", "qwen3-thinking"),
    ("Qwen/Qwen3-30B-A3B-Thinking-2507", "qwen3_moe", VLLM, "0.31.0", "hermes", ""),
    ("Qwen/Qwen3-Coder-30B-A3B-Instruct", "qwen3_moe", VLLM, "0.11.2", "qwen3_xml", ""),
    ("Qwen/Qwen3-8B-Base", "qwen3", VLLM, "0.31.0", "", ""),
    ("Qwen/Qwen3-Embedding-8B", "qwen3", VLLM, "0.31.0", "", ""),
    ("Qwen/Qwen3-Reranker-4B", "qwen3", SGLANG, "0.5.21", "", ""),
    ("Qwen/Qwen3Guard-Gen-8B", "qwen3", VLLM, "0.31.0", "", ""),
    ("team/support-bot", "qwen3", VLLM, "0.31.0", "hermes", ""),
    ("s3://bucket/Qwen3-8B/", "", VLLM, "0.31.0", "", ""),
    ("Qwen/Qwen3-VL-8B-Instruct", "qwen3_vl", VLLM, "0.31.0", "hermes", ""),
    ("Qwen/Qwen3-VL-8B-Thinking", "qwen3_vl", VLLM, "0.31.0", "hermes", "qwen3"),
    ("Qwen/Qwen3.5-27B", "qwen3_5", SGLANG, "0.5.21", "qwen3_coder", "qwen3"),
    ("Qwen/Qwen2.5-7B-Instruct", "", VLLM, "0.10.1", "hermes", ""),
    ("Qwen/QwQ-32B", "qwen2", VLLM, "0.31.0", "hermes", "deepseek_r1"),
    ("Qwen/QwQ-32B-Preview", "qwen2", VLLM, "0.31.0", "", ""),
    ("openai/gpt-oss-20b", "gpt_oss", VLLM, "0.31.0", "openai", "openai_gptoss"),
    ("openai/gpt-oss-20b", "gpt_oss", VLLM, "0.10.1", "", "GptOss"),
    ("openai/gpt-oss-20b", "gpt_oss", SGLANG, "0.5.4.post1", "gpt-oss", "gpt-oss"),
    ("openai/gpt-oss-20b", "gpt_oss", TENSORRT_LLM, "1.2.1", "", ""),
    ("zai-org/GLM-5", "glm_moe_dsa", VLLM, "0.31.0", "glm47", "glm47"),
    ("zai-org/GLM-5", "glm_moe_dsa", LMI, "lmi27", "glm47", "glm45"),
    ("zai-org/GLM-5", "glm_moe_dsa", SGLANG, "0.5.4.post1", "", "glm45"),
    ("zai-org/GLM-4.6", "glm4_moe", VLLM, "0.10.1", "glm45", "glm45"),
    ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "llama", LMI, "lmi27", "", "deepseek_r1"),
    ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "llama", LMI, "0.33.0", "", ""),
    ("deepseek-ai/DeepSeek-R1", "deepseek_v3", TENSORRT_LLM, "1.2.1", "", "deepseek-r1"),
    ("meta-llama/Llama-3.1-8B-Instruct", "llama", SGLANG, "0.5.21", "llama3", ""),
    ("meta-llama/Llama-3.1-8B-Instruct", "llama", VLLM, "0.31.0", "llama3_json", ""),
    ("meta-llama/Llama-3.1-8B-Instruct", "llama", LMI, "0.38.0", "", ""),
    ("deepseek-ai/DeepSeek-R1-0528", "deepseek_v3", VLLM, "0.31.0", "deepseek_v3", "deepseek_r1"),
    ("deepseek-ai/DeepSeek-R1", "deepseek_v3", VLLM, "0.31.0", "", "deepseek_r1"),
    ("deepseek-ai/DeepSeek-V3.1", "deepseek_v3", VLLM, "0.10.1", "", ""),
    ("meta-llama/Meta-Llama-3.1-8B", "llama", SGLANG, "0.5.21", "", ""),
    ("mistralai/Mistral-7B-Instruct-v0.3", "mistral", SGLANG, "0.5.21", "mistral", ""),
    ("mistralai/Mistral-7B-Instruct-v0.2", "mistral", SGLANG, "0.5.21", "", ""),
    ("google/gemma-4-26B-A4B", "gemma4", VLLM, "0.31.0", "", ""),
    ("nvidia/Gemma-4-31B-IT-NVFP4", "gemma4", VLLM, "0.31.0", "gemma4", "gemma4"),
    ("nvidia/Gemma-4-31B-IT-NVFP4", "gemma4", SGLANG, "0.5.10.post1", "", ""),
    ("moonshotai/Kimi-K2-Instruct", "kimi_k2", VLLM, "0.31.0", "kimi_k2", ""),
    ("moonshotai/Kimi-K2.5", "kimi_k25", VLLM, "0.10.1", "kimi_k2", ""),
    ("ibm-granite/granite-4.0-h-small", "granitemoehybrid", VLLM, "0.11.2", "hermes", ""),
    ("mistralai/Mixtral-8x7B-Instruct-v0.1", "", SGLANG, "0.5.21", "", ""),
]


def image(config: str, version: str) -> str:
    """Return an image by its version or tag; of a version that is not listed, by a tag like the others."""
    images = [item.image for item in catalog.servers()[config].images]
    tagged = [name for name in images if name.endswith((f":v{version}", f":{version}")) or version in name]
    return tagged[0] if tagged else f"{images[0].rpartition(':')[0]}:v{version}"


def choose(name: str, model_type: str, config: str, version: str, arguments: str = "") -> parsers.Chosen:
    facts = {"name": name, "model_type": model_type}
    return parsers.choose(facts, config, image(config, version), "", arguments)


@pytest.mark.parametrize(("name", "model_type", "config", "version", "tool", "reasoning"), TABLE)
def test_a_version_gets_the_parsers_that_it_has(
    name: str, model_type: str, config: str, version: str, tool: str, reasoning: str
) -> None:
    found = choose(name, model_type, config, version)
    assert (found.tool, found.reasoning) == (tool, reasoning)


def test_every_parser_that_is_chosen_is_in_the_release() -> None:
    """Of every model of the catalog, in every image of every server."""
    used = set()
    for config, server in catalog.servers().items():
        for name, entry in catalog.models().items():
            for item in server.images:
                found = choose(name, str(entry.get("model_type", "")), config, item.image)
                for kind in KINDS:
                    if parser := getattr(found, kind):
                        span = catalog.parsers().releases[server.registry].of(kind)[parser]
                        assert compatibility.within(item.inside or item.version, span)
                        used.add(parser)
    assert len(used) > 30


def test_what_is_left_out_has_a_reason() -> None:
    model = ("openai/gpt-oss-20b", "gpt_oss")
    assert choose(*model, VLLM, "0.10.1").left_out == (
        "vLLM 0.10.1 has no tool parser openai, which came with 0.10.2",
    )
    assert choose("Qwen/Qwen3-8B", "qwen3", LMI, "0.32.0").left_out == (
        "LMI 0.32.0 has no setting for a tool parser",
        "LMI 0.32.0 has no setting for a reasoning parser",
    )
    assert choose("Qwen/Qwen3-8B", "qwen3", VLLM, "0.31.0").left_out == ()
    facts = {"name": model[0], "model_type": model[1]}
    own = parsers.choose(facts, VLLM, "registry.example.com/vllm:mine", "", "")
    assert own == parsers.Chosen(left_out=("the version in registry.example.com/vllm:mine is not known",))


@pytest.mark.parametrize(
    ("name", "template"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "llama3.1_json"),
        ("meta-llama/Llama-3.2-1B-Instruct", "llama3.2_json"),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama3.1_json"),
        ("meta-llama/Llama-4-Scout-17B-16E-Instruct", "llama4_pythonic"),
        ("deepseek-ai/DeepSeek-V3-0324", "deepseekv3"),
        ("deepseek-ai/DeepSeek-V3.1", "deepseekv31"),
    ],
)
def test_tool_calls_get_the_chat_template_that_they_need(name: str, template: str) -> None:
    """From the image, or from the user: a parser without it finds no tool calls."""
    facts = {"name": name, "model_type": ""}
    of_vllm, of_lmi = image(VLLM, "0.31.0"), image(LMI, "0.38.0")
    found = parsers.choose(facts, VLLM, of_vllm, "", "")
    assert found.template == f"/vllm-workspace/examples/tool_chat_template_{template}.jinja"
    assert found.tool and not found.left_out
    for given in ((VLLM, of_vllm, "mine.jinja"), (LMI, of_lmi, "mine.jinja")):
        own = parsers.choose(facts, *given, "")
        assert (own.tool, own.template, own.left_out) == (found.tool, "", ())
    other = parsers.choose(facts, VLLM, of_vllm, "", "--tool-call-parser xlam")
    assert (other.tool, other.template) == ("", "")
    lacking = parsers.choose(facts, LMI, of_lmi, "", "")
    assert (lacking.tool, lacking.template) == ("", "")
    said = f"tool calls need vLLM's examples/tool_chat_template_{template}.jinja, which LMI 0.38.0 lacks"
    assert lacking.left_out == (f"{said}: give it as chat_template",)


def test_a_family_without_a_tool_parser_has_a_reason() -> None:
    facts = {"name": "mistralai/Mistral-7B-Instruct-v0.3", "model_type": "mistral"}
    why = "its arguments depend on the format of the files (Mistral's or Transformers')"
    found = parsers.choose(facts, VLLM, image(VLLM, "0.31.0"), "", "")
    assert found.left_out == (f"the parser of tool calls, because {why}",)
    given = parsers.choose(facts, VLLM, image(VLLM, "0.31.0"), "", "--tool-call-parser mistral")
    assert given == parsers.NONE


@pytest.mark.parametrize(
    ("changes", "chat_template", "arguments"),
    [
        ({"chat_template": False}, "", ""),
        ({}, "none", ""),
        ({}, "", "--runner pooling"),
        ({"architecture": "BertModel", "model_type": "bert"}, "", ""),
    ],
)
def test_models_without_chats_get_none(changes: dict[str, Any], chat_template: str, arguments: str) -> None:
    facts = {"name": "Qwen/Qwen3-8B", "model_type": "qwen3", **changes}
    assert parsers.choose(facts, VLLM, image(VLLM, "0.31.0"), chat_template, arguments) == parsers.NONE


@pytest.mark.parametrize(
    ("config", "arguments", "tool", "reasoning"),
    [
        (VLLM, "--tool-call-parser xlam --enable-auto-tool-choice", "", "qwen3"),
        (VLLM, "--tool_call_parser=xlam", "", "qwen3"),
        (VLLM, "--enable-auto-tool-choice --seed 7", "hermes", "qwen3"),
        (SGLANG, "--reasoning-parser deepseek-r1", "qwen25", ""),
        (TENSORRT_LLM, "--tool_parser qwen3_coder", "", ""),
        (LMI, "OPTION_TOOL_CALL_PARSER=xlam OPTION_REASONING_PARSER=none", "", ""),
    ],
)
def test_an_extra_argument_replaces_the_parser(
    config: str, arguments: str, tool: str, reasoning: str
) -> None:
    assert extra_arguments.problem(arguments, config) == ""
    version = catalog.servers()[config].default_image.version
    found = choose("Qwen/Qwen3-8B", "qwen3", config, version, arguments)
    assert (found.tool, found.reasoning, found.left_out) == (tool, reasoning, ())


def test_a_family_without_releases_is_refused(tmp_path: Path) -> None:
    text = (CATALOG / "parsers.yml").read_text()
    (tmp_path / "parsers.yml").write_text(text.replace("vllm: {tool: [openai]", "vllm: {tool: [opeani]"))
    with pytest.raises(CatalogError, match="gpt-oss: vllm: tool: releases has no opeani"):
        catalog.parsers(tmp_path)


def test_patterns_are_anchored_or_name_the_family() -> None:
    """Without a model_type, a pattern decides alone."""
    for name, entry in catalog.parsers().families.items():
        assert not entry.names or entry.names[0] == "^" or re.match("Llama-|Nemotron-", entry.names), name
        re.compile(entry.names)


@pytest.mark.parametrize(
    ("config", "model"), [(VLLM, "mistralai/Mistral-7B-Instruct-v0.3"), (DJL, "Qwen/Qwen3-8B")]
)
def test_tools_are_refused_for_a_model_without_a_parser(render: Render, config: str, model: str) -> None:
    with pytest.raises(UserMessageError, match=f"tools: no parser .* is known for {model} with"):
        render("chat", deployment_config=config, model_name=model, offline=True, tools=True)
