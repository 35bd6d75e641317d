"""The routes of a language model: which are open, and what /invocations is for."""

import pytest

from extensions.mcc.catalog import catalog
from extensions.mcc.servers import engines
from tests.conftest import Render
from tests.serving import llm
from tests.serving.language_models import CHAT, ask, by_route, each_server, serving


@by_route
def test_invocations_are_chats_unless_the_caller_says_otherwise(render: Render, config: str) -> None:
    project = render("chat", deployment_config=config, offline=True)
    completion, header = {"prompt": "one, two", "max_tokens": 3}, "X-Amzn-SageMaker-Custom-Attributes"
    with serving(project) as (_, port):
        assert ask(port, "/invocations", CHAT)[1]["choices"][0]["message"]["content"]
        assert ask(port, "/invocations", completion)[0] == 400
        answer = ask(port, "/invocations", completion, **{header: "a=b;route=/v1/completions"})
        assert answer[1]["choices"][0]["text"]
        for attributes in ("route=/metrics", "route=/v1/completions/../../metrics", "x"):
            assert ask(port, "/invocations", CHAT, **{header: attributes})[0] == 200


@by_route
def test_a_model_without_a_chat_template_completes(render: Render, config: str) -> None:
    project = render("chat", deployment_config=config, offline=True, chat_template="none")
    with serving(project) as (_, port):
        assert ask(port, "/invocations", {"prompt": "one", "max_tokens": 3})[1]["choices"][0]["text"]


@each_server
def test_only_the_routes_of_the_model_are_open(render: Render, config: str) -> None:
    """Routes that administer the engine answer 404 as JSON, however they are written."""
    project, server = render("chat", deployment_config=config, offline=True), catalog.servers()[config]
    with serving(project) as (_, port):
        words, address = llm.record(project)["command"], llm.record(project)["environment"]
        direct = address.get("SERVING_INFERENCE_ADDRESS", "").rpartition(":")[2]
        engine = int(direct or words[words.index("--port") + 1])
        assert len(server.administration) > 3
        for path in (*server.administration, "/health", "/docs", "/"):
            if path in server.administration:
                assert ask(engine, path, {})[0] == 200, "the stub has the routes of the engine"
            for spelled in (path, f"/{path}", f"{path}/", f"/v1/..{path}", f"/ping/..{path}?a=/ping"):
                status, answer = ask(port, spelled, {})
                assert (status, answer["error"]) == (404, "Not Found"), spelled
        assert ask(port, "/%66lush_cache", {})[0] == 404
        for path in engines.open_routes(config, {}, ""):
            assert ask(port, path, CHAT if "chat" in path else None)[0] != 404, path


@pytest.mark.parametrize("config", ["transformers-vllm", "transformers-sglang"])
def test_a_model_that_embeds_has_its_own_routes(render: Render, config: str) -> None:
    flag = "--runner pooling" if config == "transformers-vllm" else "--is-embedding"
    project = render("embed", deployment_config=config, offline=True, extra_arguments=flag)
    with serving(project) as (_, port):
        assert ask(port, "/v1/embeddings", {"input": "one"})[0] == 200
        assert ask(port, "/v1/chat/completions", CHAT)[0] == 404
    facts = {"architecture": "BertModel"}
    assert "/v1/embeddings" in engines.open_routes(config, facts, "")
    assert "/v1/embeddings" not in engines.open_routes(config, {}, "")
