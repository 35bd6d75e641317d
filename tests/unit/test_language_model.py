"""The interview's choices for a language model."""

import dataclasses
from typing import Any

import pytest

from extensions.mcc.catalog import catalog
from extensions.mcc.errors.errors import UnsizableModel
from extensions.mcc.interview import language_model
from extensions.mcc.interview.requirements import LanguageModelRequirements


def required(name: str = "Qwen/Qwen3-8B", **changes: Any) -> LanguageModelRequirements:
    found = LanguageModelRequirements(
        model=language_model.look_up(name, "", "", offline=True),
        parameters="",
        dtype="none",
        image=catalog.default_image("transformers-vllm"),
        server="transformers-vllm",
        profile="balanced",
        kv_cache_dtype="auto",
        max_model_len=8192,
        max_concurrency=16,
    )
    return dataclasses.replace(found, **changes)


def test_what_fits_comes_first_and_what_is_cheaper_cannot_be_chosen() -> None:
    offered = language_model.choices(required(), "")
    labels = list(offered)
    assert offered[labels[0]] == language_model.default_instance(required()) == "ml.g6e.xlarge"
    assert labels[0] == "ml.g6e.xlarge: $2.61/h, 1 x L40S, 6.0 GiB free/GPU"
    disabled = [value for value in offered.values() if isinstance(value, dict)]
    assert len(disabled) == language_model.SHOWN_IMPOSSIBLE
    assert all("lacks" in value["validator"] or "bfloat16" in value["validator"] for value in disabled)
    assert [isinstance(value, dict) for value in offered.values()] == sorted(
        isinstance(value, dict) for value in offered.values()
    )


@pytest.mark.parametrize("kept", ["ml.g5.xlarge", "ml.gone.large"])
def test_an_answer_of_before_stays_on_offer(kept: str) -> None:
    assert kept in language_model.choices(required(), kept).values()


def test_settings_are_stale_when_what_they_are_for_changes() -> None:
    settings = language_model.settings(required(), "ml.g6e.xlarge")
    assert language_model.stale_settings(settings, required(), "ml.g6e.xlarge") == ""
    assert language_model.stale_settings(settings, required(), "ml.g6e.2xlarge")
    assert language_model.stale_settings(settings, required(max_model_len=4096), "ml.g6e.xlarge")
    assert language_model.stale_settings({}, required(), "ml.g6e.xlarge")


def test_facts_are_stale_when_the_model_changes() -> None:
    facts = language_model.look_up("Qwen/Qwen3-8B", "v1", "", offline=True)
    assert language_model.stale_facts(facts, "Qwen/Qwen3-8B", "v1") == ""
    assert language_model.stale_facts(facts, "Qwen/Qwen3-8B", "v2")
    assert language_model.stale_facts(facts, "Qwen/Qwen3-32B", "v1")


def test_a_model_that_nobody_knows_is_sized_by_its_parameters_alone() -> None:
    with pytest.raises(UnsizableModel, match="model_parameters=8"):
        language_model.default_instance(required("team/secret"))
    small = language_model.default_instance(required("team/secret", parameters="1"))
    large = language_model.default_instance(required("team/secret", parameters="70"))
    prices = [catalog.instances()[name].price for name in (small, large)]
    assert prices[0] and prices[1] and prices[0].usd_h < prices[1].usd_h


def test_the_summary_says_why_and_what_would_be_cheaper() -> None:
    large = required("google/gemma-3-27b-it")
    best = language_model.default_instance(large)
    lines = "\n".join(language_model.summary(large, best))
    assert f"one GPU of {best}" in lines and "The next cheaper type" in lines and "to pay less:" in lines
    other = "\n".join(language_model.summary(required(), "ml.g6e.4xlarge"))
    assert "one GPU of ml.g6e.4xlarge" in other and "to pay less" not in other
    assert "lacks" in "\n".join(language_model.summary(required(), "ml.g5.xlarge"))
