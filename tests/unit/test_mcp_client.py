"""The client against servers that others wrote, and against servers that do not do as they should."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from extensions.mcc.errors.errors import MccError, McpConfigError
from extensions.mcc.sources import mcp_client
from extensions.mcc.sources.mcp_client import McpAnswer
from tests.conftest import REPOSITORY
from tests.fakes import npm

FAKES = REPOSITORY / "tests" / "fakes"
QUESTIONS = ("region", "instance_type", "model_name", "base_image")
ENVIRON = {"PATH": os.environ["PATH"], "HOME": "/nowhere"}


def python(script: str, *arguments: str, **more: Any) -> dict[str, Any]:
    return {"command": sys.executable, "args": [str(FAKES / script), *arguments], **more}


def faulty(*arguments: str, **more: Any) -> dict[str, Any]:
    return python("mcp_faults.py", *arguments, **more)


def ask(servers: dict[str, Any], *questions: str, **options: Any) -> McpAnswer:
    options = {"environ": ENVIRON, **options}
    return mcp_client.ask(servers, questions or QUESTIONS, options.pop("context", {}), **options)


@pytest.mark.parametrize("tool", ["get_ml_config", "as_text"])
def test_a_server_on_the_python_sdk(tool: str) -> None:
    server = python("mcp_sdk_server.py", toolName=tool, limit=2)
    answer = ask({"sdk": server}, context={"model_name": "acme/tiny"})
    assert answer == McpAnswer(
        values={"instance_type": "ml.g5.xlarge", "model_name": "acme/tiny-small"},
        choices={"instance_type": ["ml.g5.xlarge", "ml.g6.xlarge"]},
        origins={"instance_type": "sdk", "model_name": "sdk"},
    )


def test_a_tool_of_the_python_sdk_that_fails_or_is_missing() -> None:
    servers = {tool: python("mcp_sdk_server.py", toolName=tool) for tool in ("failing", "absent")}
    failing, absent = ask(servers).warnings
    assert failing.startswith("MCP server failing: its tool failing (toolName) failed: Error executing tool")
    assert absent == "MCP server absent: its tool absent (toolName) failed: Unknown tool: absent."


@pytest.mark.parametrize("tool", ["get_ml_config", "as_text"])
def test_a_server_on_the_typescript_sdk(tmp_path: Path, tool: str) -> None:
    script = npm.with_sdk(FAKES / "mcp_sdk_server.mjs", tmp_path)
    server = {"command": "node", "args": [str(script)], "toolName": tool, "limit": 2, "type": "stdio"}
    expected = McpAnswer({"region": "eu-west-3"}, {"region": ["eu-west-1", "eu-west-3"]}, {"region": "ts"})
    assert ask({"ts": server}, context={"region": "eu-west-3"}) == expected
    (warning,) = ask({"ts": server | {"toolName": "absent"}}).warnings
    assert "its tool absent (toolName) failed: MCP error -32602: Tool absent not found" in warning


def test_the_region_picker_of_the_predecessor() -> None:
    script = npm.folder() / "package" / "servers" / "region-picker" / "index.js"
    server = {"command": "node", "args": [str(script)], "toolName": "get_regions", "limit": 3}
    answer = ask({"region-picker": server})
    assert answer.choices == {"region": ["us-east-1", "us-east-2", "us-west-1"]}
    assert (answer.values, answer.origins) == ({"region": "us-east-1"}, {"region": "region-picker"})
    assert not answer.warnings


def test_values_are_those_of_the_first_server_and_choices_those_of_all() -> None:
    results = [
        {"values": {"region": None}, "choices": {"region": ["eu-west-1", "eu-west-2"]}},
        {"values": {"region": "eu-west-2", "awsRegion": "us-east-1"}, "choices": {"awsRegion": ["a", "b"]}},
        {"values": {"region": "eu-west-3", "baseImage": "python:3"}, "choices": {"region": ["a", "c"]}},
    ]
    servers = {
        name: faulty("result", json.dumps({"structuredContent": result}))
        for name, result in zip("zyx", results, strict=True)
    }
    assert ask(servers) == McpAnswer(
        values={"region": "eu-west-2", "base_image": "python:3"},
        choices={"region": ["eu-west-1", "eu-west-2", "a", "b", "c"]},
        origins={"region": "y", "base_image": "x"},
    )


def test_a_server_is_asked_by_our_names_and_by_those_of_the_predecessor() -> None:
    answer = ask({"echo": faulty("echo", limit=7)}, "region", context={"model_name": "a/b", "framework": "x"})
    assert json.loads(str(answer.values["region"])) == {
        "parameters": ["region", "awsRegion"],
        "limit": 7,
        "context": {"model_name": "a/b", "modelName": "a/b", "framework": "x"},
    }


def test_a_server_knows_little_of_the_environment() -> None:
    environ = {
        **{"HF_TOKEN": "hf_Canary12", "AWS_SECRET_ACCESS_KEY": "canary", "MCC_REGION": "x", "TEAM": "ml"},
        **{"LANG": "C", "PATH": ENVIRON["PATH"], "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", "")},
    }
    env = {"FOR": "$TEAM", "AND": "${TEAM}", "PLAIN": "a$TEAM", "MAX_TOKENS": "5"}
    answer = ask({"echo": faulty("echo", env=env)}, "base_image", environ=environ)
    known = json.loads(str(answer.values["base_image"]))
    own = {"FOR": "ml", "AND": "ml", "PLAIN": "a$TEAM", "MAX_TOKENS": "5"}
    assert {name: value for name, value in known.items() if name != "LC_CTYPE"} == {
        "LANG": "C",
        "PATH": ENVIRON["PATH"],
        **own,
    }


def test_a_secret_that_a_server_is_trusted_with_is_not_heard_back() -> None:
    environ = ENVIRON | {"TEAM_TOKEN": "hf_Canary12"}
    server = faulty("error", env={"KEY": "$TEAM_TOKEN"})
    answer = ask({"team": server}, environ=environ)
    assert answer.warnings == ["MCP server team: tools/call failed: broken ?[31m ***."]
    answer = ask({"team": faulty("echo", env={"KEY": "$TEAM_TOKEN"})}, environ=environ)
    assert '"KEY": "***"' in str(answer.values["base_image"]) and "Canary" not in str(answer)


def test_a_server_whose_variable_is_not_set_is_not_asked(tmp_path: Path) -> None:
    pids = str(tmp_path / "pids")
    server = faulty("well", env={"API_KEY": "$TEAM_KEY", "PIDS": pids})
    answer = ask({"team": server, "good": faulty("well")})
    (warning,) = answer.warnings
    assert warning.startswith("MCP server team: was not asked: env: API_KEY: $TEAM_KEY is not set")
    assert answer.values == {"region": "eu-west-1"} and not Path(pids).exists()


def test_a_client_answers_what_servers_may_ask() -> None:
    assert ask({"x": faulty("asks back")}).values == {"region": "eu-west-1"}


def test_servers_are_asked_at_the_same_time() -> None:
    start = time.monotonic()
    answer = ask({str(number): faulty("slow") for number in range(4)})
    assert answer.origins == {"region": "0"} and not answer.warnings
    assert time.monotonic() - start < 1.8  # 0.6 s each


def test_nobody_is_started_when_nothing_is_asked(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    assert mcp_client.ask({"x": faulty("well", env={"PIDS": str(pids)})}, [], {}) == McpAnswer()
    assert not pids.exists()


def is_running(pid: str) -> bool:
    """Return whether a process is there: as a zombie only where it is ours, others are init's to collect."""
    try:
        state, parent, *_ = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return False
    return state != "Z" or parent == str(os.getpid())


@pytest.mark.parametrize("how", ["well", "deaf", "leaves a child", "flood"])
def test_no_process_is_left(tmp_path: Path, how: str) -> None:
    pids = tmp_path / "pids"
    ask({"x": faulty(how, env={"PIDS": str(pids)})}, deadline=1.0)
    started = pids.read_text().split()
    assert len(started) == (2 if how == "leaves a child" else 1)
    time.sleep(0.1)  # until the killed are gone
    assert not any(map(is_running, started))


INTERRUPTED = """
import json, sys
from extensions.mcc.sources import mcp_client
mcp_client.ask(json.loads(sys.argv[1]), ["region"], {})
"""


def test_no_process_is_left_after_an_interruption(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    servers = {"x": faulty("leaves a child", env={"PIDS": str(pids)})}
    command = [sys.executable, "-c", INTERRUPTED, json.dumps(servers)]
    with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True) as asking:
        while not pids.exists() or len(pids.read_text().split()) < 2:
            time.sleep(0.02)
        asking.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in asking.communicate(timeout=5)[1]
    time.sleep(0.1)
    assert not any(map(is_running, pids.read_text().split()))


def own_time(server: dict[str, Any]) -> float:
    """Return the seconds from the start of a server to its answer, when it has all it reads at once."""
    hello = {"id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}}
    call = {"id": 2, "method": "tools/call", "params": {"arguments": {}}}
    start = time.monotonic()
    command = [server["command"], *server["args"]]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        process.stdin.write(f"{json.dumps(hello)}\n{json.dumps(call)}\n")
        process.stdin.flush()
        answers = [process.stdout.readline() for _ in range(2)]
        seconds = time.monotonic() - start
        process.stdin.close()
    assert "eu-west-1" in answers[1]
    return seconds


def test_asking_costs_a_tenth_of_a_second_at_most() -> None:
    server = faulty("well")

    def asked() -> float:
        start = time.monotonic()
        assert ask({"x": server}).values
        return time.monotonic() - start

    assert min(asked() for _ in range(5)) - min(own_time(server) for _ in range(5)) < 0.1


def test_the_client_needs_no_sdk() -> None:
    script = "import sys, extensions.mcc.sources.mcp_client; assert not {'mcp', 'asyncio'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, check=True)


def test_the_example_of_the_documentation_is_accepted() -> None:
    page = (REPOSITORY / "docs" / "how-to" / "mcp.md").read_text()
    example, ours = (block.partition("```")[0] for block in page.split("```json\n")[1:])
    assert mcp_client.ask(json.loads(example)["mcpServers"], [], {}) == McpAnswer()
    (entry,) = json.loads(ours)["mcpServers"].values()
    assert (REPOSITORY / "extensions" / Path(entry["args"][-1]).name).is_file()


MALFORMED: list[tuple[Any, Any, str]] = [
    ("x", None, "mcpServers: x: empty is no server. Example: {"),
    ("x", "npx", "mcpServers: x: a text is no server."),
    ("x", {}, "mcpServers: x: no command is given. Example: {"),
    ("x", {"url": "http://x"}, "mcpServers: x: no command is given."),
    ("x", {"command": "a", "argz": []}, "mcpServers: x: 'argz' is not known; known are command, args, env,"),
    ("x", {"command": ""}, "mcpServers: x: command: what was given is not a command."),
    ("x", {"command": ["npx"]}, "mcpServers: x: command: what was given is not a command."),
    ("x", {"command": "a\0b"}, "mcpServers: x: command: what was given is not a command."),
    ("x", {"command": "a", "args": "b"}, "mcpServers: x: args: what was given is not a list of texts."),
    ("x", {"command": "a", "args": [1]}, "mcpServers: x: args: what was given is not a list of texts."),
    ("x", {"command": "a", "env": ["b"]}, "mcpServers: x: env: what was given is not a mapping of variables"),
    ("x", {"command": "a", "env": {"B": 1}}, "mcpServers: x: env: B: its value is no text. Put it into"),
    ("x", {"command": "a", "env": {"B=C": "1"}}, "mcpServers: x: env: 'B' is no name of a variable."),
    ("x", {"command": "a", "env": {1: "1"}}, "mcpServers: x: env: '1' is no name of a variable."),
    (
        "x",
        {"command": "a", "env": {"API_KEY": "s3cret"}},
        "env: API_KEY: a secret does not belong in a",
    ),
    ("x", {"command": "a", "toolName": 5}, "mcpServers: x: toolName: 5 is not the name of a tool."),
    ("x", {"command": "a", "limit": 0}, "mcpServers: x: limit: 0 is not a number from 1 to 1000."),
    ("x", {"command": "a", "limit": True}, "mcpServers: x: limit: True is not a number from 1 to 1000."),
    ("x", {"command": "a", "type": "http"}, "mcpServers: x: type: 'http' is not stdio"),
    ("", {"command": "a"}, "mcpServers: '' is no name of a server."),
    ("a\nb", {"command": "a"}, r"mcpServers: 'a\nb' is no name of a server."),
    (5, {"command": "a"}, "mcpServers: 5 is no name of a server."),
]


@pytest.mark.parametrize(("name", "entry", "said"), MALFORMED)
def test_a_malformed_entry_is_refused_before_any_server_starts(
    tmp_path: Path, name: Any, entry: Any, said: str
) -> None:
    pids = tmp_path / "pids"
    with pytest.raises(McpConfigError) as caught:
        ask({"good": faulty("well", env={"PIDS": str(pids)}), name: entry})
    assert isinstance(caught.value, MccError)
    assert said in str(caught.value) and "\n" not in str(caught.value) and "s3cret" not in str(caught.value)
    assert not pids.exists()
