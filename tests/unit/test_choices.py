"""Each choice starts with the value that -d accepts, and fits a terminal."""

import pytest

from extensions.mcc.catalog import catalog
from extensions.mcc.interview import language_model, questions
from extensions.mcc.servers import engines, triton
from extensions.mcc.sizing import cpu_sizer
from tests.unit.test_language_model import required

WIDTH = 77  # a line of 80 starts with a pointer
CASES = [
    *(
        (name, "")
        for name in (
            "deployment_config",
            "deployment_target",
            "build_target",
            "codebuild_compute_type",
            "ci",
            "hyperpod_mode",
            "model_dtype",
            "framework",
        )
    ),
    *(("serving_profile", name) for name in ("http-fastapi", "transformers-vllm")),
    *(("kv_cache_dtype", name) for name in catalog.servers()),
    *(("model_format", name) for name in (*catalog.frameworks(), *triton.MODEL_CONFIGS)),
    *(("base_image", name) for name in questions.DEPLOYMENT_CONFIGS),
]


@pytest.mark.parametrize(("question", "subject"), CASES)
def test_a_choice_is_a_value_and_a_title(question: str, subject: str) -> None:
    choices = questions.choices(question, subject)
    assert choices and len(choices) <= max(engines.OFFERED, len(questions.DEPLOYMENT_CONFIGS))
    for label, value in choices.items():
        assert label.startswith((f"{value}: ", f"{engines.short_image(value)}: ")) or label == value
        assert len(label) <= WIDTH, label


def test_instance_types_are_few_and_fit() -> None:
    for name in ("Qwen/Qwen3-8B", "google/gemma-3-27b-it", "openai/gpt-oss-120b"):
        offered = language_model.choices(required(name), "")
        assert len(offered) <= 15
        for label, value in offered.items():
            reason = f" ({value['validator']})" if isinstance(value, dict) else ""
            assert label.startswith(f"{value['value'] if reason else value}: ")
            assert len(label + reason) <= WIDTH, label + reason
    for label, name in cpu_sizer.labels("sklearn", None, "throughput").items():
        assert label.startswith(f"{name}: ") and len(label) <= WIDTH


def test_an_answer_that_left_the_catalog_stays_a_choice() -> None:
    kept = questions.choices("base_image", "transformers-vllm", kept="team/vllm:1")
    assert kept["team/vllm:1: not in the catalog"] == "team/vllm:1"
