"""Every server of language models keeps the contract, with the stub in the engine's place and real nginx.

What it proves is serve, nginx, and how they start and end an engine; not the engine.
"""

import itertools
import json
import statistics
import subprocess
import time
from contextlib import closing
from http.client import HTTPConnection

import pytest

from extensions.mcc.catalog import catalog
from extensions.mcc.catalog.entries.servers import ServerImage
from tests.conftest import Render
from tests.servers import CONTRACT
from tests.serving import llm
from tests.serving.language_models import CHAT, ask, by_route, each_server, serving

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
def test_while_the_engine_does_not_answer_ping_fails(render: Render, config: str) -> None:
    project = render("chat", deployment_config=config, offline=True)
    with serving(project, ready=False, STUB_LOAD_SECONDS="60") as (process, port):
        deadline = time.monotonic() + 10
        while not (seen := ask(port, "/ping")[0]) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert seen in (502, 503) and process.poll() is None


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
