"""The kinds of models: text, vectors, scores and classes, by the files of a model."""

from typing import Any

import pytest

from extensions.mcc.catalog import catalog
from extensions.mcc.interview import language_model
from extensions.mcc.models import lookup, model_kinds
from extensions.mcc.servers import engines
from tests.fakes.hub import Hub, Model
from tests.unit.test_facts import LLAMA

NAME = "some-team/vectors"
VLLM = "transformers-vllm"
IMAGE = catalog.default_image(VLLM)
ENCODER = {**LLAMA, "architectures": ["XLMRobertaModel"], "model_type": "xlm-roberta"}
POOLING = {
    "modules.json": [{"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}],
    "1_Pooling/config.json": {"pooling_mode_lasttoken": True},
}


@pytest.mark.parametrize(
    ("architecture", "config", "pooling", "kind"),
    [
        ("Qwen3ForCausalLM", {}, False, ""),
        ("Qwen3ForCausalLM", {}, True, "embedding"),
        ("Llama4ForConditionalGeneration", {}, False, ""),
        ("ChatGLMModel", {}, False, ""),  # a class that generates text, by vLLM's registry
        ("GPT2LMHeadModel", {}, False, ""),
        ("BertModel", {}, False, "embedding"),
        ("NoSuchModel", {}, False, "embedding"),
        ("NoSuchForCausalLM", {}, False, ""),
        ("Qwen3Model", {}, False, "embedding"),
        ("BertForSequenceClassification", {"id2label": {"0": "LABEL_0"}}, False, "reranking"),
        ("BertForSequenceClassification", {"id2label": {"0": "LABEL_0"}}, True, "reranking"),
        ("BertForSequenceClassification", {"id2label": {"0": "a", "1": "b"}}, False, "classification"),
        ("Qwen3ForSequenceClassification", {"num_labels": 1}, False, "reranking"),
        ("Qwen3ForSequenceClassification", {}, False, "classification"),
        ("BertForTokenClassification", {}, False, "token"),
        ("Qwen2ForRewardModel", {}, False, "reward"),
        ("HF_ColBERT", {}, False, "late"),
        ("", {}, False, ""),
    ],
)
def test_files_class_and_labels_decide_the_kind(
    architecture: str, config: dict[str, Any], pooling: bool, kind: str
) -> None:
    assert model_kinds.of_config({"architectures": [architecture], **config}, pooling) == kind


@pytest.mark.parametrize("modules", [None, {}, [], ["x"], [{"type": 1}], [{"type": "a.models.Transformer"}]])
def test_other_modules_are_no_pooling(modules: object) -> None:
    assert not model_kinds.has_pooling_module(modules)
    assert model_kinds.has_pooling_module(POOLING["modules.json"])


def test_the_hub_s_files_show_an_embedding_model_and_its_length() -> None:
    files = {"config.json": LLAMA, **POOLING, "sentence_bert_config.json": {"max_seq_length": 4096}}
    with Hub({NAME: Model(files=files, safetensors={"BF16": 8_030_261_248})}) as server:
        found = lookup.model(NAME, environ={"HF_ENDPOINT": server.url})
    assert found.kind == "embedding" and found.note == ""
    assert found.shape and found.shape.max_position_embeddings == 4096
    assert lookup.from_answer(found.answer()) == found


def test_a_model_that_generates_text_is_stored_as_before() -> None:
    with Hub({NAME: Model(files={"config.json": LLAMA, "modules.json": []})}) as server:
        found = lookup.model(NAME, environ={"HF_ENDPOINT": server.url})
    assert "kind" not in found.answer()


def test_the_kinds_of_the_catalog_are_known_offline() -> None:
    named = {name: entry["kind"] for name, entry in catalog.models().items() if "kind" in entry}
    assert len(named) >= 10 and set(named.values()) <= set(model_kinds.POOLING)
    for name in catalog.models():
        assert lookup.model(name, offline=True).kind == named.get(name, "")


def facts(name: str) -> dict[str, Any]:
    return lookup.model(name, offline=True).answer()


@pytest.mark.parametrize(
    ("name", "wanted", "config", "message"),
    [
        ("BAAI/bge-m3", "auto", VLLM, ""),
        ("BAAI/bge-reranker-v2-m3", "auto", VLLM, ""),
        ("Qwen/Qwen3-8B", "embedding", VLLM, ""),
        ("Qwen/Qwen3-8B", "chat", VLLM, ""),
        ("no/such-model", "classification", VLLM, ""),
        (
            "Qwen/Qwen3-Embedding-8B",
            "auto",
            "transformers-sglang",
            "Use deployment_config=transformers-vllm.",
        ),
        ("Qwen/Qwen3-Embedding-8B", "auto", "triton-vllm", "Use deployment_config=transformers-vllm."),
        ("Qwen/Qwen3-Embedding-8B", "chat", "transformers-sglang", ""),
        ("Qwen/Qwen3-Reranker-8B", "auto", VLLM, "Qwen3ForCausalLM has no weights for this"),
        ("Qwen/Qwen3-8B", "reranking", VLLM, "Qwen3ForCausalLM has no weights for this"),
        ("BAAI/bge-m3", "chat", VLLM, "XLMRobertaModel has no weights for this"),
        ("BAAI/bge-m3", "classification", VLLM, "XLMRobertaModel has no weights for this"),
    ],
)
def test_a_server_that_does_not_serve_a_kind_is_refused_with_another(
    name: str, wanted: str, config: str, message: str
) -> None:
    problem = engines.kind_problem(facts(name), wanted, config, catalog.default_image(config))
    assert message in problem and bool(message) == bool(problem)
    assert all(len(line) < 80 for line in f"model_name: {problem}".splitlines())


@pytest.mark.parametrize(
    ("arguments", "is_served"),
    [
        ("""--hf-overrides '{"architectures": ["Qwen3ForSequenceClassification"]}'""", True),
        ("""--hf_overrides='{"architectures": ["Qwen3ForSequenceClassification"]}'""", True),
        ("""--hf-overrides '{"architectures": ["Qwen3ForCausalLM"]}'""", False),
        ("""--hf-overrides '{"num_labels": 1}'""", False),
        ("--hf-overrides nonsense", False),
        ("--max-num-seqs 8", False),
    ],
)
def test_a_class_given_by_an_argument_counts(arguments: str, is_served: bool) -> None:
    reranker = facts("Qwen/Qwen3-Reranker-8B")
    assert is_served == (not engines.kind_problem(reranker, "auto", VLLM, IMAGE, arguments))


def test_kinds_without_requests_and_old_releases_are_refused() -> None:
    for architecture in ("Qwen2ForRewardModel", "HF_ColBERT", "BertForTokenClassification"):
        found = {"name": "a/b", "architecture": architecture}
        assert "No server is set up" in engines.kind_problem(found, "auto", VLLM, IMAGE)
        assert not engines.pooling_kind(found, "auto", VLLM)
    old = engines.kind_problem(facts("BAAI/bge-m3"), "auto", VLLM, "vllm/vllm-openai:v0.8.4")
    assert "vLLM 0.8.4 has no --runner" in old and f"Use base_image={IMAGE}" in old


@pytest.mark.parametrize(
    ("name", "opened", "closed"),
    [
        ("BAAI/bge-m3", ["/v1/embeddings", "/v1/score"], ["/classify", "/v1/chat/completions"]),
        ("BAAI/bge-reranker-v2-m3", ["/v1/rerank", "/v1/score"], ["/v1/embeddings", "/v1/completions"]),
        ("Qwen/Qwen3-8B", ["/v1/chat/completions"], ["/v1/embeddings", "/v1/rerank", "/classify"]),
    ],
)
def test_only_the_routes_of_a_kind_are_open(name: str, opened: list[str], closed: list[str]) -> None:
    routes = engines.open_routes(VLLM, facts(name), "")
    assert set(opened) <= set(routes) and not set(closed) & set(routes)


def test_only_models_that_chat_have_a_template_by_default() -> None:
    assert language_model.default_chat_template(facts("BAAI/bge-m3"), VLLM) == "none"
    assert language_model.default_chat_template(facts("Qwen/Qwen3-8B"), VLLM) == ""
    assert language_model.default_chat_template(facts("Qwen/Qwen3-8B"), VLLM, "completion") == "none"
    base = {**facts("Qwen/Qwen3-8B"), "chat_template": False}
    assert language_model.default_chat_template(base, VLLM) == "none"
    assert language_model.default_chat_template(base, VLLM, "chat") == ""


def test_facts_of_older_projects_have_a_kind_by_their_class() -> None:
    assert model_kinds.of_answer({"architecture": "BertModel"}) == "embedding"
    assert model_kinds.of_answer({"architecture": "LlamaForCausalLM"}) == ""
    assert model_kinds.of_answer({}) == ""
