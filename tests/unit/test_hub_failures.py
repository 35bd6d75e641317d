"""Look-ups that fail: answers of the Hub, networks and libraries as they should not be."""

import dataclasses
import json
import re
import sys
import time
from typing import Any

import pytest

from extensions.mcc.errors.errors import HubError, InvalidAnswer, MccError
from tests.conftest import REPOSITORY
from tests.fakes.hub import INFO, Answer, Hub, Model
from tests.unit.hub_lookups import INFO_PATH, NAME, TINY, TOKEN, failure, look

STATUSES = [
    (INFO, Answer(429, headers={"Retry-After": "7"}), "rate limited", ("429", "7 s", "HF_TOKEN")),
    (INFO, Answer(429, headers={"RateLimit": '"api";r=0;t=55'}), "rate limited", ("55 s",)),
    (INFO, Answer(429, headers={"Retry-After": "x" * 999}), "rate limited", ("some minutes",)),
    (INFO, Answer(500), "server error", ("500",)),
    (INFO, Answer(503, b"<html>"), "server error", ("503",)),
    ("config.json", Answer(502), "server error", ("502", "config.json")),
    ("tokenizer_config.json", Answer(500), "server error", ("tokenizer_config.json",)),
    (INFO, Answer(401), "unauthorized", ("401", "wants a token", "HF_TOKEN")),
    (INFO, Answer(403), "unauthorized", ("403",)),
    (INFO, Answer(418), "server error", ("418",)),
    (INFO, Answer(404), "not found", ("404", "spelling")),
    (INFO, Answer(302, headers={"Location": INFO_PATH}), "malformed", ("redirects",)),
    (INFO, Answer(body=b"<html>"), "malformed", ("not JSON",)),
    (INFO, Answer(body=b"[]"), "malformed", ("not a JSON object",)),
    (INFO, Answer(body=b"{}"), "malformed", ("no commit",)),
    (INFO, Answer(body=b'{"sha": "../../x", "siblings": []}'), "malformed", ("no commit",)),
    (INFO, Answer(body=json.dumps({"a": "b" * 99}).encode(), how="truncated"), "malformed", ("model info",)),
    ("config.json", Answer(body=b'{"a": 1'), "malformed", ("config.json", "not JSON")),
    ("config.json", Answer(body=b"\xff\xfe{}\xff"), "malformed", ("not JSON",)),
    ("config.json", Answer(body=b"[" * 200_000), "malformed", ("not JSON",)),
    ("config.json", Answer(body=b'{"a": ' + b"9" * 5_000 + b"}"), "malformed", ("not JSON",)),
    ("config.json", Answer(body=b" " * 10_000_001), "malformed", ("over 10 MB",)),
    ("config.json", Answer(how="endless"), "malformed", ("over 10 MB",)),
    (
        "config.json",
        Answer(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"}),
        "malformed",
        ("config.json",),
    ),
]


@pytest.mark.parametrize(("part", "answer", "kind", "words"), STATUSES)
def test_a_bad_answer_is_one_line_and_says_what_to_do(
    hub: Hub, part: str, answer: Answer, kind: str, words: tuple[str, ...]
) -> None:
    hub.faults[part] = answer
    error = failure(hub)
    assert error.kind == kind and isinstance(error, MccError)
    assert all(word in str(error) for word in words), str(error)


def test_what_the_server_says_of_a_missing_model_depends_on_the_token(hub: Hub) -> None:
    error = failure(hub, "acme/none")
    assert error.kind == "not found" and "no token was sent" in str(error) and "401" in str(error)
    error = failure(hub, "acme/none", token=TOKEN)
    assert error.kind == "not found" and "the token sent may not read it" in str(error)
    error = failure(hub, token="hf_wrong")
    assert error.kind == "unauthorized" and "refused" in str(error) and "hf_wrong" not in str(error)


def test_a_gated_model_is_explained_with_and_without_a_token(hub: Hub) -> None:
    hub.models[NAME] = dataclasses.replace(TINY, gated="manual")
    error = failure(hub)
    assert error.kind == "gated" and f"{hub.url}/{NAME}" in str(error) and "HF_TOKEN" in str(error)
    error = failure(hub, token=TOKEN)
    assert error.kind == "gated" and "no access" in str(error)
    hub.granted.add(TOKEN)
    assert look(hub, token=TOKEN).gated


def test_a_wrong_revision_is_named(hub: Hub) -> None:
    error = failure(hub, revision="v9")
    assert error.kind == "not found" and "'v9'" in str(error) and "model_revision" in str(error)


def test_a_repository_without_a_config_is_refused_in_plain_words(hub: Hub) -> None:
    hub.models[NAME] = Model({"README.md": "x"})
    error = failure(hub)
    assert error.kind == "not found" and "no config.json" in str(error)
    assert len(hub.requests) == 1
    hub.models[NAME] = TINY
    hub.faults["config.json"] = Answer(404, headers={"X-Error-Code": "EntryNotFound"})
    assert "no config.json" in str(failure(hub))


@pytest.mark.parametrize("part", [INFO, "config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("how", ["hang", "drip headers", "drip body"])
def test_a_server_that_stalls_is_left_at_the_deadline(hub: Hub, part: str, how: Any) -> None:
    hub.faults[part] = Answer(body=b"{" + b" " * 1_000, how=how)
    start = time.monotonic()
    assert failure(hub, deadline=0.5).kind == "timeout"
    assert 0.4 < time.monotonic() - start < 2


def test_files_are_read_at_the_same_time_and_share_the_deadline(hub: Hub) -> None:
    for file in ("config.json", "tokenizer_config.json"):
        hub.faults[file] = Answer(body=b" " * 1_000, how="drip body")
    failure(hub, deadline=0.5)
    assert len(hub.requests) == 3


def test_nobody_listens(hub: Hub) -> None:
    error = failure(hub, environ={"HF_ENDPOINT": "http://127.0.0.1:9"})
    assert error.kind == "unreachable" and "127.0.0.1:9" in str(error) and "HF_ENDPOINT" in str(error)
    unknown = failure(hub, deadline=1, environ={"HF_ENDPOINT": "http://nowhere.invalid"})
    assert unknown.kind in ("unreachable", "timeout")  # where no resolver answers


def test_a_password_in_the_endpoint_is_not_shown(hub: Hub) -> None:
    error = failure(hub, environ={"HF_ENDPOINT": f"http://me:{TOKEN}@127.0.0.1:9/"})
    assert error.kind == "unreachable"


def test_a_token_is_not_sent_unencrypted(hub: Hub) -> None:
    mirror = {"HF_ENDPOINT": "http://mirror.example", "HF_TOKEN": TOKEN}
    with pytest.raises(HubError, match=r"http://mirror\.example would send the token") as caught:
        look(hub, environ=mirror)
    assert TOKEN not in str(caught.value) and not hub.requests


@pytest.mark.parametrize(
    "endpoint", ["huggingface.co", "ftp://x", "file:///etc", "http://", "http://x:port", "http://["]
)
def test_an_endpoint_that_is_none_is_told(hub: Hub, endpoint: str) -> None:
    with pytest.raises(HubError, match=r"HF_ENDPOINT is not .* https://huggingface\.co") as caught:
        look(hub, environ={"HF_ENDPOINT": endpoint})
    assert caught.value.kind == "unreachable"


@pytest.mark.parametrize(
    ("missing", "problem"),
    [
        (["huggingface_hub"], "huggingface_hub is not installed"),
        (["httpx", "httpx2"], "huggingface_hub cannot be loaded: "),
    ],
)
def test_without_the_library_one_line_says_what_to_install(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, missing: list[str], problem: str
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "huggingface_hub"]:
        monkeypatch.delitem(sys.modules, name)
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    error = str(library_problem(hub))
    assert problem in error and "Run `pip install --upgrade huggingface_hub` where copier is" in error


def test_a_library_of_another_http_client_is_too_old(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before 1.0, the session was one of requests, which has no stream()."""
    requests_session = type("Session", (), {"stream": False})()
    monkeypatch.setattr("huggingface_hub.utils.get_session", lambda: requests_session)
    assert "is too old, 1.0 is needed. Run `pip install --upgrade" in str(library_problem(hub))


def library_problem(hub: Hub) -> HubError:
    with pytest.raises(HubError) as caught:
        look(hub)
    assert caught.value.kind == "unreachable" and "\n" not in str(caught.value)
    return caught.value


def test_no_http_client_but_the_librarys_own_is_imported() -> None:
    """huggingface_hub 1.x installs httpx and 2.x installs httpx2: code can rely on neither."""
    sources = [*(REPOSITORY / "extensions").rglob("*.py"), *(REPOSITORY / "hooks").glob("*.py")]
    clients = re.compile(r"^\s*(import|from) +(httpx2?|requests|urllib3|aiohttp)\b", re.MULTILINE)
    assert sources and not [source for source in sources if clients.search(source.read_text("utf-8"))]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"adapter_config.json": {}, "adapter_model.safetensors": ""}, "is an adapter"),
        ({"Tiny-Q4_K_M.gguf": "", "README.md": ""}, "GGUF files only"),
    ],
)
def test_an_adapter_and_gguf_files_are_not_a_model(hub: Hub, files: dict[str, Any], said: str) -> None:
    hub.models[NAME] = Model(files)
    with pytest.raises(InvalidAnswer, match=f"model_name: {NAME} .*{said}"):
        look(hub)
