"""The server with clients by others, and the output of its tools."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters

from extensions.mcc.catalog import catalog
from extensions.mcc.errors.errors import InvalidAnswer, MccError, UnsizableModel
from extensions.mcc.face import mcp_tools, size
from extensions.mcc.models import lookup
from extensions.mcc.sources import mcp_client
from tests.conftest import REPOSITORY
from tests.fakes import npm

OWN = str(REPOSITORY / "tests" / "data" / "models" / "sklearn-1.9.1.joblib")
SERVER = str(REPOSITORY / "extensions" / "mcp_server.py")
FAKES = REPOSITORY / "tests" / "fakes"
MODEL = "Qwen/Qwen3-8B"
KNOWN = {"model_name": MODEL, "offline": True}
TOOLS = [
    "get_ml_config",
    "size_model",
    "model_facts",
    "instance_facts",
    "regions",
    "base_images",
    "inspect_model",
]


def best() -> str:
    choice = size.of_model(lookup.model(MODEL, offline=True)).best
    assert choice
    return choice.instance.name


async def _talk(mode: str) -> None:
    parameters = StdioServerParameters(command=sys.executable, args=[SERVER])
    async with Client(parameters, mode=mode) as client:
        tools = (await client.list_tools()).tools
        assert [tool.name for tool in tools] == TOOLS
        assert all(tool.description for tool in tools)
        calls: list[tuple[str, dict[str, Any]]] = [
            ("get_ml_config", {"parameters": ["instance_type"], "limit": 2, "context": KNOWN}),
            ("size_model", {"model": MODEL, "max_model_len": 4096, "offline": True}),
            ("model_facts", {"model": MODEL, "offline": True}),
            ("instance_facts", {"instance_type": "ml.g5.xlarge"}),
            ("regions", {}),
            ("base_images", {"deployment_config": "transformers-vllm"}),
            ("inspect_model", {"path": OWN}),
        ]
        for name, arguments in calls:
            result = await client.call_tool(name, arguments)
            expected = getattr(mcp_tools, name)(**arguments)
            assert not result.is_error and result.structured_content == json.loads(json.dumps(expected)), name
        wrong = await client.call_tool("instance_facts", {"instance_type": "ml.g5.huge"})
        assert wrong.is_error and "ml.g5.huge' is not in the catalog. Nearest: ml.g5." in str(wrong.content)
        wrong = await client.call_tool("inspect_model", {"path": "/nowhere/model.pkl"})
        assert wrong.is_error and "there is no file '/nowhere/model.pkl'" in str(wrong.content)
        wrong = await client.call_tool("size_model", {"model": MODEL, "engine": "x", "offline": True})
        assert wrong.is_error and "engine: 'x' is unknown" in str(wrong.content)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_the_official_python_client(mode: str) -> None:
    anyio.run(_talk, mode)


Node = Callable[..., Any]


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """Return a function that runs a script, which asks our server, and returns the JSON it prints."""

    def run(script: str, *arguments: Any) -> Any:
        copy = npm.with_sdk(FAKES / script, Path(tempfile.mkdtemp(dir=tmp_path)))
        given = [argument if isinstance(argument, str) else json.dumps(argument) for argument in arguments]
        command = ["node", str(copy), sys.executable, json.dumps([SERVER]), *given]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_the_official_typescript_client(node: Node) -> None:
    arguments = {"parameters": ["instance_type"], "context": KNOWN}
    told = node("mcp_sdk_client.mjs", "get_ml_config", arguments)
    assert told["tools"] == TOOLS
    assert told["result"]["structuredContent"]["values"] == {"instance_type": best()}
    told = node("mcp_sdk_client.mjs", "model_facts", {"model": "a b", "offline": True})
    assert told["result"]["isError"]
    assert "model_name: 'a b' is not namespace/name" in told["result"]["content"][0]["text"]


def test_the_client_of_the_predecessor(node: Node) -> None:
    known = {"framework": "transformers", "modelServer": "vllm", "modelName": MODEL, "offline": True}
    told = node("mcp_predecessor_client.mjs", known)
    image = catalog.default_image("transformers-vllm")
    assert told["said"] is None
    assert told["result"]["values"].pop("awsRegion") in catalog.regions()
    assert told["result"]["values"] == {"instanceType": best(), "baseImage": image}
    assert len(told["result"]["choices"]["awsRegion"]) == 2
    told = node("mcp_predecessor_client.mjs", {"modelName": "a b"})
    assert told["said"] is None and "'a b' is not the id of a model" in told["result"]["message"]


def test_our_own_client() -> None:
    servers = {"mcc": {"command": sys.executable, "args": [SERVER], "limit": 3}}
    answer = mcp_client.ask(servers, ["instance_type", "base_image", "framework"], KNOWN)
    assert not answer.warnings
    assert answer.values == {
        "instance_type": best(),
        "base_image": catalog.default_image("transformers-vllm"),
    }
    assert len(answer.choices["instance_type"]) == 3


def test_without_the_sdk_a_line_tells_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "mcp.py").write_text("")
    environ = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, SERVER], env=environ, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (1, "")
    install = "Run: python -m pip install --upgrade mcp pyyaml huggingface_hub\n"
    assert done.stderr.count("\n") == 1 and done.stderr.endswith(install)


def test_a_sizing_is_that_of_make_size() -> None:
    arguments = ["--context", "16384", "--concurrency", "4", "--engine", "sglang", "--offline", "--json"]
    command = [sys.executable, "-m", "extensions.mcc.face.size", MODEL, *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert mcp_tools.size_model(MODEL, 16384, 4, "sglang", offline=True) == json.loads(done.stdout)


def test_an_instance_type_is_the_cheapest_that_serves_the_load() -> None:
    load = {"max_model_len": "16384", "max_concurrency": 64, "deployment_config": "transformers-vllm"}
    found = mcp_tools.get_ml_config(["instance_type"], 50, KNOWN | load)
    judged = size.of_model(lookup.model(MODEL, offline=True), max_model_len=16384, max_concurrency=64)
    names = [choice.instance.name for choice in judged.fitting]
    assert found == {"values": {"instance_type": names[0]}, "choices": {"instance_type": names[:50]}}
    small = mcp_tools.get_ml_config(["instance_type"], 1, KNOWN | {"serving_profile": "latency"})
    assert small["values"]["instance_type"] != names[0]


def test_an_instance_type_of_a_predictive_model_needs_no_gpu() -> None:
    for context in ({"framework": "xgboost"}, {"deployment_config": "http-flask"}, {}):
        found = mcp_tools.get_ml_config(["instance_type"], 3, context)
        assert catalog.instances()[found["values"]["instance_type"]].kind == "cpu"
        assert found["choices"]["instance_type"][0] == found["values"]["instance_type"]


def test_a_region_is_that_of_the_environment_or_the_first_that_is_searched_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert mcp_tools.get_ml_config(["region"])["values"] == {"region": "eu-west-3"}
    found = mcp_tools.get_ml_config(["region"], 9, {"regionSearch": "Tokyo"})
    assert found == {"values": {"region": "ap-northeast-1"}, "choices": {"region": ["ap-northeast-1"]}}
    found = mcp_tools.get_ml_config(["region"], 9, {"regionSearch": "nowhere"})
    assert found == {"values": {}, "choices": {"region": []}}


def test_models_are_searched_for_by_a_part_of_their_name() -> None:
    found = mcp_tools.get_ml_config(["model_name"], 5, {"model_name": "LLAMA-3.1"})
    assert not found["values"] and 1 < len(found["choices"]["model_name"]) <= 5
    assert all("llama-3.1" in name.lower() for name in found["choices"]["model_name"])


def test_what_is_not_known_here_is_left_to_others() -> None:
    found = mcp_tools.get_ml_config(["hf_token", "x", "project_name"], 5, {"anything": [1]})
    assert found == {"values": {}, "choices": {}}


def test_what_fails_costs_its_own_answer_only() -> None:
    unknown = {"model_name": "no/such", "offline": True}
    found = mcp_tools.get_ml_config(["instance_type", "region"], 5, unknown)
    assert list(found["values"]) == ["region"] and found["message"].startswith("model_name: no/such cannot")
    with pytest.raises(UnsizableModel, match="no/such cannot be sized"):
        mcp_tools.get_ml_config(["instance_type"], 5, unknown)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"model_name": 5}, "^model_name: 5 "),
    ({"model_name": MODEL, "max_model_len": "many"}, "max_model_len: 'many' is not a whole number"),
    ({"model_name": MODEL, "max_concurrency": -1}, "max_concurrency: -1 is not a whole number"),
    ({"deployment_config": "transformers-x", "model_name": MODEL}, "'transformers-x' is not available"),
    ({"deployment_config": "transformers-vllm"}, "model_name: is not in the context"),
    ({"framework": "pytorch"}, "framework: 'pytorch' is not available"),
    ({"framework": ["x"]}, r"framework: \['x'\] is not text"),
    (KNOWN | {"model_name": "meta-llama/Llama-3.1-405B-Instruct", "max_concurrency": 9999}, "none serves"),
]


@pytest.mark.parametrize(("context", "said"), BAD)
def test_a_context_that_cannot_be_used_is_refused(context: dict[str, Any], said: str) -> None:
    with pytest.raises(MccError, match=said):
        mcp_tools.get_ml_config(["instance_type"], 5, context)


def test_a_model_of_unknown_shape_is_not_sized_but_told() -> None:
    with pytest.raises(UnsizableModel, match="no/such is not in the catalog"):
        mcp_tools.size_model("no/such", offline=True)
    assert mcp_tools.model_facts("no/such", offline=True)["shape"] is None


def test_a_look_up_that_fails_is_told_beside_the_sizing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "127.0.0.1:9" in mcp_tools.size_model(MODEL)["note"]


def test_facts_are_those_of_the_catalog() -> None:
    facts = mcp_tools.instance_facts("ml.g5.xlarge")
    assert facts["accelerator"]["count"] == 1 and facts["kind"] == "gpu"
    assert {region["name"] for region in mcp_tools.regions()["regions"]} == set(catalog.regions())
    assert mcp_tools.base_images("http-flask")["default"] == "python:3.12-slim"
    for wrong in ("ml.g5.huge", "", "x" * 999):
        with pytest.raises(InvalidAnswer, match=r"not in the catalog\. Nearest: ml\.") as caught:
            mcp_tools.instance_facts(wrong)
        assert len(str(caught.value)) < 200
    with pytest.raises(InvalidAnswer, match="'x' is not available"):
        mcp_tools.base_images("x")


def test_what_tools_give_is_json_without_infinities() -> None:
    for name in ("meta-llama/Llama-3.1-8B-Instruct", "deepseek-ai/DeepSeek-V3"):
        json.dumps(mcp_tools.size_model(name, offline=True), allow_nan=False)
