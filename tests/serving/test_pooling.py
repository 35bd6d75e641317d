"""Embedding, reranking and classification models behind nginx, with a stub of vLLM."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.conftest import Render
from tests.servers import CONTRACT
from tests.serving import llm
from tests.serving.language_models import CHAT, ask, serving

VLLM = {"deployment_config": "transformers-vllm", "offline": True}
EMBEDDING = {**VLLM, "model_name": "intfloat/multilingual-e5-large"}
RERANKING = {**VLLM, "model_name": "BAAI/bge-reranker-v2-m3"}
CLASSIFICATION = {
    **VLLM,
    "model_name": "acme/moods",
    "model_kind": "classification",
    "model_parameters": "0.5",
}
PET = {"query": "a black cat", "documents": ["a tax", "a cat"]}


def do_test(project: Path, port: int, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "do/test", "--url", f"http://127.0.0.1:{port}", "--json", *options]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60)


def result(project: Path, port: int) -> dict[str, Any]:
    done = do_test(project, port)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["result"]
    return found


def test_an_embedding_model_returns_vectors(render: Render) -> None:
    project = render("embed", **EMBEDDING)
    with serving(project) as (_, port):
        words = llm.record(project)["command"]
        assert words[words.index("--runner") + 1] == "pooling"
        assert not {"--chat-template", "--task", "--tool-call-parser", "--max-model-len"} & set(words)
        found = result(project, port)
        assert found["dimensions"] == 64 and found["similar"] > found["unrelated"]
        command = [sys.executable, "do/test", "--url", f"http://127.0.0.1:{port}"]
        shown = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60).stdout
        assert "embedding: 64 dimensions" in shown
        for path in ("/invocations", "/v1/embeddings"):
            status, answer = ask(port, path, {"input": ["one two", "three"]})
            assert status == 200 and answer["object"] == "list"
            assert [row["index"] for row in answer["data"]] == [0, 1]
            assert answer["usage"] == {
                "prompt_tokens": 3,
                "total_tokens": 3,
                "completion_tokens": 0,
                "prompt_tokens_details": None,
            }
        assert ask(port, "/v1/chat/completions", CHAT)[0] == 404
        assert ask(port, "/invocations", CHAT)[0] == 400
        assert do_test(project, port, "--stream").returncode == 2
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none")
        vector = client.embeddings.create(model=str(EMBEDDING["model_name"]), input="one").data[0].embedding
        assert len(vector) == 64 and sum(number * number for number in vector) == pytest.approx(1)


def test_a_reranking_model_returns_scores(render: Render) -> None:
    project = render("rank", **RERANKING)
    with serving(project) as (_, port):
        found = result(project, port)
        assert found["relevant"] > found["unrelated"]
        for path in ("/invocations", "/v1/rerank"):
            status, answer = ask(port, path, {**PET, "top_n": 1})
            assert status == 200 and [row["index"] for row in answer["results"]] == [1]
            assert answer["results"][0]["document"]["text"] == "a cat"
        status, answer = ask(port, "/v1/score", {"text_1": "a cat", "text_2": ["a tax", "a cat"]})
        assert status == 200 and answer["data"][1]["score"] == pytest.approx(1)
        assert ask(port, "/v1/embeddings", {"input": "one"})[0] == 404


def test_a_classification_model_returns_classes(render: Render) -> None:
    project = render("classes", **CLASSIFICATION)
    with serving(project) as (_, port):
        found = result(project, port)
        assert sum(found["probabilities"]) == pytest.approx(1) and found["label"].startswith("LABEL_")
        status, answer = ask(port, "/classify", {"input": "what a day"})
        assert status == 200 and answer["data"][0]["num_classes"] == 2


@pytest.mark.parametrize(
    "answers", [EMBEDDING, RERANKING, CLASSIFICATION], ids=["embedding", "reranking", "classes"]
)
def test_the_contract_is_kept(render: Render, answers: dict[str, Any]) -> None:
    """All kinds take the checks that send the requests of their kind, and the embedding model takes all."""
    project = render("pooled", **answers, include_tests=True)
    only = [] if answers is EMBEDDING else ["--only", "33,37"]
    done = subprocess.run(
        [*CONTRACT, "--local", "--json", *only],
        cwd=project,
        env=llm.variables(project),
        capture_output=True,
        text=True,
        timeout=300,
    )
    checks = json.loads(done.stdout)["checks"]
    missed = {check["number"]: check for check in checks if check["result"] != "passed"}
    assert set(missed) <= {53, 54, 58, 59}, missed  # containers, and streams
    assert done.returncode == 0 and len(checks) > 1, done.stderr
