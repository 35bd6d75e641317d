"""Look-ups against a real HTTP server that answers as the Hub does, or fails as networks do."""

import dataclasses
import json
import os
import string
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extensions.mcc.errors.errors import HubError, InvalidAnswer
from extensions.mcc.models import hub as lookups
from extensions.mcc.models import hub_listing
from tests.conftest import REPOSITORY
from tests.fakes.hub import INFO, Answer, Hub, Model
from tests.unit.hub_lookups import CONFIG, FILES, INFO_PATH, NAME, TINY, TOKEN, failure, file_path, look


def test_a_model_is_known_after_one_set_of_requests_at_the_commit(hub: Hub) -> None:
    model = look(hub)
    assert model == lookups.HubModel(
        NAME, TINY.commit, False, CONFIG, 2_040, {"BF16": 1_000, "F32": 10}, chat_template=True
    )
    assert json.loads(json.dumps(dataclasses.asdict(model))) == dataclasses.asdict(model)
    assert hub.counts == {INFO_PATH: 1, file_path("config.json"): 1, file_path("tokenizer_config.json"): 1}


def test_the_index_is_read_only_when_counts_are_missing(hub: Hub) -> None:
    index = {"metadata": {"total_size": 4_000}, "weight_map": {"a": "model-1.safetensors"}}
    files = FILES | {"model.safetensors.index.json": index}
    hub.models[NAME] = dataclasses.replace(TINY, files=files)
    assert look(hub).weights_bytes == 2_040
    assert len(hub.requests) == 3
    hub.requests.clear()
    hub.models[NAME] = without = Model(files)
    model = look(hub)
    assert (model.weights_bytes, model.parameters) == (4_000, {})
    paths = [file_path(file, without.commit) for file in files if file != "README.md"]
    assert hub.counts == dict.fromkeys([INFO_PATH, *paths], 1)


@pytest.mark.parametrize("file", ["chat_template.jinja", "chat_template.json"])
def test_a_chat_template_in_a_file_of_its_own_needs_no_tokenizer(hub: Hub, file: str) -> None:
    hub.models[NAME] = dataclasses.replace(TINY, files=FILES | {file: "{}", "tokenizer_config.json": {}})
    assert look(hub).chat_template
    assert len(hub.requests) == 2


def test_no_chat_template_is_no_failure(hub: Hub) -> None:
    hub.models[NAME] = Model({"config.json": CONFIG})
    assert not look(hub).chat_template
    hub.models[NAME] = Model({"config.json": CONFIG, "tokenizer_config.json": {"eos_token": "</s>"}})
    assert not look(hub).chat_template


@pytest.mark.parametrize(
    ("counts", "size"),
    [
        ({"F64": 1, "F32": 1, "F16": 1, "BF16": 1}, 16),
        ({"F8_E4M3": 10, "F8_E5M2": 10, "BF16": 1}, 22),
        ({"BF16": 100, "I64": 1, "BOOL": 3}, 211),
        ({"BF16": 100, "U8": 1_000}, None),
        ({"F16": 100, "I32": 1_000}, None),
        ({"BF16": 100, "F4_NEW": 5}, None),
        ({"BF16": 100, "F32": "many"}, None),
        ({"BF16": -1}, None),
        ({}, None),
    ],
)
def test_weights_are_counted_where_the_size_of_a_dtype_is_sure(
    hub: Hub, counts: dict[str, Any], size: int | None
) -> None:
    hub.faults[INFO] = Answer(
        body=json.dumps(TINY.info(NAME, True) | {"safetensors": {"parameters": counts}}).encode()
    )
    assert look(hub).weights_bytes == size


def test_packed_weights_are_the_size_of_their_files(hub: Hub) -> None:
    """The Hub counts two parameters a byte here, so counts would give twice what is stored."""
    counts, one = {"BF16": 100, "U8": 2_000}, "model.safetensors"
    hub.models[NAME] = Model(FILES, counts, sizes={one: 1_210, "original/model.safetensors": 9_999})
    assert look(hub).weights_bytes == 1_210
    hub.models[NAME] = Model(FILES, counts, sizes={"gptq-4bit.safetensors": 1_220})
    assert look(hub).weights_bytes == 1_220
    hub.models[NAME] = Model(FILES, counts, sizes={"a.safetensors": 1, "b.safetensors": 2})
    assert look(hub).weights_bytes is None
    index = {"metadata": {"total_size": 4_000}, "weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}
    sizes = {"1.safetensors": 600, "2.safetensors": 611, "consolidated.safetensors": 9_999}
    hub.models[NAME] = Model(FILES | {hub_listing.INDEX: index}, counts, sizes)
    assert look(hub).weights_bytes == 1_211
    hub.models[NAME] = Model(FILES | {hub_listing.INDEX: index}, counts, {"1.safetensors": 600})
    assert look(hub).weights_bytes == 4_000


@pytest.mark.parametrize("total", [-1, "4000", None, True, 1.5, float("inf"), [], 10**400])
def test_an_absurd_total_is_refused_or_unknown(hub: Hub, total: Any) -> None:
    index = f'{{"metadata": {{"total_size": {json.dumps(total)}}}}}'
    hub.models[NAME] = Model(FILES | {hub_listing.INDEX: index})
    expected = 10**400 if total == 10**400 else None
    assert look(hub).weights_bytes == expected


@pytest.mark.parametrize("revision", ["v1.0", "refs/pr/7", TINY.commit])
def test_a_revision_is_resolved_to_its_commit(hub: Hub, revision: str) -> None:
    hub.models[NAME] = dataclasses.replace(TINY, revisions=("main", "v1.0", "refs/pr/7"))
    assert look(hub, revision=revision).commit == TINY.commit
    assert hub.counts[file_path("config.json")] == 1


def test_no_revision_is_main(hub: Hub) -> None:
    assert look(hub, revision=None) == look(hub)


def test_an_old_name_without_a_namespace_is_looked_up(hub: Hub) -> None:
    hub.models["gpt2"] = TINY
    assert look(hub, "gpt2").name == "gpt2"


def test_the_token_is_sent_and_the_given_one_goes_first(hub: Hub) -> None:
    look(hub)
    assert {request.authorization for request in hub.requests} == {""}
    hub.requests.clear()
    look(hub, environ={"HF_TOKEN": f"{TOKEN}\n"})
    assert {request.authorization for request in hub.requests} == {f"Bearer {TOKEN}"}
    hub.requests.clear()
    look(hub, token=TOKEN, environ={"HF_TOKEN": "hf_other"})
    assert {request.authorization for request in hub.requests} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize("token", [f"{TOKEN}\nX-Evil: 1", f"{TOKEN} x", f"{TOKEN}é", f"{TOKEN}\x00"])
def test_a_token_that_is_none_is_not_sent_and_not_shown(hub: Hub, token: str) -> None:
    assert failure(hub, token=token).kind == "unauthorized"
    assert not hub.requests


def test_a_redirect_to_another_host_is_followed_without_the_token(hub: Hub) -> None:
    with Hub({NAME: TINY}) as elsewhere:
        location = elsewhere.url + file_path("config.json")
        hub.faults["config.json"] = Answer(302, headers={"Location": location})
        assert look(hub, token=TOKEN).config == CONFIG
        assert [request.authorization for request in elsewhere.requests] == [""]
    assert hub.requests[0].authorization == f"Bearer {TOKEN}"


def test_a_redirect_on_the_same_host_keeps_the_token(hub: Hub) -> None:
    hub.models[NAME] = dataclasses.replace(TINY, private=True, files=FILES | {"moved.json": {"moved": 1}})
    hub.faults["config.json"] = Answer(307, headers={"Location": f"/{NAME}/resolve/main/moved.json"})
    assert look(hub, token=TOKEN).config == {"moved": 1}
    assert {request.authorization for request in hub.requests} == {f"Bearer {TOKEN}"}


HOSTILE = [
    *("", "/", ".", "..", "../x", "a/../b", "a/b/c", "/a/b", "a/b/", "a//b", "a\\b", "a b/c"),
    *("a/b\n", "a/b\x00", "\r\n", "a/b?x=1", "a/b#c", "a/b%2e%2e", "a@b/c", "a/b;c", "a/$(id)"),
    *("a/b.git", "a--b/c", "-a/b", "a/-b", "a/b.", "модель/x", "a/{{ 7 * 7 }}", "s3://bucket/key"),
    *("https://huggingface.co/a/b", "x" * 300, "a/" + "x" * 97),
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_refused_before_any_request(hub: Hub, name: str) -> None:
    with pytest.raises(InvalidAnswer, match=r"^model_name: .* Example: Qwen/Qwen3-8B$") as caught:
        look(hub, name)
    assert len(str(caught.value)) < 300 and "\n" not in str(caught.value)
    assert not hub.requests


@pytest.mark.parametrize(
    "revision", ["..", "../x", "a..b", "-x", "a b", "a\n", "a?b", "x" * 300, "/etc", "é"]
)
def test_a_hostile_revision_is_refused_before_any_request(hub: Hub, revision: str) -> None:
    with pytest.raises(InvalidAnswer, match=r"^model_revision: .* Example: main$"):
        look(hub, revision=revision)
    assert not hub.requests


@pytest.fixture(scope="module")
def shared() -> Iterator[Hub]:
    with Hub() as server:
        yield server


@given(name=st.text(max_size=120) | st.text(alphabet=string.ascii_letters + "./-_%:@\\ \n", max_size=30))
def test_no_name_reaches_a_path_that_is_not_its_own(shared: Hub, name: str) -> None:
    shared.requests.clear()
    with pytest.raises((InvalidAnswer, HubError)) as caught:
        look(shared, name)
    assert "\n" not in str(caught.value)
    paths = [request.path for request in shared.requests]
    assert paths == ([] if isinstance(caught.value, InvalidAnswer) else [f"/api/models/{name}/revision/main"])


@pytest.mark.parametrize("name", ["MCC_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_is_a_switch_of_the_environment(name: str) -> None:
    assert all(lookups.offline({name: value}) for value in ("1", "true", "YES", "on", " 1 "))
    assert not any(lookups.offline({name: value}) for value in ("", "0", "false", "no", "off"))
    assert not lookups.offline({})


SCRIPT = """
import sys
from extensions.mcc.models import hub
assert not {"httpx", "httpx2", "huggingface_hub"} & sys.modules.keys(), "imported before it is needed"
if len(sys.argv) > 1:
    hub.lookup("acme/tiny", deadline=float(sys.argv[1]))
"""


def run(hub: Hub, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    environment = (
        os.environ | {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "PYTHONPATH": str(REPOSITORY)} | environ
    )
    command = [sys.executable, "-c", SCRIPT, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=10)


def test_the_process_ends_at_once_though_a_server_hangs(hub: Hub) -> None:
    hub.faults["config.json"] = Answer(how="drip headers")
    start = time.monotonic()
    ended = run(hub, "0.5")
    assert "HubError: model_name: acme/tiny" in ended.stderr and "no complete answer" in ended.stderr
    assert TOKEN not in ended.stderr
    assert time.monotonic() - start < 5  # the drip takes 50 s


def test_a_look_up_is_silent_and_leaves_nothing_on_disk(hub: Hub, tmp_path: Any) -> None:
    hub.faults[INFO] = Answer(
        body=json.dumps(TINY.info(NAME, True)).encode(), headers={"X-HF-Warning": "topic; buy something"}
    )
    home = {"HOME": str(tmp_path), "HF_HOME": str(tmp_path / "hf"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    ended = run(hub, "5", **home)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert not list(tmp_path.iterdir())
    assert len(hub.requests) == 3


def test_importing_the_module_loads_no_library(hub: Hub) -> None:
    ended = run(hub)
    assert (ended.returncode, ended.stderr) == (0, "")
