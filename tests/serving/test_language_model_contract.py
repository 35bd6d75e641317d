"""Every server of language models keeps the contract, with the stub in the engine's place and real nginx.

What it proves is serve, nginx, and how they start and end an engine; not the engine.
"""

import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from extensions.mcc.catalog import catalog
from extensions.mcc.catalog.entries.servers import ServerImage
from extensions.mcc.servers import engines
from tests.conftest import Render
from tests.servers import CONTRACT, free_port
from tests.serving import llm

NEED_A_CONTAINER = {53, 54}
LEFT_OUT = {"transformers-lmi": {58}, "transformers-djl": {58, 59}}  # it streams nothing; a shell starts both
EXPECTED = {
    *range(1, 4),
    *range(5, 9),
    *(10, 31, 33),
    *range(36, 43),
    *range(46, 52),
    *(53, 54, 58, 59),
    *(60, 61),
}
CHAT = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
each_server = pytest.mark.parametrize("config", llm.SERVERS)
by_route = pytest.mark.parametrize("config", llm.BY_ROUTE)


def ask(port: int, path: str, body: dict[str, Any] | None = None, **headers: str) -> tuple[int, Any]:
    """Return the status and the JSON of an answer; status 0 when nobody answers."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        try:
            data = json.dumps(body) if body is not None else None
            connection.request(
                "POST" if data else "GET", path, data, {"Content-Type": "application/json", **headers}
            )
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"null")
        except OSError:
            return 0, None


@contextmanager
def serving(
    project: Path, ready: bool = True, **changes: str
) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """Start a project's serve; yield it and its port, once /ping answers 200 unless not `ready`."""
    port = free_port()
    process = llm.start(project, port, **changes)
    try:
        deadline = time.monotonic() + 20
        while ready and ask(port, "/ping")[0] != 200:
            assert process.poll() is None and time.monotonic() < deadline, process.communicate()[0]
            time.sleep(0.05)
        yield process, port
    finally:
        process.terminate()
        process.communicate(timeout=30)


@each_server
def test_the_contract_is_kept(render: Render, config: str) -> None:
    project = render("chat", deployment_config=config, offline=True, include_tests=True)
    done = subprocess.run(
        [*CONTRACT, "--local", "--json"],
        cwd=project,
        env=llm.variables(project),
        capture_output=True,
        text=True,
        timeout=300,
    )
    checks = {check["number"]: check for check in json.loads(done.stdout)["checks"]}
    left_out = NEED_A_CONTAINER | LEFT_OUT.get(config, set())
    assert set(checks) == EXPECTED
    missed = {number for number, check in checks.items() if check["result"] != "passed"}
    assert missed <= left_out, [checks[number] for number in missed - left_out]
    assert done.returncode == 0, done.stderr


@each_server
def test_ping_says_200_only_once_the_model_is_loaded(render: Render, config: str) -> None:
    project = render("chat", deployment_config=config, offline=True)
    with serving(project, ready=False, STUB_LOAD_SECONDS="2") as (_, port):
        seen, deadline = [], time.monotonic() + 15
        while 200 not in seen and time.monotonic() < deadline:
            seen.append(ask(port, "/ping")[0])
            time.sleep(0.1)
        called = llm.record(project)["time"]
        assert seen[-1] == 200 and set(seen[:-1]) <= {0, 502, 503} and 503 in seen
        assert time.time() - called > 2


@each_server
def test_when_the_engine_dies_ping_fails_and_the_container_ends(render: Render, config: str) -> None:
    project = render("chat", deployment_config=config, offline=True)
    with serving(project) as (process, port):
        os.kill(llm.record(project)["pid"], signal.SIGKILL)
        assert process.wait(5) not in (0, None)
        assert ask(port, "/ping")[0] == 0


@each_server
def test_while_the_engine_does_not_answer_ping_fails(render: Render, config: str) -> None:
    project = render("chat", deployment_config=config, offline=True)
    with serving(project, ready=False, STUB_LOAD_SECONDS="60") as (process, port):
        deadline = time.monotonic() + 10
        while not (seen := ask(port, "/ping")[0]) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert seen in (502, 503) and process.poll() is None


@each_server
def test_sigterm_reaches_the_engine(render: Render, config: str) -> None:
    project = render("chat", deployment_config=config, offline=True)
    with serving(project) as (process, _):
        engine = llm.record(project)["pid"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert not Path(f"/proc/{engine}").exists()


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


@pytest.mark.parametrize("image", catalog.servers()["transformers-sglang"].images, ids=lambda i: i.version)
def test_ping_is_fast_and_true_in_every_version_of_sglang(render: Render, image: ServerImage) -> None:
    """The engine's /health takes a second or more, where nothing makes it answer at once."""
    config = "transformers-sglang"
    project = render("chat", deployment_config=config, offline=True, base_image=image.image)
    with serving(project, ready=False, STUB_LOAD_SECONDS="3") as (process, port):
        seen, deadline = [], time.monotonic() + 30
        while 200 not in seen and time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()[0]
            seen.append(ask(port, "/ping")[0])
            time.sleep(0.1)
        assert time.time() - llm.record(project)["time"] > 3, "ready before the model was loaded"
        assert seen[-1] == 200 and set(seen[:-1]) <= {0, 502, 503} and 503 in seen
        seconds = []
        for _ in range(5):
            started = time.monotonic()
            assert ask(port, "/ping")[0] == 200
            seconds.append(time.monotonic() - started)
        assert min(seconds) < 0.5, seconds


def container(project: Path, port: int, **changes: str) -> "subprocess.Popen[str]":
    """Start a project's serve as the first process of a namespace, as in a container."""
    own = [] if os.getuid() == 0 else ["--map-root-user"]
    return subprocess.Popen(
        ["unshare", *own, "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "serving/serve"],
        cwd=project,
        env=llm.variables(project, SAGEMAKER_BIND_TO_PORT=str(port), **changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def is_alive(pid: int) -> bool:
    """Return whether a process is still running; one that only waits to be reaped is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def descendants(pid: int) -> list[int]:
    """Return the processes below one, children before theirs."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += [int(child), *descendants(int(child))]
    return found


@each_server
def test_an_early_sigterm_ends_the_container_and_all_in_it(render: Render, config: str) -> None:
    """A first process gets only signals it handles, and the engine handles none while it imports packages."""
    project = render("chat", deployment_config=config, offline=True)
    process = container(project, free_port(), STUB_IMPORT_SECONDS="60")
    try:
        deadline = time.monotonic() + 30
        while not llm.record(project) and time.monotonic() < deadline:
            time.sleep(0.05)
        below = descendants(process.pid)
        os.kill(below[0], signal.SIGTERM)
        assert process.wait(20) == 0
        assert not [pid for pid in below if is_alive(pid)]
    finally:
        process.kill()
        process.communicate()


@each_server
def test_nothing_that_the_engine_started_outlives_it(render: Render, config: str) -> None:
    project = render("chat", deployment_config=config, offline=True)
    with serving(project, STUB_WORKERS="2") as (process, _):
        engine = llm.record(project)["pid"]
        workers = [int(pid) for pid in Path(f"/proc/{engine}/task/{engine}/children").read_text().split()]
        assert len(workers) == 2
        os.kill(engine, signal.SIGKILL)
        assert process.wait(20) not in (0, None)
        assert not [pid for pid in workers if is_alive(pid)]


def arrivals(port: int, path: str, tokens: int) -> list[float]:
    """Return the seconds after which each part of a stream arrives."""
    body = json.dumps({**CHAT, "max_tokens": tokens, "stream": True})
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.connect()
        started, times = time.perf_counter(), []
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        while response.read1(65536):
            times.append(time.perf_counter() - started)
    return times


@by_route
def test_nginx_holds_no_token_back(render: Render, config: str) -> None:
    """Each token arrives on its own, and the first at most 2 ms later than from the engine itself."""
    project = render("chat", deployment_config=config, offline=True)
    with serving(project, STUB_TOKEN_SECONDS="0.01") as (_, port):
        words = llm.record(project)["command"]
        engine = int(words[words.index("--port") + 1])
        arrivals(port, "/invocations", 2)
        pairs = [
            (arrivals(port, "/invocations", 20), arrivals(engine, "/v1/chat/completions", 20))
            for _ in range(15)
        ]
    behind = statistics.median(through[0] - direct[0] for through, direct in pairs)
    assert behind <= 0.002, f"{behind * 1000:.2f} ms"
    assert statistics.median(len(through) for through, _ in pairs) >= 20, "tokens came together"
    gaps = [late - early for through, _ in pairs for early, late in itertools.pairwise(through)]
    assert statistics.median(gaps) > 0.005, "tokens came together"
    print(f"{config}: first byte {behind * 1000:+.2f} ms")
