"""Facts about a model: from the Hub, from the catalog, or none."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from extensions.mcc.catalog import catalog
from extensions.mcc.errors.errors import InvalidAnswer
from extensions.mcc.face import size as size_module
from extensions.mcc.models import lookup, model_config
from extensions.mcc.sizing import parameters, sizing_view
from tests.conftest import REPOSITORY
from tests.fakes.hub import INFO, Answer, Hub, Model
from tests.unit.test_facts import LLAMA

NAME = "some-team/tiny-llama"
KNOWN = "meta-llama/Llama-3.1-8B-Instruct"


def tiny(**config: Any) -> Model:
    return Model(
        files={
            "config.json": {**LLAMA, **config},
            "tokenizer_config.json": {"chat_template": "{{ messages }}"},
        },
        safetensors={"BF16": 8_030_261_248},
    )


def test_the_hub_is_asked_and_the_commit_kept() -> None:
    with Hub({NAME: tiny()}) as server:
        found = lookup.model(NAME, environ={"HF_ENDPOINT": server.url})
    assert found.shape == model_config.from_config(LLAMA, 2 * 8_030_261_248)
    assert len(found.commit) == 40 and found.commit[:7] in found.source
    assert found.chat_template is True and found.note == ""
    assert lookup.from_answer(json.loads(json.dumps(found.answer()))) == found


def test_a_hub_that_fails_leaves_the_catalog() -> None:
    with Hub({KNOWN: tiny()}) as server:
        server.faults[INFO] = Answer(429)
        found = lookup.model(KNOWN, environ={"HF_ENDPOINT": server.url})
    assert found.shape == model_config.from_catalog(catalog.models()[KNOWN])
    assert "too many requests" in found.note and str(catalog.models_date()) in found.source


@pytest.mark.parametrize("environ", [{"MCC_OFFLINE": "1"}, {"HF_HUB_OFFLINE": "yes"}])
def test_offline_asks_nobody(environ: dict[str, str]) -> None:
    with Hub({KNOWN: tiny()}) as server:
        found = lookup.model(KNOWN, environ={**environ, "HF_ENDPOINT": server.url})
        assert not server.requests
    assert found.shape and found.note == ""


def test_a_model_that_nobody_knows_is_not_sized() -> None:
    found = lookup.model(NAME, offline=True)
    assert found.shape is None and "not in the catalog" in found.note
    assert lookup.from_answer(found.answer()) == found


def test_a_config_that_cannot_be_read_is_not_sized() -> None:
    with Hub({NAME: tiny(hidden_size="wide")}) as server:
        found = lookup.model(NAME, environ={"HF_ENDPOINT": server.url})
    assert found.shape is None and "hidden_size: 'wide'" in found.note


def test_layers_of_an_unknown_type_are_reported() -> None:
    listed = ["full_attention", "hyena"] * 16
    with Hub({NAME: tiny(layer_types=listed)}) as server:
        found = lookup.model(NAME, environ={"HF_ENDPOINT": server.url})
    assert "16 of 32 layers are of an unknown type. They count as full attention." in found.note
    assert found.shape and found.shape.full_layers == 32
    judged = size_module.of_model(found)
    assert "low for layers of unknown type" in sizing_view.confidence(judged)


def test_a_model_on_s3_is_not_looked_up_offline() -> None:
    found = lookup.model("s3://bucket/model/", offline=True)
    assert found.shape is None and "offline" in found.note


@pytest.mark.parametrize("name", ["../x", "a/b/c", "", "a b", "$(id)", "x" * 300, "http://x/y"])
def test_a_name_that_no_model_has_is_refused(name: str) -> None:
    with pytest.raises(InvalidAnswer, match="model_name"):
        lookup.model(name, offline=True)


def size(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "extensions.mcc.face.size", *arguments]
    return subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, env={"MCC_OFFLINE": "1", **environ}
    )


def test_make_size_explains_its_choice(tmp_path: Path) -> None:
    picture = tmp_path / "memory.svg"
    done = size(KNOWN, "--svg", str(picture))
    assert done.returncode == 0, done.stderr
    for said in (
        "ml.g6e.xlarge",
        "Cheaper types, and why they do not fit:",
        "lacks",
        "W weights 15.0",
        "high for dense",
        "max_num_seqs 16",
    ):
        assert said in done.stdout
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")


@pytest.mark.parametrize("name", [KNOWN, "deepseek-ai/DeepSeek-R1", "meta-llama/Llama-3.1-405B-Instruct"])
def test_make_size_fits_80_columns(name: str) -> None:
    printed = size(name).stdout
    assert printed and [line for line in printed.splitlines() if len(line) > 80] == []


def test_the_totals_of_make_size_add_up() -> None:
    printed = size(KNOWN).stdout
    total = re.search(r"one GPU of .*, ([0-9.]+) GiB:", printed)
    legend = re.search(r"^W weights .*\n?.* spare [0-9.]+$", printed, re.M)
    spare = re.search(r"ml.g6e.xlarge .* ([0-9.]+) GiB ", printed)
    assert total and legend and spare, printed
    values = {
        name: float(value)
        for name, value in re.findall(r"([a-zA-Z]+) ([0-9.]+)(?:,|$)", legend[0].replace("\n", " "))
    }
    assert sum(values.values()) == pytest.approx(float(total[1]), abs=0.3)
    assert values["spare"] == float(spare[1])
    assert not re.search(r"^settings .* 0(,|$)", printed, re.M)


def test_make_size_of_an_unknown_model_names_near_ones_and_takes_its_parameters() -> None:
    wrong = KNOWN.replace("Llama-3.1", "Llama-3-1")
    refused = size(wrong)
    assert refused.returncode == 2 and KNOWN in refused.stderr and "PARAMETERS=" in refused.stderr
    given = size("example/new-model", "--parameters", "8", "--dtype", "fp8")
    assert given.returncode == 0 and "8 billion parameters, as given" in given.stdout, given.stderr
    assert size("example/new-model", "--parameters", "0.001").returncode == 2
    known = size(KNOWN, "--parameters", "400")
    assert known.stdout == size(KNOWN).stdout, "the facts of a known model win"


def test_make_passes_the_options_of_size_on() -> None:
    line = ["MODEL=a/b", "PARAMETERS=8", "DTYPE=fp8", "OFFLINE=1", "CONTEXT=4096", "CONCURRENCY=2"]
    done = subprocess.run(
        ["make", "--dry-run", "--old-file", ".venv/.ready", "size", *line],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )
    words = done.stdout.replace("\\\n", " ").split()
    for option, value in (("--parameters", '"8"'), ("--dtype", '"fp8"'), ("--context", '"4096"')):
        assert words[words.index(option) + 1] == value
    assert "--offline" in words and "--json" not in words


def test_make_size_as_json_adds_up() -> None:
    answer = json.loads(size(KNOWN, "--context", "4096", "--concurrency", "4", "--json").stdout)
    assert (answer["load"]["max_model_len"], answer["load"]["max_concurrency"]) == (4096, 4)
    assert answer["parameters"] == parameters.count(model_config.from_config(LLAMA)).total
    for choice in answer["choices"]:
        card = catalog.instances()[choice["instance_type"]].accelerator
        assert card and sum(choice["gib_per_gpu"].values()) == pytest.approx(card.driver_visible_gib, abs=0.1)
    assert [choice["usd_h"] for choice in answer["choices"]] == sorted(c["usd_h"] for c in answer["choices"])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nobody/knows-this"], 2, "cannot be sized"),
        (["../x"], 2, "model_name"),
        ([KNOWN, "--context", "999999"], 2, "max_model_len"),
        ([KNOWN, "--engine", "ollama"], 2, "engine"),
        ([KNOWN, "--context", "131072", "--concurrency", "5000"], 1, "Ways to make it fit"),
    ],
)
def test_make_size_of_what_cannot_be(arguments: list[str], code: int, said: str) -> None:
    done = size(*arguments)
    assert done.returncode == code
    assert said in done.stdout + done.stderr and "Traceback" not in done.stderr
