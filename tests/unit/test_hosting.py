"""What an endpoint is told: limits from the model's bytes, memory and GPUs from the sizing, the price."""

from typing import Any

import pytest

from extensions.mcc import catalog, facts, hosting
from extensions.mcc.errors import UnsizableModel

PREDICTIVE = {"framework": "sklearn", "profile": "throughput", "model_path": ""}


def chat(checkpoint_bytes: int | None, name: str = "team/model") -> dict[str, Any]:
    known = facts.from_catalog(catalog.models()["Qwen/Qwen3-8B"]).answer()
    shape = known | {"checkpoint_bytes": checkpoint_bytes} if checkpoint_bytes else None
    model = {"name": name, "revision": "", "commit": "", "source": "test", "shape": shape}
    image = catalog.default_image("transformers-vllm")
    return {"model": model, "image": image, "server": "transformers-vllm", "max_concurrency": 16}


def test_a_predictive_model() -> None:
    found = hosting.hosting(PREDICTIVE, "ml.m5.large", {}, 2)
    assert found["accelerators"] == 0 and found["ami"] == "" and 256 <= found["memory_mib"] <= 0.7 * 8 * 1024
    assert (found["startup_seconds"], found["download_seconds"]) == (300, 300)
    assert (found["copies"], found["max_instance_count"]) == (2, 3)
    assert found["usd_per_hour"] == 0.115 and not found["price_estimated"]
    assert found["max_usd_per_hour"] == pytest.approx(0.35)


@pytest.mark.parametrize(
    ("gigabytes", "name", "startup", "download"),
    [
        (16, "team/model", 720, 300),
        (140, "team/model", 3600, 300),
        (1000, "team/model", 3600, 300),
        (16, "s3://bucket/models/mine", 420, 480),
    ],
)
def test_limits_grow_with_the_model_and_with_where_it_lies(
    gigabytes: int, name: str, startup: int, download: int
) -> None:
    found = hosting.hosting(chat(gigabytes * 10**9, name), "ml.g5.12xlarge", {"tensor_parallel_size": 4}, 1)
    assert (found["startup_seconds"], found["download_seconds"]) == (startup, download)
    assert found["model_data"] == ("s3://bucket/models/mine/" if name.startswith("s3") else "")


def test_spare_gpus_become_copies_and_an_unknown_size_gets_all_the_time() -> None:
    found = hosting.hosting(chat(16 * 10**9), "ml.g5.12xlarge", {"tensor_parallel_size": 2}, 3)
    assert (found["copies"], found["accelerators"]) == (6, 2)
    assert found["memory_mib"] <= 192 * 1024 / 2 * 0.7
    assert (
        hosting.hosting(chat(None), "ml.g5.xlarge", {"tensor_parallel_size": 1}, 1)["startup_seconds"] == 3600
    )


def test_a_type_that_the_catalog_has_dropped_has_no_price_and_no_ceiling() -> None:
    found = hosting.hosting(chat(16 * 10**9), "ml.g99.xlarge", {"tensor_parallel_size": 1}, 1)
    assert (found["usd_per_hour"], found["max_usd_per_hour"]) == (0.0, 0.0)


def test_it_is_stale_for_another_model_or_other_instances() -> None:
    kept = hosting.hosting(PREDICTIVE, "ml.m5.large", {}, 1)
    assert hosting.stale_hosting(kept, PREDICTIVE, "ml.m5.large", 1) == ""
    assert hosting.stale_hosting(kept, PREDICTIVE, "ml.m5.large", 2)
    assert hosting.stale_hosting(kept, PREDICTIVE, "ml.m5.xlarge", 1)
    assert hosting.stale_hosting(kept, {**PREDICTIVE, "model_path": "x.pkl"}, "ml.m5.large", 1)


def test_a_broken_stored_answer_is_told() -> None:
    with pytest.raises(UnsizableModel):
        hosting.hosting({**chat(None), "model": {"name": "x"}}, "ml.g5.xlarge", {}, 1)


def test_an_id_is_the_same_again_and_another_for_another_name() -> None:
    assert hosting.project_id("abalone") == hosting.project_id("abalone") != hosting.project_id("churn")
    assert len(hosting.project_id("abalone")) == 8
