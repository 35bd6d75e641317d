"""Models that need code from their repository: asked for, passed on in the server's own words, warned of."""

from typing import Any

import pytest

from extensions.mcc.catalog import catalog
from extensions.mcc.models import lookup
from extensions.mcc.servers import advisories, extra_arguments, remote_code

NEEDS = "internlm/internlm2_5-7b-chat"
VLLM = "transformers-vllm"


def needed(name: str, given: str = "", config: str = VLLM) -> bool:
    facts = lookup.model(name, offline=True).answer()
    return remote_code.is_needed(facts, config, catalog.default_image(config), given)


@pytest.mark.parametrize(
    ("config", "word"),
    [
        (VLLM, "--trust-remote-code"),
        ("transformers-sglang", "--trust-remote-code"),
        ("transformers-lmi", "OPTION_TRUST_REMOTE_CODE=true"),
        ("transformers-djl", "OPTION_TRUST_REMOTE_CODE=true"),
    ],
)
def test_the_permission_is_the_server_s_own_argument(config: str, word: str) -> None:
    assert extra_arguments.parsed("", config, trust=True) == [word]
    assert extra_arguments.parsed(word, config, trust=True) == [word]
    assert extra_arguments.parsed("", config) == []


def test_it_is_asked_for_only_when_it_is_needed() -> None:
    assert needed(NEEDS) and not needed("Qwen/Qwen3-8B")
    assert not needed(NEEDS, "--trust-remote-code") and not needed(NEEDS, "--trust_remote_code")
    assert needed(NEEDS, config="transformers-lmi")
    assert not needed(NEEDS, "OPTION_TRUST_REMOTE_CODE=true", "transformers-lmi")
    assert not needed(NEEDS, config="transformers-sglang")  # it has a configuration of its own


def test_code_that_is_allowed_is_warned_of_and_should_be_pinned() -> None:
    facts: dict[str, Any] = lookup.model(NEEDS, offline=True).answer()
    image = catalog.default_image(VLLM)
    answers = {
        "deployment_config": VLLM,
        "base_image": image,
        "model_facts": facts,
        "trust_remote_code": True,
    }
    said = " ".join(advisories.lines(answers))
    assert "runs code from the model's repository" in said and "not pinned" in said
    assert "it needs --trust-remote-code" not in said
    pinned = {**answers, "model_facts": {**facts, "commit": "0" * 40}}
    assert "not pinned" not in " ".join(advisories.lines(pinned))
