"""Every model of the catalog against every release: what cannot load is refused or warned of, no more."""

import time
from collections.abc import Iterator

import pytest
import yaml

from extensions.mcc.catalog import catalog
from extensions.mcc.models import lookup
from extensions.mcc.servers import compatibility
from extensions.mcc.servers.compatibility import Model, judge
from tests.conftest import REPOSITORY

DATA = yaml.safe_load((REPOSITORY / "tests/data/cannot_load.yml").read_text())
CANNOT, CHECKED = DATA["cannot_load"], set(DATA["checked"])
READ = [(engine, version) for engine, versions in CANNOT.items() for version in versions]
# The registry has these, and yet the release lacks their configuration or their quantization.
WITHOUT_CONFIGURATION = {"glm_moe_dsa", "ministral3", "qwen3_vl", "qwen3_vl_moe", "deepseek_v32"}


def models() -> Iterator[Model]:
    for name in catalog.models():
        found = compatibility.of_answer(lookup.model(name, offline=True).answer())
        if found.architecture:
            yield found


MODELS = list(models())


@pytest.mark.parametrize(("engine", "version"), READ)
def test_what_the_registry_lacks_is_refused_or_warned_of_and_nothing_else_is_refused(
    engine: str, version: str
) -> None:
    missing = set(CANNOT[engine][version])
    for model in (item for item in MODELS if item.architecture in CHECKED):
        verdict = judge(model, engine, version)
        if model.architecture in missing:
            assert verdict.outcome != "works", (model, verdict)
        elif verdict.outcome == "refuse" and model.model_type not in WITHOUT_CONFIGURATION:
            assert model.quantization and "ForC" not in verdict.reason, (model, verdict)


def test_every_model_with_every_image_takes_less_than_a_few_seconds() -> None:
    started, pairs = time.process_time(), 0
    for config in catalog.servers():
        for image in catalog.servers()[config].images:
            for model in MODELS:
                verdict = compatibility.judge_image(model, config, image.image)
                assert verdict.outcome == "works" or verdict.reason
                pairs += 1
    assert pairs > 7000 and time.process_time() - started < 5


def test_a_refusal_always_offers_what_works() -> None:
    for config, server in catalog.servers().items():
        for image in server.images:
            for model in MODELS[::7]:
                text = compatibility.refusal(model, config, image.image)
                assert not text or "Use base_image=" in text or "Use deployment_config=" in text, text
